// How many sockets a server has to bear, and that none of its sessions is forgotten when very many are closed.

import type { ServerResponse } from "node:http";
import { expect, test } from "vitest";
import type { TestHttpServerOptions } from "../support/http-server.ts";
import { connected, gate, poolOf, serve } from "./support.ts";

const LEGACY = { protocol: "legacy" } as const;

/** Nothing to tell: no stream for it is tried. */
const QUIET = { tools: {} };

test("calls one after the other take turns on three sockets, the handshake's too", async () => {
  const server = await serve({ capabilities: QUIET });
  const pool = await connected(server, LEGACY);
  for (let n = 0; n < 20; n++) await pool.callTool("s__echo", { n });
  expect(server.connectionCount).toBeLessThanOrEqual(3);
  expect(server.executionCount("echo")).toBe(20);
});

test.each([
  { answers: "JSON", options: { replies: "json" } },
  { answers: "a stream", options: { replies: "sse" } },
  {
    answers: "a stream that ends a moment later",
    options: { replies: "sse", onRequest: ({ res }) => endLater(res) },
  },
] satisfies { answers: string; options: TestHttpServerOptions }[])(
  "a handshake, the first list and a call share one socket, where an answer is $answers",
  async ({ options }) => {
    const server = await serve({ capabilities: QUIET, ...options });
    const pool = await connected(server, LEGACY);
    await pool.callTool("s__echo");
    expect(server.executionCount("echo")).toBe(1);
    expect(server.connectionCount).toBe(1);
  },
);

test("calls at once use one each, and the next ones use those again", async () => {
  const open = gate();
  const server = await serve({
    capabilities: QUIET,
    tools: { hold: { handler: () => open.opened } },
  });
  const pool = await connected(server, LEGACY);
  const held = Array.from({ length: 5 }, () => pool.callTool("s__hold"));
  await server.until(() => server.executionCount("hold") === 5);
  expect(server.connectionCount).toBe(5);
  open.open();
  await Promise.all(held);
  for (let n = 0; n < 5; n++) await pool.callTool("s__hold");
  expect(server.connectionCount).toBeLessThanOrEqual(7);
});

test("a call that is given up on the way does not hold the socket for the next", async () => {
  const server = await serve({ tools: { hold: { handler: () => gate().opened }, echo: {} } });
  const pool = await connected(server, LEGACY);
  for (let n = 0; n < 3; n++) {
    const abort = new AbortController();
    const call = pool.callTool("s__hold", {}, { signal: abort.signal });
    await server.until(() => server.executionCount("hold") === n + 1);
    abort.abort(new Error("enough"));
    await expect(call).rejects.toThrow("enough");
    await pool.callTool("s__echo", { n });
  }
  expect(server.executionCount("echo")).toBe(3);
});

test("closing very many ends the session of every one", async () => {
  const servers = await Promise.all(Array.from({ length: 150 }, () => serve()));
  const entries = servers.map((server, index) => [`s${index}`, server] as const);
  const pool = poolOf(Object.fromEntries(entries), LEGACY);
  await pool.connect();
  expect(servers.map(({ sessions }) => sessions.size)).toEqual(servers.map(() => 1));
  await pool.closeAll();
  expect(servers.map(({ sessions }) => sessions.size)).toEqual(servers.map(() => 0));
});

/** Its end is a packet of its own, one turn of the event loop after the body. */
function endLater(res: ServerResponse): void {
  const end = res.end.bind(res);
  res.end = ((body?: string) => {
    if (body !== undefined) res.write(body);
    setImmediate(() => end());
    return res;
  }) as ServerResponse["end"];
}
