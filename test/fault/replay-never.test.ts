// `replay: "never"`: nothing is sent again, and the session is found again for the calls that follow.

import { expect, test } from "vitest";
import { connected, failure, serve, textOf } from "./support.ts";

test.each([
  ["404", undefined],
  ["400 and a text", 400],
])("%s: the call fails, run not once; the next one succeeds", async (_, status) => {
  const server = await serve({ tools: { work: { handler: () => "done" } } });
  if (status !== undefined) {
    server.options.onRequest = ({ body, headers, res }) => {
      const session = headers["mcp-session-id"];
      if (body?.method === "initialize" || server.sessions.has(String(session))) return false;
      res.writeHead(status).end("no such session");
      return true;
    };
  }
  const pool = await connected(server, { protocol: "legacy" });
  await pool.callTool("s__work");
  server.forgetSessions();
  const error = await failure(pool.callTool("s__work", { key: "never" }, { replay: "never" }));
  expect(error).toMatchObject({ sent: "yes" });
  expect(server.executionCount("work", "never")).toBe(0);
  const next = pool.callTool("s__work", { key: "next" }, { replay: "never" });
  expect(await next).toEqual(textOf("done"));
  expect([server.executionCount("work", "next"), server.requestsOf("initialize").length]).toEqual([
    1, 2,
  ]);
});
