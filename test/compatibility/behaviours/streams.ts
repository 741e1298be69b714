// The stream of GET: refused, silent, ended, refused for a while.

import type { TestHttpServer, TestHttpServerOptions } from "../../support/http-server.ts";
import { pause } from "../../fault/suite/stage.ts";
import { behaviour } from "../behaviour.ts";
import type { Behaviour } from "../behaviour.ts";
import { empty, on, server, silence, text } from "../servers/answers.ts";
import type { Answer } from "../servers/answers.ts";
import type { Trial } from "../trial.ts";

const CHANGED = { jsonrpc: "2.0", method: "notifications/tools/list_changed" };

const REFUSALS: readonly (readonly [string, string, Answer, string?])[] = [
  ["400", "400", text(400, "Bad Request")],
  ["403", "403", text(403, "Forbidden")],
  ["404", "404", text(404, "Not Found"), "https://github.com/QwenLM/qwen-code/issues/8784"],
  ["406", "406", text(406, "Not Acceptable")],
  ["500", "500", text(500, "Internal Server Error")],
  ["501", "501", text(501, "Not Implemented")],
  [
    "html",
    "200 and a page",
    text(200, "<html><body>This is an MCP server.</body></html>"),
    "https://github.com/malloydata/malloyyo/pull/134",
  ],
  ["closes", "the end of the connection", ({ res }) => res.destroy()],
  [
    "no-headers",
    "nothing, not even headers",
    silence,
    "https://github.com/modelcontextprotocol/go-sdk/issues/410",
  ],
];

/** Streams and lists that a client may ask for in that time, at most. */
const WATCHED_MS = 4_000;
const MOST_STREAMS = 8;
const MOST_LISTS = 2;

/** The server is not hammered: it is watched for a while after an ordinary exchange. */
async function staysCalm(trial: Trial, options: TestHttpServerOptions): Promise<void> {
  const one = await server(trial, options);
  await trial.everyday(one);
  await pause(WATCHED_MS);
  const streams = one.requests.filter(({ method }) => method === "GET").length;
  const lists = one.requestsOf("tools/list").length;
  if (streams > MOST_STREAMS) trial.fails(`asks for the stream ${streams} times in 4 s`);
  if (lists > MOST_LISTS) trial.fails(`asks for the list ${lists} times in 4 s`);
  await trial.calls("echo");
}

export const streams: readonly Behaviour[] = [
  ...REFUSALS.map(([id, words, answer, source]) =>
    behaviour(`get-${id}`, `answers GET with ${words}`, source, async (trial) => {
      await trial.everyday(await server(trial, { onRequest: on("GET", answer) }));
      await trial.closes();
    }),
  ),
  behaviour(
    "stream-ends-at-once",
    "ends the stream of GET at once, every time, without an event",
    "https://github.com/modelcontextprotocol/python-sdk/issues/3257",
    (trial) =>
      staysCalm(trial, {
        onRequest: on("GET", ({ res }) => {
          res.writeHead(200, { "content-type": "text/event-stream" }).end(": bye\n\n");
        }),
      }),
  ),
  behaviour(
    "stream-ends-at-once-empty",
    "ends the stream of GET at once, every time, without a byte",
    "https://github.com/malloydata/malloyyo/pull/134",
    (trial) =>
      staysCalm(trial, {
        onRequest: on("GET", empty(200, { "content-type": "text/event-stream" })),
      }),
  ),
  behaviour(
    "get-refused-for-a-while",
    "refuses GET with 404 at first; later the stream is there, and a change is seen",
    undefined,
    async (trial) => {
      let left = 2;
      const one = await server(trial, {
        getStream: true,
        onRequest({ method, res }) {
          if (method !== "GET" || left === 0) return false;
          left -= 1;
          res.writeHead(404).end();
          return true;
        },
      });
      await trial.everyday(one);
      await changes(trial, one);
    },
  ),
  behaviour(
    "get-refused-after-drop",
    'refuses a dropped stream with 400 "session already exists" for a second',
    "https://github.com/render-oss/render-mcp-server/issues/26",
    async (trial) => {
      let isBlocked = false;
      const refuse = text(400, "Session registration failed: session already exists");
      const one = await server(trial, {
        getStream: true,
        onRequest(context) {
          if (context.method !== "GET" || !isBlocked) return false;
          refuse(context);
          return true;
        },
      });
      await trial.everyday(one);
      await trial.until(() => one.openStreams > 0);
      isBlocked = true;
      one.endStreams();
      await trial.calls("echo", 2);
      await pause(1_000);
      isBlocked = false;
      await trial.calls("echo", 2);
      await changes(trial, one);
    },
  ),
];

/** A tool is added, and announced on whichever stream is open. */
async function changes(trial: Trial, one: TestHttpServer): Promise<void> {
  await trial.until(() => one.openStreams > 0);
  Object.assign(one.options.tools ?? {}, { second: {} });
  one.push(CHANGED);
  await trial.listsSoon("echo", "second");
  await trial.calls("second");
}
