// The edges of the handshake: `notifications/initialized`, versions, and results of `initialize` with gaps.

import type { TestHttpServerOptions } from "../../support/http-server.ts";
import { behaviour } from "../behaviour.ts";
import type { Behaviour } from "../behaviour.ts";
import {
  body,
  empty,
  on,
  resultsOf,
  rpcFailure,
  server,
  silence,
  text,
} from "../servers/answers.ts";
import type { Answer, Message } from "../servers/answers.ts";
import { child } from "../servers/child.ts";
import type { Trial } from "../trial.ts";

const INITIALIZED = "notifications/initialized";

const NOTICE_ANSWERS: readonly (readonly [string, string, Answer, string?])[] = [
  ["400", "400", body(400, { error: "Bad Request" })],
  [
    "401",
    "401 and a challenge",
    body(401, { error: "unauthorized" }, { "www-authenticate": "Bearer" }),
    "https://github.com/ttoss/ttoss/issues/1176",
  ],
  ["403", "403 and text", text(403, "Forbidden")],
  ["405", "405", empty(405)],
  ["500", "500 and a page", text(500, "<html><body>Internal Server Error</body></html>")],
  ["501", "501", text(501, "Not Implemented")],
  [
    "200-text",
    "200 and text",
    text(200, "Accepted"),
    "https://github.com/modelcontextprotocol/java-sdk/issues/748",
  ],
  ["204", "204", empty(204)],
  [
    "200-rpc-error",
    "200 and a JSON-RPC error whose id is null",
    rpcFailure(200, -32600, "Invalid Request", { id: null }),
    "https://github.com/chrisns/govreposcrape/pull/356",
  ],
  [
    "200-result",
    "200 and a result for nobody",
    body(200, { jsonrpc: "2.0", id: null, result: {} }),
  ],
  [
    "200-open-stream",
    "200 and a stream that stays open",
    ({ res }) => res.writeHead(200, { "content-type": "text/event-stream" }).write(": hi\n\n"),
  ],
];

function refusing(answer: Answer, sessions: boolean): TestHttpServerOptions {
  return { sessions, onRequest: on(INITIALIZED, answer) };
}

/** The result of `initialize` is changed. */
function initializes(change: (result: Message) => Message): (trial: Trial) => Promise<void> {
  return async (trial) =>
    trial.everyday(await server(trial, { ...resultsOf("initialize", change) }));
}

const RESULTS: readonly (readonly [string, string, (result: Message) => Message, string?])[] = [
  [
    "version-2024-10-07",
    "agrees on the version 2024-10-07",
    (result) => ({ ...result, protocolVersion: "2024-10-07" }),
    "https://github.com/strowk/mcp-k8s-go/issues/40",
  ],
  [
    "version-2024-11-05",
    "agrees on the version 2024-11-05, over Streamable HTTP",
    (result) => ({ ...result, protocolVersion: "2024-11-05" }),
  ],
  [
    "version-newer",
    "agrees on a version that is newer than any client's",
    (result) => ({ ...result, protocolVersion: "2099-01-01" }),
  ],
  [
    "capabilities-array",
    "writes its capabilities as the empty array",
    (result) => ({ ...result, capabilities: [] }),
  ],
  [
    "capability-tools-array",
    "gives its tools as the capability, an array",
    (result) => ({ ...result, capabilities: { tools: [{ name: "echo" }] } }),
    "https://github.com/springfall2008/batpred/issues/3496",
  ],
  [
    "capabilities-null",
    "has capabilities, of which some are null",
    (result) => ({ ...result, capabilities: { tools: {}, prompts: null, resources: null } }),
  ],
  [
    "capability-undeclared",
    "declares no capability at all, and has tools",
    (result) => ({ ...result, capabilities: {} }),
    "https://github.com/DeusData/codebase-memory-mcp/issues/1185",
  ],
  [
    "capabilities-missing",
    "does not mention its capabilities, and has tools",
    ({ capabilities: _none, ...result }) => result,
  ],
  ["server-info-missing", "does not say who it is", ({ serverInfo: _none, ...result }) => result],
  [
    "server-info-null",
    "has no version, and null for its instructions",
    (result) => ({ ...result, serverInfo: { name: "s", version: null }, instructions: null }),
  ],
];

export const handshake: readonly Behaviour[] = [
  ...NOTICE_ANSWERS.map(([id, words, answer, source], at) =>
    behaviour(`initialized-${id}`, `answers ${INITIALIZED} with ${words}`, source, async (trial) =>
      trial.everyday(await server(trial, refusing(answer, at % 2 === 0))),
    ),
  ),
  {
    id: "initialized-never",
    title: `never answers ${INITIALIZED}`,
    lateMs: 11_000,
    run: async (trial) => trial.everyday(await server(trial, refusing(silence, true))),
  },
  {
    id: "initialized-needs-params",
    title: "answers notifications without params with 400, and GET and DELETE too",
    source: "https://github.com/hyperdxio/hyperdx/issues/2686",
    async run(trial) {
      const refuse = body(400, { error: "Bad Request" });
      const one = await server(trial, {
        sessions: false,
        onRequest(context) {
          const { method, body: message } = context;
          const isNotice = message?.method !== undefined && message.id === undefined;
          if (method === "POST" && !(isNotice && message.params === undefined)) return false;
          refuse(context);
          return true;
        },
      });
      await trial.everyday(one);
    },
  },
  ...RESULTS.map(([id, title, change, source]) =>
    behaviour(id, title, source, initializes(change)),
  ),
  {
    id: "version-refused-text",
    title: "refuses a version that it does not know with 400 and text, and names none",
    run: async (trial) => trial.everyday(await server(trial, refusingVersions("text"))),
  },
  {
    id: "version-refused-rpc",
    title: "refuses a version that it does not know with -32602, and names none",
    run: async (trial) => trial.everyday(await server(trial, refusingVersions("rpc"))),
  },
  {
    id: "version-newer-stdio",
    title: "agrees on a version that is newer than any client's, as a child process",
    async run(trial) {
      const result = {
        protocolVersion: "2099-01-01",
        capabilities: { tools: {} },
        serverInfo: { name: "child", version: "1" },
      };
      await trial.everyday(child(trial, { results: { initialize: result } }));
    },
  },
  {
    id: "session-id-empty",
    title: "gives an empty session id, and knows no sessions",
    async run(trial) {
      const one = await server(trial, {
        sessions: false,
        onRequest({ res }) {
          res.setHeader("mcp-session-id", "");
        },
      });
      await trial.everyday(one);
    },
  },
  {
    id: "session-id-late",
    title: "repeats its session id with every answer",
    async run(trial) {
      const one = await server(trial, {
        onRequest({ res, headers }) {
          const session = headers["mcp-session-id"];
          if (session !== undefined) res.setHeader("mcp-session-id", session);
        },
      });
      await trial.everyday(one);
    },
  },
];

/** A server that knows 2025-03-26 and older versions only. */
function refusingVersions(how: "text" | "rpc"): TestHttpServerOptions {
  const refuse =
    how === "text"
      ? text(400, "Bad Request: Unsupported protocol version")
      : rpcFailure(200, -32602, "Unsupported protocol version");
  return {
    protocolVersion: "2025-03-26",
    onRequest(context) {
      const asked = context.body?.params?.["protocolVersion"];
      if (context.body?.method !== "initialize" || String(asked) <= "2025-03-26") return false;
      refuse(context);
      return true;
    },
  };
}
