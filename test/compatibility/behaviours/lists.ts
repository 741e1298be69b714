// Lists: cursors that lead nowhere, nulls, lists that fail or are empty at first, lists that are not there.

import type { TestHttpServerOptions } from "../../support/http-server.ts";
import { behaviour } from "../behaviour.ts";
import type { Behaviour } from "../behaviour.ts";
import { on, resultsOf, rpcFailure, server, text } from "../servers/answers.ts";
import type { Answer, Message } from "../servers/answers.ts";
import { child } from "../servers/child.ts";
import type { Trial } from "../trial.ts";

/** The result of `tools/list` is changed; the tool echo works. */
function listing(change: (result: Message) => unknown): (trial: Trial) => Promise<void> {
  return async (trial) => trial.everyday(await server(trial, resultsOf("tools/list", change)));
}

const TOOLS: readonly (readonly [string, string, (result: Message) => unknown, string?])[] = [
  [
    "cursor-empty",
    "ends its list with an empty cursor",
    (result) => ({ ...result, nextCursor: "" }),
    "https://github.com/modelcontextprotocol/java-sdk/issues/575",
  ],
  [
    "cursor-null",
    "ends its list with null as the cursor",
    (result) => ({ ...result, nextCursor: null }),
  ],
  [
    "cursor-same",
    "gives the same page and the same cursor for ever",
    (result) => ({ ...result, nextCursor: "page-2" }),
    "https://github.com/DeusData/codebase-memory-mcp/issues/1247",
  ],
  [
    "list-null-members",
    "writes null for what a tool does not have",
    ({ tools }) => ({
      tools: (tools as Message[]).map((tool) => {
        return {
          ...tool,
          title: null,
          annotations: null,
          outputSchema: null,
          _meta: null,
          icons: null,
        };
      }),
      nextCursor: null,
      _meta: null,
    }),
  ],
  [
    "list-null-entry",
    "has null among its tools",
    ({ tools }) => ({ tools: [null, ...(tools as Message[])] }),
    "https://github.com/cognizant-ai-lab/neuro-san/issues/1341",
  ],
  [
    "list-nameless-entry",
    "has a tool without a name among its tools",
    ({ tools }) => ({
      tools: [
        { description: "nameless", inputSchema: { type: "object" } },
        ...(tools as Message[]),
      ],
    }),
  ],
];

const EMPTY_LISTS: Readonly<Record<string, Message>> = {
  "resources/list": { resources: null },
  "resources/templates/list": { resourceTemplates: null },
  "prompts/list": { prompts: null },
};
const ALL = { tools: {}, resources: {}, prompts: {} };

/** Other lists, answered from a table. */
function others(results: Readonly<Record<string, Message>>): TestHttpServerOptions {
  return {
    capabilities: ALL,
    writeAnswer(context, answer, headers) {
      const { res, body } = context;
      const result = results[body?.method ?? ""];
      const message = result === undefined ? answer : { jsonrpc: "2.0", id: body?.id, result };
      res.writeHead(200, { ...headers, "content-type": "application/json" });
      res.end(JSON.stringify(message));
    },
  };
}

/** The first lists get another answer. */
function atFirst(times: number, answer: Answer): TestHttpServerOptions {
  let left = times;
  return {
    onRequest(context) {
      if (context.body?.method !== "tools/list" || left === 0) return false;
      left -= 1;
      answer(context);
      return true;
    },
  };
}

const noTools: Answer = ({ res, body }) => {
  res.writeHead(200, { "content-type": "application/json" });
  res.end(JSON.stringify({ jsonrpc: "2.0", id: body?.id, result: { tools: [] } }));
};

/** The tool is called by its name, listed or not. */
async function worksByName(trial: Trial, options: TestHttpServerOptions): Promise<void> {
  await trial.connect(await server(trial, options));
  await trial.calls("echo", 2, { unlisted: true });
  await trial.listsSoon("echo");
}

export const lists: readonly Behaviour[] = [
  ...TOOLS.map(([id, title, change, source]) => behaviour(id, title, source, listing(change))),
  {
    id: "cursor-empty-stdio",
    title: "ends its list with an empty cursor, as a child process",
    source: "https://github.com/langchain-ai/langchain-mcp-adapters/issues/234",
    async run(trial) {
      const tools = [{ name: "echo", inputSchema: { type: "object" } }];
      await trial.everyday(child(trial, { results: { "tools/list": { tools, nextCursor: "" } } }));
    },
  },
  {
    id: "list-null-tools",
    title: "has no tools, and writes null for them",
    async run(trial) {
      await trial.connect(
        await server(
          trial,
          resultsOf("tools/list", () => ({ tools: null })),
        ),
      );
      await trial.lists();
    },
  },
  {
    id: "list-missing-tools",
    title: "has no tools, and answers with an empty result",
    async run(trial) {
      await trial.connect(
        await server(
          trial,
          resultsOf("tools/list", () => ({})),
        ),
      );
      await trial.lists();
    },
  },
  {
    id: "list-null-others",
    title: "writes null for its resources, templates and prompts, of which it has none",
    source: "https://github.com/aldinokemal/go-whatsapp-web-multidevice/issues/625",
    async run(trial) {
      await trial.everyday(await server(trial, others(EMPTY_LISTS)));
      await trial.listsOthers("resources");
      await trial.listsOthers("resourceTemplates");
      await trial.listsOthers("prompts");
    },
  },
  {
    id: "list-cursor-empty-others",
    title: "ends its lists of resources and prompts with an empty cursor",
    async run(trial) {
      const results = {
        "resources/list": { resources: [{ uri: "a:b", name: "one" }], nextCursor: "" },
        "prompts/list": { prompts: [{ name: "two" }], nextCursor: "" },
      };
      await trial.everyday(await server(trial, others(results)));
      await trial.listsOthers("resources", "one");
      await trial.listsOthers("prompts", "two");
    },
  },
  {
    id: "list-no-templates",
    title: "has resources, and answers for its templates that there is no such method",
    source: "https://github.com/metabase/metabase/issues/77107",
    async run(trial) {
      const results = { "resources/list": { resources: [{ uri: "a:b", name: "one" }] } };
      await trial.everyday(await server(trial, others(results)));
      await trial.listsOthers("resources", "one");
      await trial.asksOthers("resourceTemplates");
      await trial.calls("echo");
    },
  },
  {
    id: "list-no-tools-method",
    title: "declares tools, and answers for their list that there is no such method",
    async run(trial) {
      const refuse = rpcFailure(200, -32601, "Method not found");
      const one = await server(trial, { onRequest: on("tools/list", refuse) });
      await trial.connect(one);
      await trial.calls("echo", 1, { unlisted: true });
    },
  },
  {
    id: "list-empty-at-first",
    title: "lists nothing right after the handshake, and its tools a moment later",
    run: (trial) => worksByName(trial, atFirst(1, noTools)),
  },
  {
    id: "list-fails-at-first-rpc",
    title: "fails the first list with a JSON-RPC error, and not the second",
    run: (trial) => worksByName(trial, atFirst(1, rpcFailure(200, -32603, "still loading"))),
  },
  {
    id: "list-fails-at-first-503",
    title: "fails the first list with 503, and not the second",
    run: (trial) => worksByName(trial, atFirst(1, text(503, "Service Unavailable"))),
  },
  {
    id: "list-changes-unannounced",
    title: "has a new tool, and tells nobody",
    async run(trial) {
      const late = {};
      const tools: Record<string, object> = { echo: {} };
      const one = await server(trial, {}, tools);
      await trial.connect(one);
      await trial.lists("echo");
      Object.assign(one.options.tools ?? {}, { late });
      await trial.calls("late", 1, { unlisted: true });
    },
  },
];
