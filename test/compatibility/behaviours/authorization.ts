// One request that is refused for want of permission, by servers that answer all others.

import { behaviour } from "../behaviour.ts";
import type { Behaviour } from "../behaviour.ts";
import { body, on, rpcFailure, server, text } from "../servers/answers.ts";
import type { Answer } from "../servers/answers.ts";

const CHALLENGE = {
  "www-authenticate": 'Bearer resource_metadata="http://127.0.0.1/.well-known/x"',
};

const REFUSALS: readonly (readonly [string, string, Answer, string?])[] = [
  [
    "401-challenge",
    "401 and a challenge",
    body(401, { error: "unauthorized" }, CHALLENGE),
    "https://github.com/MoonshotAI/kimi-code/pull/3846",
  ],
  [
    "401-rpc",
    "401 and a JSON-RPC error",
    rpcFailure(401, -32001, "this tool needs a token"),
    "https://github.com/googleapis/mcp-toolbox/issues/3243",
  ],
  ["402", "402", body(402, { error: "payment required" })],
  ["403-json", "403 and JSON", body(403, { error: "insufficient_scope" })],
  ["403-html", "403 and a firewall's page", text(403, "<html><h1>Request blocked</h1></html>")],
];

export const authorization: readonly Behaviour[] = [
  ...REFUSALS.map(([id, words, answer, source], at) =>
    behaviour(
      `one-tool-${id}`,
      `refuses one tool with ${words}, and all else works`,
      source,
      async (trial) => {
        const one = await server(
          trial,
          {
            sessions: at % 2 === 0,
            replies: at % 2 === 0 ? "json" : "sse",
            onRequest(context) {
              if (context.body?.params?.["name"] !== "private") return false;
              answer(context);
              return true;
            },
          },
          { echo: {}, private: {} },
        );
        await trial.connect(one);
        await trial.lists("echo", "private");
        await trial.calls("echo");
        await trial.calls("private", 1, { expects: "error" });
        await trial.calls("echo", 2);
        await trial.lists("echo", "private");
      },
    ),
  ),
  {
    id: "all-calls-401",
    title: "shows its tools to everyone, and refuses every call with 401",
    async run(trial) {
      const refuse = body(401, { error: "unauthorized" }, { "www-authenticate": "Bearer" });
      const one = await server(trial, { onRequest: on("tools/call", refuse) });
      await trial.connect(one);
      await trial.lists("echo");
      await trial.calls("echo", 2, { expects: "error" });
      await trial.lists("echo");
    },
  },
  {
    id: "stream-401",
    title: "refuses GET with 401, and answers POST",
    source: "https://github.com/modelcontextprotocol/go-sdk/issues/410",
    async run(trial) {
      const refuse = body(401, { error: "unauthorized" }, { "www-authenticate": "Bearer" });
      await trial.everyday(await server(trial, { onRequest: on("GET", refuse) }));
    },
  },
  {
    id: "resources-403",
    title: "refuses the list of resources with 403, and has tools",
    async run(trial) {
      const one = await server(trial, {
        capabilities: { tools: {}, resources: {} },
        onRequest: on("resources/list", text(403, "Forbidden")),
      });
      await trial.connect(one);
      await trial.lists("echo");
      await trial.asksOthers("resources");
      await trial.calls("echo", 2);
      await trial.lists("echo");
    },
  },
];
