// Sessions that a server has forgotten, said in other words than 404.

import type { TestHttpServerOptions } from "../../support/http-server.ts";
import { behaviour } from "../behaviour.ts";
import type { Behaviour } from "../behaviour.ts";
import {
  body,
  empty,
  isStranger,
  onStranger,
  rpcFailure,
  server,
  text,
} from "../servers/answers.ts";
import type { Answer } from "../servers/answers.ts";
import type { Trial } from "../trial.ts";

type Replies = TestHttpServerOptions["replies"];

/** Connects, calls, forgets all sessions, and calls again. */
function forgets(answer: Answer, replies: Replies = "json"): (trial: Trial) => Promise<void> {
  return async (trial) => {
    const one = await server(trial, { onRequest: onStranger(answer), replies: replies ?? "json" });
    await trial.everyday(one);
    one.forgetSessions();
    await trial.calls("echo", 3);
  };
}

const SESSION_GONE = "Session not found";

/** The words, and whether answers come as JSON or as events. */
const WORDS: readonly (readonly [string, string, Answer, Replies, string?])[] = [
  [
    "session-400-text",
    "answers a forgotten session with 400 and text",
    text(400, "Bad Request: No valid session ID provided"),
    "json",
    "https://github.com/modelcontextprotocol/python-sdk/issues/1727",
  ],
  [
    "session-400-rpc-id",
    "answers a forgotten session with 400 and a JSON-RPC error that has the request's id",
    rpcFailure(400, -32600, "Invalid session ID"),
    "sse",
  ],
  [
    "session-400-other-json",
    "answers a forgotten session with 400 and JSON that is no JSON-RPC",
    body(400, { error: "unknown session", status: 400 }),
    "json",
  ],
  ["session-400-empty", "answers a forgotten session with 400 and nothing", empty(400), "sse"],
  [
    "session-401-text",
    "answers a forgotten session with 401 and no challenge",
    text(401, "Unauthorized: Session not found"),
    "sse",
    "https://github.com/modelcontextprotocol/rust-sdk/issues/559",
  ],
  [
    "session-401-challenge",
    "answers a forgotten session with 401 and a challenge, though nobody needs a token",
    body(401, { error: "invalid_token" }, { "www-authenticate": "Bearer" }),
    "json",
    "https://github.com/punkpeye/mcp-proxy/issues/108",
  ],
  [
    "session-403",
    "answers a forgotten session with 403 and JSON",
    body(403, { error: "session does not belong to you" }),
    "json",
  ],
  [
    "session-404-html",
    "answers a forgotten session with 404 and a page of HTML",
    text(404, "<html><body><h1>Not Found</h1></body></html>"),
    "sse",
  ],
  [
    "session-404-half-message",
    "answers a forgotten session with 404 and a message that has neither result nor error",
    ({ res, body: asked }) => {
      res.writeHead(404, { "content-type": "application/json" });
      res.end(JSON.stringify({ jsonrpc: "2.0", id: asked?.id }));
    },
    "json",
    "https://github.com/helidon-io/helidon-mcp/pull/152",
  ],
  [
    "session-404-server-error-id",
    'answers a forgotten session with 404 and a JSON-RPC error whose id is "server-error"',
    rpcFailure(404, -32600, SESSION_GONE, { id: "server-error" }),
    "sse",
    "https://github.com/anthropics/claude-code/issues/55970",
  ],
  [
    "session-409",
    "answers a forgotten session with 409",
    body(409, { error: "session expired" }),
    "json",
    "https://github.com/quazardous/nelson-mcp/issues/38",
  ],
  ["session-410", "answers a forgotten session with 410", text(410, "Gone"), "sse"],
  [
    "session-422",
    "answers a forgotten session with 422 and text",
    text(422, "Unexpected message, expect initialize request"),
    "json",
  ],
  [
    "session-200-rpc",
    "answers a forgotten session with 200 and a JSON-RPC error",
    rpcFailure(200, -32600, "Unknown session id; client should reinitialize"),
    "json",
    "https://github.com/MoonshotAI/kimi-code/issues/2380",
  ],
  [
    "session-200-rpc-stream",
    "answers a forgotten session with 200 and a JSON-RPC error as an event",
    rpcFailure(200, -32005, SESSION_GONE, { replies: "sse" }),
    "sse",
    "https://github.com/joshrotenberg/tower-mcp/pull/65",
  ],
  [
    "session-200-rpc-no-id",
    "answers a forgotten session with 200 and a JSON-RPC error whose id is null",
    rpcFailure(200, -32000, "Bad Request: Server not initialized", { id: null }),
    "json",
  ],
];

/** Numbers from 0 to 1 without a pattern, the same in every run. */
function chances(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

export const sessions: readonly Behaviour[] = [
  ...WORDS.map(([id, title, answer, replies, source]) =>
    behaviour(id, title, source, forgets(answer, replies)),
  ),
  {
    id: "session-500",
    title: "answers a forgotten session with 500: the call may fail, but the next one works",
    source: "https://github.com/punkpeye/fastmcp/issues/121",
    async run(trial) {
      const answer = rpcFailure(500, -32603, "Bad Request: No valid session ID provided");
      const one = await server(trial, { onRequest: onStranger(answer) });
      await trial.everyday(one);
      one.forgetSessions();
      await trial.calls("echo", 1, { expects: "any" });
      await trial.calls("echo", 2);
    },
  },
  {
    id: "session-lost-before-list",
    title: "forgets its first session between the handshake and the first list, and says 400",
    async run(trial) {
      let forgotten = false;
      const refuse = text(400, "Bad Request: No valid session ID provided");
      const one = await server(trial, {
        onRequest(context) {
          if (context.body?.method === "tools/list" && !forgotten) {
            forgotten = true;
            context.server.forgetSessions();
          }
          if (!isStranger(context)) return false;
          refuse(context);
          return true;
        },
      });
      await trial.everyday(one);
    },
  },
  {
    id: "session-lost-twice",
    title: "forgets the session again right after it was renewed",
    async run(trial) {
      let left = 0;
      const one = await server(trial, {
        onRequest(context) {
          if (context.body?.method !== "tools/call" || left === 0) return false;
          left -= 1;
          context.server.forgetSessions();
          return false;
        },
      });
      await trial.everyday(one);
      left = 3;
      await trial.calls("echo", 3);
    },
  },
  {
    id: "session-of-five-requests",
    title: "forgets every session after five calls",
    async run(trial) {
      let calls = 0;
      const one = await server(trial, {
        onRequest(context) {
          if (context.body?.method !== "tools/call") return;
          calls += 1;
          if (calls % 5 === 0) context.server.forgetSessions();
        },
      });
      await trial.everyday(one);
      await trial.calls("echo", 20);
    },
  },
  {
    id: "session-lost-at-random",
    title: "forgets all sessions before one call in four, at random, while others are under way",
    // It has really forgotten them. A call that is refused while the session lives may have run: no client may repeat it.
    async run(trial) {
      const chance = chances(7);
      const one = await server(trial, {
        onRequest({ body: asked, server: self }) {
          if (asked?.method === "tools/call" && chance() < 0.25) self.forgetSessions();
          return false;
        },
      });
      await trial.everyday(one);
      await trial.callsAtOnce("echo", 40, 4);
    },
  },
];
