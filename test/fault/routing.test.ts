import type { PoolEvents } from "mcp-client-pool";
import { expect, test } from "vitest";
import { json, rpcError } from "../support/http-server.ts";
import type { RequestContext } from "../support/http-server.ts";
import { connected, poolOf, serve } from "./support.ts";

/** A replica that does not know the session. */
function refuse({ body, res }: RequestContext): void {
  json(res, 404, rpcError(body?.id ?? null, -32001, "Session not found"));
}

test("a server without sessions has no routing", async () => {
  const pool = await connected(await serve({ sessions: false }));
  expect(pool.status()[0]).toMatchObject({ state: "ready", routing: undefined });
});

test("of a new session nothing is known, and nothing is repaired", async () => {
  const pool = await connected(await serve());
  await pool.callTool("s__echo");
  expect(pool.status()[0]).toMatchObject({ routing: "unknown", quirks: {} });
});

test("16 calls over four connections: one server, or replicas that share their sessions", async () => {
  const server = await serve();
  const pool = await connected(server);
  const calls = Array.from({ length: 32 }, () => pool.callTool("s__echo"));
  await Promise.all(calls);
  expect(server.connectionCount).toBeGreaterThan(4);
  expect(pool.status()[0]).toMatchObject({ routing: "single", quirks: {} });
});

test("a balancer that sets a cookie", async () => {
  const server = await serve();
  server.options.onRequest = ({ body, res }) => {
    if (body?.method === "initialize") res.setHeader("set-cookie", "replica=a; Path=/");
  };
  const pool = await connected(server);
  await pool.callTool("s__echo");
  expect(server.requestsOf("tools/call")[0]?.headers.cookie).toBe("replica=a");
  expect(pool.status()[0]).toMatchObject({ routing: "cookie", quirks: {} });
});

test("a balancer that gives every second request to a replica without the session", async () => {
  const server = await serve();
  let turn = 0;
  server.options.onRequest = (context) => {
    const hasSession = context.headers["mcp-session-id"] !== undefined;
    if (context.method !== "POST" || !hasSession || turn++ % 2 === 0) return false;
    refuse(context);
    return true;
  };
  const pool = poolOf({ s: server });
  const codes: PoolEvents["warning"]["code"][] = [];
  pool.on("warning", ({ code }) => codes.push(code));
  expect(await pool.connect()).toMatchObject({ connected: ["s"] });
  for (let i = 0; i < 8; i++) await pool.callTool("s__echo");
  const [status] = pool.status();
  expect(status).toMatchObject({ routing: "per-request", counts: { failed: 0, renewals: 0 } });
  expect(status?.quirks["replicas-without-affinity"]).toBeGreaterThan(0);
  expect(codes.filter((code) => code === "replicas-without-affinity").length).toBe(1);
  expect(server.initializeCount).toBe(1);
  expect(server.executionCount("echo")).toBe(8);
});
