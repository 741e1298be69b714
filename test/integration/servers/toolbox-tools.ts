// The toolbox's tools: what each makes the server do is what its test looks at.

import { InputNeeded, RpcFailure } from "./wire.ts";
import type { CallContext, Params, Record, Wire } from "./wire.ts";

/** What a server remembers from one request to the next: for one session, or for all clients where there is none. */
export interface Memory {
  readonly tools: object[];
  /** Elicitations that were completed. */
  readonly visited: Set<string>;
}

/** What a handler works on. */
export interface Session extends Memory {
  readonly wire: Wire;
  readonly record: Record;
  readonly subscribed: Set<string>;
  /** Whether the level that the client set, for the session or with the request, lets a message pass. */
  readonly logs: (level: string, context: CallContext) => boolean;
}

type Handler = (args: Params, context: CallContext, session: Session) => object | Promise<object>;

/** One pixel. */
export const PNG =
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

export const FORM = {
  type: "object",
  properties: {
    name: { type: "string", default: "John Doe" },
    age: { type: "integer", default: 30 },
    score: { type: "number", default: 95.5 },
    status: { type: "string", enum: ["active", "idle"], default: "active" },
    verified: { type: "boolean", default: true },
  },
  required: ["name"],
};

const anything = { type: "object" };

export const TOOLS: readonly object[] = [
  {
    name: "echo",
    title: "Echo",
    description: "gives back its arguments",
    inputSchema: {
      $schema: "https://json-schema.org/draft/2020-12/schema",
      type: "object",
      properties: { key: { $ref: "#/$defs/key" } },
      $defs: { key: { type: "string" } },
      additionalProperties: true,
      "x-unknown": [1],
    },
    annotations: { readOnlyHint: true },
    _meta: { "test.example/kept": true },
  },
  {
    name: "sum",
    inputSchema: anything,
    outputSchema: {
      type: "object",
      properties: { sum: { type: "number" } },
      required: ["sum"],
    },
  },
  ...[
    "fail",
    "refuse",
    "picture",
    "links",
    "progress",
    "wait",
    "sample",
    "elicit",
    "interview",
    "visit",
    "gated",
    "finish",
    "roots",
    "ping",
    "log",
    "touch",
    "grow",
    "shrink",
    "crash",
    "detach",
    "hush",
    "mis.named tool/ü",
  ].map((name) => ({ name, inputSchema: anything })),
];

const HANDLERS: { readonly [name: string]: Handler } = {
  echo: (args, { meta }, { record }) => {
    const trace = meta?.["traceparent"];
    if (typeof trace === "string") record(`meta of ${String(args["key"])} ${trace}`);
    return text(args);
  },

  sum: ({ a, b }) => {
    const sum = Number(a) + Number(b);
    return { ...text({ sum }), structuredContent: { sum } };
  },

  fail: () => ({ ...text("it did not work"), isError: true }),

  refuse: () => {
    throw new RpcFailure(-32602, "refused", { why: "because" });
  },

  picture: () => ({ content: [{ type: "image", data: PNG, mimeType: "image/png" }] }),

  links: () => ({
    content: [
      { type: "resource_link", uri: "test:///note.txt", name: "note" },
      { type: "resource", resource: { uri: "test:///note.txt", text: "a note" } },
    ],
  }),

  /** The answer waits for a ping behind the reports: on a stream of its own it would overtake them. */
  async progress({ steps }, { progressToken, notify, ask }) {
    if (progressToken === undefined) return text("no token");
    for (let step = 1; step <= Number(steps); step += 1) {
      const params = { progressToken, progress: step, total: steps, message: `step ${step}` };
      await notify("notifications/progress", params);
    }
    await ask("ping");
    return text("done");
  },

  wait: ({ key }, { signal }, { record }) =>
    new Promise((resolve) => {
      const onAbort = (): void => {
        record(`aborted ${String(key)}`);
        resolve(text("aborted"));
      };
      if (signal.aborted) onAbort();
      else signal.addEventListener("abort", onAbort, { once: true });
      record(`waiting ${String(key)}`);
    }),

  /** Gives back what the client answered, or how it refused. */
  sample: (args, { ask }) =>
    outcome(
      ask("sampling/createMessage", {
        messages: [{ role: "user", content: { type: "text", text: "What is the capital?" } }],
        maxTokens: 10,
        ...args,
      }),
    ),

  elicit: (args, { ask }) =>
    outcome(ask("elicitation/create", { message: "Who are you?", requestedSchema: FORM, ...args })),

  /** A question, and two more at once that come of its answer. */
  async interview(_args, { ask }) {
    const requestedSchema = { type: "object", properties: { name: { type: "string" } } };
    const who = await ask("elicitation/create", { message: "Your name?", requestedSchema });
    const { name } = who["content"] as { name: string };
    const greet = { role: "user", content: { type: "text", text: `Greet ${name}` } };
    const [greeting, roots] = await Promise.all([
      ask("sampling/createMessage", { messages: [greet], maxTokens: 10 }),
      ask("roots/list"),
    ]);
    return text({ name, greeting: greeting["content"], roots: roots["roots"] });
  },

  visit: ({ url }, { ask }) =>
    outcome(
      ask("elicitation/create", { mode: "url", message: "Please visit", elicitationId: "v", url }),
    ),

  /** Refuses until `finish` was called, as a page does that a person has visited. */
  gated: ({ key }, _context, { visited }) => {
    const elicitationId = String(key);
    if (visited.has(elicitationId)) return text("let in");
    const url = "https://example.com/in";
    const elicitation = { elicitationId, mode: "url", message: "Sign in", url };
    throw new RpcFailure(-32042, "URL elicitation required", { elicitations: [elicitation] });
  },

  async finish({ elicitationId }, _context, { wire, visited }) {
    visited.add(String(elicitationId));
    await wire.notify("notifications/elicitation/complete", { elicitationId });
    return text("finished");
  },

  roots: (_args, { ask }) => outcome(ask("roots/list")),

  ping: (_args, { ask }) => outcome(ask("ping")),

  async log({ level, data }, context, { logs }) {
    const message = { level, logger: "toolbox", data };
    if (logs(String(level), context)) await context.notify("notifications/message", message);
    return text("logged");
  },

  /** Reports a change of `uri`, if it or the folder above it is subscribed to. */
  async touch({ uri }, _context, { wire, subscribed }) {
    const name = String(uri);
    const covered =
      wire.keepsSubscriptions === true ||
      [...subscribed].some((one) => name === one || name.startsWith(`${one}/`));
    if (covered) await wire.notify("notifications/resources/updated", { uri: name });
    return text(covered);
  },

  async grow({ name }, _context, { wire, tools }) {
    tools.push({ name, inputSchema: anything });
    await wire.notify("notifications/tools/list_changed");
    await wire.notify("notifications/prompts/list_changed");
    await wire.notify("notifications/resources/list_changed");
    return text("grown");
  },

  async shrink(_args, _context, { wire, tools }) {
    tools.pop();
    await wire.notify("notifications/tools/list_changed");
    return text("shrunk");
  },

  crash: () => process.exit(7),

  /** Ends its own stream and answers afterwards, so that the answer must be fetched (3.24). */
  async detach(_args, { endStream }) {
    if (endStream === undefined) return text("not offered");
    endStream();
    return text("fetched");
  },

  /** Ends the session's GET stream and reports a change into the silence (3.22). */
  async hush({ uri }, { endChanges }, { wire }) {
    if (endChanges === undefined) return text("not offered");
    endChanges();
    await wire.notify("notifications/resources/updated", { uri });
    return text("hushed");
  },

  "mis.named tool/ü": () => text("found"),
};

export async function callTool(
  session: Session,
  params: Params,
  context: CallContext,
): Promise<object> {
  const name = String(params["name"]);
  const args = (params["arguments"] ?? {}) as Params;
  const listed = session.tools.some((tool) => (tool as { name: unknown }).name === name);
  if (!listed) throw new RpcFailure(-32602, `Unknown tool: ${name}`);
  const key = args["key"];
  session.record(typeof key === "string" ? `${name} ${key}` : name);
  return (HANDLERS[name] ?? (() => text(name)))(args, context, session);
}

function text(value: unknown): object {
  return {
    content: [{ type: "text", text: typeof value === "string" ? value : JSON.stringify(value) }],
  };
}

async function outcome(asked: Promise<Params>): Promise<object> {
  try {
    return text({ result: await asked });
  } catch (error) {
    if (error instanceof InputNeeded) throw error;
    const { code, message } = error as { code?: unknown; message?: unknown };
    return text({ code, message });
  }
}
