// Servers of the session era that refuse `server/discover`, the question for the newest revision, in their own words.

import { behaviour } from "../behaviour.ts";
import type { Behaviour } from "../behaviour.ts";
import { body, empty, on, rpcFailure, server, silence, text } from "../servers/answers.ts";
import type { Answer, Message } from "../servers/answers.ts";

const rpcMessage =
  (status: number, message: Message): Answer =>
  (context) =>
    body(status, { jsonrpc: "2.0", id: context.body?.id ?? null, ...message })(context);

const ANSWERS: readonly (readonly [string, string, Answer, string?])[] = [
  [
    "401-challenge",
    "401 and a challenge, and lets only initialize and lists through",
    body(401, { error: "unauthorized" }, { "www-authenticate": "Bearer" }),
    "https://github.com/zereight/gitlab-mcp/issues/705",
  ],
  ["401-text", "401 and text", text(401, "Unauthorized")],
  ["403-text", "403 and text", text(403, "method not allowed by policy")],
  ["403-html", "403 and a firewall's page", text(403, "<html><h1>403 Forbidden</h1></html>")],
  [
    "404-session",
    "404 and the words of a lost session",
    text(404, "Invalid session ID"),
    "https://github.com/modelcontextprotocol/csharp-sdk/issues/1765",
  ],
  ["405", "405", text(405, "Method Not Allowed")],
  ["406", "406 and text", text(406, "Not Acceptable")],
  ["415", "415 and text", text(415, "Unsupported Media Type")],
  [
    "422",
    "422 and text",
    text(422, "Unexpected message, expect initialize request"),
    "https://github.com/modelcontextprotocol/rust-sdk/issues/1142",
  ],
  [
    "500-html",
    "500 and a page",
    text(500, "<html><body>There has been a critical error on this website.</body></html>"),
    "https://github.com/WordPress/mcp-adapter/issues/143",
  ],
  ["500-rpc", "500 and a JSON-RPC error", rpcFailure(500, -32603, "Internal error")],
  ["501", "501", text(501, "Not Implemented")],
  ["502", "502: the program behind it has died of the question", text(502, "Bad Gateway")],
  ["200-empty", "200 and nothing", empty(200)],
  ["202", "202 and nothing, as if it were a notification", empty(202)],
  ["204", "204", empty(204)],
  ["200-html", "200 and a page", text(200, "<html><body>Welcome</body></html>")],
  ["200-text", "200 and the word OK", text(200, "OK")],
  ["200-other-json", "200 and JSON that is no message", body(200, { status: "ok" })],
  ["result-null", "a result that is null", rpcMessage(200, { result: null })],
  ["result-empty", "a result that is empty", rpcMessage(200, { result: {} })],
  [
    "id-null",
    "200 and a JSON-RPC error whose id is null",
    rpcFailure(200, -32600, "Missing ID field", { id: null }),
    "https://github.com/adcontextprotocol/adcp-client/pull/2408",
  ],
  [
    "not-initialized",
    '400 and "Server not initialized"',
    rpcFailure(400, -32000, "Bad Request: Server not initialized", { id: null }),
    "https://github.com/UsefulSoftwareCo/executor/issues/1449",
  ],
  [
    "invalid-params",
    "an error that speaks of its parameters (-32602), as an event",
    rpcFailure(200, -32602, "Invalid request parameters", { replies: "sse" }),
  ],
  ["closes", "the end of the connection", ({ res }) => res.destroy()],
];

export const probe: readonly Behaviour[] = [
  ...ANSWERS.map(([id, words, answer, source]) =>
    behaviour(`probe-${id}`, `answers server/discover with ${words}`, source, async (trial) =>
      trial.everyday(await server(trial, { onRequest: on("server/discover", answer) })),
    ),
  ),
  {
    id: "probe-never",
    title: "never answers server/discover",
    source: "https://github.com/modelcontextprotocol/rust-sdk/issues/1142",
    // The specification itself says to wait for a reasonable time.
    lateMs: 11_000,
    run: async (trial) =>
      trial.everyday(await server(trial, { onRequest: on("server/discover", silence) })),
  },
  {
    id: "probe-breaks-string-ids",
    title: "fails with 500 on any request whose id is a string",
    source: "https://github.com/WordPress/mcp-adapter/issues/143",
    async run(trial) {
      const failure = text(500, "TypeError: Argument #1 ($id) must be of type int, string given");
      const one = await server(trial, {
        replies: "sse",
        onRequest(context) {
          if (typeof context.body?.id !== "string") return false;
          failure(context);
          return true;
        },
      });
      await trial.everyday(one);
    },
  },
];
