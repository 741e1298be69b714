// Messages that JSON-RPC does not allow, and whose meaning is plain all the same.

import type { RequestContext, TestHttpServerOptions } from "../../support/http-server.ts";
import { sseEvent } from "../../support/http-server.ts";
import { behaviour } from "../behaviour.ts";
import type { Behaviour } from "../behaviour.ts";
import { rewriting, server, writeAs } from "../servers/answers.ts";
import type { Message } from "../servers/answers.ts";
import { child } from "../servers/child.ts";
import type { Trial } from "../trial.ts";

const idAsString = (message: Message): Message => ({ ...message, id: String(message["id"]) });
const withErrorNull = (message: Message): Message => ({ ...message, error: null });

/** Every answer is changed. */
const CHANGES: readonly (readonly [
  string,
  string,
  "json" | "sse",
  (message: Message) => Message,
  string?,
])[] = [
  [
    "id-as-string",
    "gives ids back as strings",
    "json",
    idAsString,
    "https://github.com/modelcontextprotocol/python-sdk/pull/1720",
  ],
  ["id-as-string-stream", "gives ids back as strings, in events", "sse", idAsString],
  ["error-null", "writes error: null beside a result", "json", withErrorNull],
  ["error-null-stream", "writes error: null beside a result, in events", "sse", withErrorNull],
  [
    "jsonrpc-missing",
    "leaves out the member jsonrpc",
    "json",
    ({ jsonrpc: _none, ...message }) => message,
  ],
  [
    "method-echoed",
    "repeats the method and params null in its answers",
    "sse",
    (message) => ({ ...message, method: null, params: null }),
  ],
];

/** The call gets an error, and the caller is told at once. */
async function refusesCalls(
  trial: Trial,
  change: (message: Message, context: RequestContext) => Message,
  replies: "json" | "sse" = "json",
): Promise<void> {
  const one = await server(
    trial,
    rewriting(
      (message, context) =>
        context.body?.params?.["name"] === "broken" ? change(message, context) : message,
      replies,
    ),
    { echo: {}, broken: {} },
  );
  await trial.connect(one);
  await trial.lists("echo", "broken");
  await trial.calls("broken", 1, { expects: "error" });
  await trial.calls("echo");
}

/** The body of a call is written by hand: `$ID` is the request's id. */
function writing(
  write: (context: RequestContext, id: string) => void,
): Pick<TestHttpServerOptions, "writeAnswer"> {
  return {
    writeAnswer(context, answer, headers) {
      if (context.body?.params?.["name"] === "broken") {
        write(context, JSON.stringify(context.body.id));
      } else writeAs("json", context, answer, headers);
    },
  };
}

async function endsAtOnce(
  trial: Trial,
  write: (context: RequestContext, id: string) => void,
): Promise<void> {
  const one = await server(trial, writing(write), { echo: {}, broken: {} });
  await trial.connect(one);
  await trial.lists("echo", "broken");
  await trial.calls("broken", 1, { expects: "error" });
  await trial.calls("echo");
}

/** Notices that come on the stream of GET: the list has changed, and is asked for again. */
const NOTICES: readonly (readonly [string, string, object, string?])[] = [
  [
    "notice-params-array",
    "writes params: [] in a notice that its tools have changed",
    { params: [] },
    "https://github.com/context-hub/generator/issues/303",
  ],
  [
    "notice-params-null",
    "writes params: null in a notice that its tools have changed",
    { params: null },
  ],
  ["notice-id-null", "writes id: null in a notice that its tools have changed", { id: null }],
];

export const messages: readonly Behaviour[] = [
  ...CHANGES.map(([id, title, replies, change, source]) =>
    behaviour(id, title, source, async (trial) =>
      trial.everyday(await server(trial, rewriting(change, replies))),
    ),
  ),
  {
    id: "id-as-string-stdio",
    title: "gives ids back as strings, as a child process",
    run: (trial) => trial.everyday(child(trial, { ids: "string" })),
  },
  {
    id: "error-null-stdio",
    title: "writes error: null beside a result, as a child process",
    async run(trial) {
      const merge = { error: null };
      const methods = ["initialize", "tools/list", "tools/call"];
      const all = Object.fromEntries(methods.map((method) => [method, merge]));
      await trial.everyday(child(trial, { merge: all }));
    },
  },
  {
    id: "result-null-beside-error",
    title: "writes result: null beside an error",
    run: (trial) =>
      refusesCalls(trial, ({ id }) => {
        const error = { code: -32000, message: "the disk is full" };
        return { jsonrpc: "2.0", id, result: null, error };
      }),
  },
  {
    id: "error-code-string",
    title: "writes the code of an error as a string",
    run: (trial) =>
      refusesCalls(
        trial,
        ({ id }) => ({
          jsonrpc: "2.0",
          id,
          error: { code: "E_DISK", message: "the disk is full" },
        }),
        "sse",
      ),
  },
  {
    id: "error-text",
    title: "writes an error as a mere string",
    run: (trial) =>
      refusesCalls(trial, ({ id }) => ({ jsonrpc: "2.0", id, error: "the disk is full" })),
  },
  {
    id: "error-id-null",
    title: "answers a call with an error whose id is null",
    run: (trial) =>
      refusesCalls(trial, () => {
        const error = { code: -32603, message: "Internal error" };
        return { jsonrpc: "2.0", id: null, error };
      }),
  },
  {
    id: "error-id-null-stream",
    title: "answers a call with an error whose id is null, as an event",
    run: (trial) =>
      refusesCalls(
        trial,
        () => {
          const error = { code: -32603, message: "Internal error" };
          return { jsonrpc: "2.0", id: null, error };
        },
        "sse",
      ),
  },
  {
    id: "answer-in-array",
    title: "puts every answer into an array",
    async run(trial) {
      const one = await server(trial, {
        writeAnswer({ res }, answer, headers) {
          res.writeHead(200, { ...headers, "content-type": "application/json" });
          res.end(JSON.stringify([answer]));
        },
      });
      await trial.everyday(one);
    },
  },
  {
    id: "answer-in-array-stream",
    title: "puts every answer into an array, in events",
    async run(trial) {
      const one = await server(trial, {
        writeAnswer({ res }, answer, headers) {
          res.writeHead(200, { ...headers, "content-type": "text/event-stream" });
          res.end(`data: ${JSON.stringify([answer])}\n\n`);
        },
      });
      await trial.everyday(one);
    },
  },
  {
    id: "broken-json-with-id",
    title: "answers a call with JSON that breaks off after the id",
    run: (trial) =>
      endsAtOnce(trial, ({ res }, id) => {
        res.writeHead(200, { "content-type": "application/json" });
        res.end(`{"jsonrpc":"2.0","id":${id},"result":{"content":[`);
      }),
  },
  {
    id: "broken-event-with-id",
    title: "answers a call with an event that is no JSON, and leaves the stream open",
    run: (trial) =>
      endsAtOnce(trial, ({ res }, id) => {
        res.writeHead(200, { "content-type": "text/event-stream" });
        res.write(sseEvent(`{"jsonrpc":"2.0","id":${id},"result":{"value": NaN}}`));
      }),
  },
  {
    id: "broken-line-with-id",
    title: "answers a call with a line that is no JSON, as a child process",
    async run(trial) {
      const one = child(trial, {
        raw: { "tools/call": ['{"jsonrpc":"2.0","id":$ID,"result":{"value": NaN}}'] },
      });
      await trial.connect(one);
      await trial.lists("echo");
      await trial.calls("echo", 1, { expects: "error" });
    },
  },
  {
    id: "text-for-an-answer",
    title: "answers a call with a word that is no JSON",
    run: (trial) =>
      endsAtOnce(trial, ({ res }) => {
        res.writeHead(200, { "content-type": "application/json" }).end("done");
      }),
  },
  ...NOTICES.map(([id, title, members, source]) =>
    behaviour(id, title, source, async (trial) => {
      const one = await server(trial, { getStream: true });
      await trial.connect(one);
      await trial.lists("echo");
      await trial.until(() => one.openStreams > 0);
      Object.assign(one.options.tools ?? {}, { second: {} });
      one.push({ jsonrpc: "2.0", method: "notifications/tools/list_changed", ...members });
      await trial.listsSoon("echo", "second");
      await trial.calls("second");
    }),
  ),
  {
    id: "notice-params-array-stdio",
    title: "writes params: [] in a notice before an answer, as a child process",
    async run(trial) {
      const notice = { jsonrpc: "2.0", method: "notifications/message", params: [] };
      await trial.everyday(child(trial, { push: { "tools/call": [notice] } }));
    },
  },
];
