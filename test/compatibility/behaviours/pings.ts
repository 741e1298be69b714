// Servers that do not know `ping`, or answer it in a way that says nothing.

import { pause } from "../../fault/suite/stage.ts";
import { sseEvent } from "../../support/http-server.ts";
import { behaviour } from "../behaviour.ts";
import type { Behaviour } from "../behaviour.ts";
import { body, empty, on, rpcFailure, server, text, writeAs } from "../servers/answers.ts";
import type { Answer } from "../servers/answers.ts";
import { child } from "../servers/child.ts";
import type { Trial } from "../trial.ts";

const ANSWERS: readonly (readonly [string, string, Answer, string?])[] = [
  [
    "unknown",
    "that there is no such method",
    rpcFailure(200, -32601, "Method not found"),
    "https://github.com/GCWing/OpenBitFun/pull/2871",
  ],
  [
    "500-rpc",
    "500 and a JSON-RPC error",
    rpcFailure(500, -32603, "MCP responses MUST either have a result or error"),
    "https://github.com/Graylog2/graylog2-server/issues/27066",
  ],
  [
    "null",
    "a result that is null",
    (context) => body(200, { jsonrpc: "2.0", id: context.body?.id, result: null })(context),
  ],
  ["500", "500 and text", text(500, "Internal Server Error")],
  ["400", "400 and text", text(400, "Bad Request: unknown method ping")],
  ["202", "202 and nothing", empty(202)],
];

/** How long the server is away, milliseconds. */
const AWAY_MS = 400;

/** Every call is answered when its ping is. */
async function asksForPing(trial: Trial, members: object): Promise<void> {
  let answered = 0;
  const one = await server(trial, {
    replies: "sse",
    onRequest({ body: message }) {
      if (message?.id === "ping-of-server" && message.result !== undefined) answered += 1;
    },
    async writeAnswer(context, answer, added) {
      if (context.body?.method !== "tools/call") {
        writeAs("sse", context, answer, added);
        return;
      }
      const before = answered;
      const ping = { jsonrpc: "2.0", id: "ping-of-server", method: "ping", ...members };
      context.res.writeHead(200, { ...added, "content-type": "text/event-stream" });
      context.res.write(sseEvent(ping));
      if (!(await trial.until(() => answered > before))) trial.fails("the ping is not answered");
      context.res.end(sseEvent(answer));
    },
  });
  await trial.everyday(one);
}

export const pings: readonly Behaviour[] = [
  ...ANSWERS.map(([id, words, answer, source]) =>
    behaviour(
      `ping-${id}`,
      `answers ping with ${words}; it is away for a moment, and keeps its sessions`,
      source,
      async (trial) => {
        const one = await server(trial, { onRequest: on("ping", answer) });
        await trial.everyday(one);
        await one.stop();
        const during = trial.start("echo", { expects: "any" });
        await pause(AWAY_MS);
        await one.listen();
        await during;
        await trial.calls("echo", 2);
      },
    ),
  ),
  behaviour(
    "ping-of-the-server",
    "asks for a ping, its id a string, before it answers a call",
    undefined,
    (trial) => asksForPing(trial, {}),
  ),
  behaviour(
    "ping-of-the-server-params",
    "asks for a ping with params: [] before it answers a call",
    "https://github.com/context-hub/generator/issues/303",
    (trial) => asksForPing(trial, { params: [] }),
  ),
  behaviour(
    "ping-of-a-child",
    "asks for a ping before it answers initialize, as a child process",
    "https://github.com/modelcontextprotocol/python-sdk/issues/1311",
    async (trial) => {
      const ping = { jsonrpc: "2.0", id: "early", method: "ping" };
      await trial.everyday(child(trial, { push: { initialize: [ping] } }));
    },
  ),
];
