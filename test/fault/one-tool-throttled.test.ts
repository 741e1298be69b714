// One tool over its own quota answers 429 for ever: the calls of other tools to the same server go on.

import { expect, test } from "vitest";
import { connected, serve, textOf } from "./support.ts";

test("the calls of another tool succeed, each run once; the tool over its quota keeps its 429", async () => {
  const server = await serve({ tools: { work: { handler: () => "done" } } });
  server.options.onRequest = ({ body, res }) => {
    const isOver = body?.method === "tools/call" && JSON.stringify(body.params).includes("quota");
    if (!isOver) return false;
    res.writeHead(429).end();
    return true;
  };
  const pool = await connected(server, {});
  const refused = pool
    .callTool("s__work", { key: "quota" }, { totalTimeoutMs: 25_000 })
    .catch((error: unknown) => error);
  const others = await Promise.all(
    Array.from({ length: 20 }, () =>
      pool.callTool("s__work", { key: "other" }, { totalTimeoutMs: 25_000 }),
    ),
  );
  for (const result of others) expect(result).toEqual(textOf("done"));
  expect(server.executionCount("work", "other")).toBe(20);
  expect(await refused).toMatchObject({ status: 429 });
});
