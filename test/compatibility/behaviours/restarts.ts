// Servers that are away for a moment, and the proxies before them.

import { pause } from "../../fault/suite/stage.ts";
import type { TestHttpServerOptions } from "../../support/http-server.ts";
import { behaviour } from "../behaviour.ts";
import type { Behaviour } from "../behaviour.ts";
import { onStranger, server, text } from "../servers/answers.ts";
import type { Answer } from "../servers/answers.ts";
import type { Trial } from "../trial.ts";

/** How long a server is away, milliseconds. */
const AWAY_MS = 1_500;
/** Longest that callers may be kept from it when it is back. */
const BACK_MS = 3_500;

const HTML_502 = "<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>";

/** What a proxy answers while there is nothing behind it; with sessions, or without. */
const PROXIES: readonly (readonly [string, string, Answer, boolean, string?])[] = [
  [
    "404",
    "404 for everything",
    text(404, "404 page not found\n"),
    true,
    "https://github.com/anthropics/claude-code/issues/94273",
  ],
  [
    "404-stateless",
    "404 for everything, the server having no sessions",
    text(404, "404 page not found\n"),
    false,
  ],
  ["502", "502 and a page", text(502, HTML_502), true],
  ["503", "503 and text", text(503, "no available server\n"), false],
  ["504", "504 and nothing", ({ res }) => res.writeHead(504).end(), true],
];

/** Calls that a server takes at a time; more are refused, and not run. */
const MOST_AT_A_TIME = 2;

const LIMITS: readonly (readonly [string, string, Answer])[] = [
  ["429", "429", text(429, "Too Many Requests", { "retry-after": "1" })],
  ["429-silent", "429 that does not say for how long", text(429, "Too Many Requests")],
  ["503", "503 and a page", text(503, "<html><h1>503 Service Temporarily Unavailable</h1></html>")],
];

/** A burst that is more than the server takes: none runs twice, and afterwards all is well. */
async function limits(trial: Trial, refuse: Answer): Promise<void> {
  let underWay = 0;
  const one = await server(
    trial,
    {
      onRequest(context) {
        if (context.body?.method !== "tools/call") return false;
        if (underWay >= MOST_AT_A_TIME) {
          refuse(context);
          return true;
        }
        underWay += 1;
        context.res.once("close", () => {
          underWay -= 1;
        });
        return false;
      },
    },
    { echo: { handler: (args) => pause(50).then(() => args) } },
  );
  await trial.everyday(one);
  await Promise.all(Array.from({ length: 12 }, () => trial.start("echo", { expects: "any" })));
  await trial.calls("echo", 3);
}

export const restarts: readonly Behaviour[] = [
  behaviour("restart", "is restarted, and knows no session any more", undefined, async (trial) => {
    const one = await server(trial);
    await trial.everyday(one);
    await one.restart();
    await trial.calls("echo", 3);
  }),
  behaviour(
    "restart-away",
    "is restarted, and away for 1.5 seconds",
    "https://github.com/modelcontextprotocol/python-sdk/issues/1676",
    async (trial) => {
      const one = await server(trial, { replies: "sse" });
      await trial.everyday(one);
      await one.stop();
      one.forgetSessions();
      const during = trial.start("echo", { expects: "any" });
      await pause(AWAY_MS);
      await one.listen();
      await during;
      await trial.calls("echo", 3);
    },
  ),
  behaviour(
    "restart-under-load",
    "is restarted while calls are under way: none runs twice, and the next ones work",
    undefined,
    async (trial) => {
      const one = await server(trial);
      await trial.everyday(one);
      const load = Array.from({ length: 20 }, () => trial.start("echo", { expects: "any" }));
      await trial.until(() => one.requestsOf("tools/call").length > 6);
      await one.restart();
      await Promise.all(load);
      await trial.calls("echo", 3);
    },
  ),
  ...PROXIES.map(([id, words, answer, sessions, source]) =>
    behaviour(
      `proxy-${id}`,
      `is away for 1.5 seconds behind a proxy that answers ${words}`,
      source,
      async (trial) => {
        let isAway = false;
        const options: TestHttpServerOptions = {
          sessions,
          onRequest(context) {
            if (!isAway) return false;
            answer(context);
            return true;
          },
        };
        const one = await server(trial, options);
        await trial.everyday(one);
        isAway = true;
        one.forgetSessions();
        const during = Array.from({ length: 6 }, () => trial.start("echo", { expects: "any" }));
        await pause(AWAY_MS);
        isAway = false;
        await Promise.all(during);
        await trial.calls("echo", 3);
      },
      BACK_MS,
    ),
  ),
  ...LIMITS.map(([id, words, answer]) =>
    behaviour(
      `limit-${id}`,
      `takes two calls at a time, and refuses more with ${words}; it works after a burst`,
      undefined,
      (trial) => limits(trial, answer),
      BACK_MS,
    ),
  ),
  behaviour(
    "restart-other-session-words",
    "is restarted, away for a second, and then answers forgotten sessions with 400",
    "https://github.com/modelcontextprotocol/python-sdk/issues/1727",
    async (trial) => {
      const refuse = text(400, "Bad Request: No valid session ID provided");
      const one = await server(trial, { onRequest: onStranger(refuse) });
      await trial.everyday(one);
      await one.stop();
      one.forgetSessions();
      const during = trial.start("echo", { expects: "any" });
      await pause(1_000);
      await one.listen();
      await during;
      await trial.calls("echo", 3);
    },
  ),
];
