import { McpClosedError, McpTimeoutError } from "mcp-client-pool";
import { describe, expect, test } from "vitest";
import type { TestHttpServer } from "../support/http-server.ts";
import {
  collect,
  connected,
  failure,
  gate,
  poolOf,
  serve,
  TestClock,
  textOf,
  unanswered,
} from "./support.ts";

describe("fault 50: one server dead, one hanging, eight good", () => {
  const HANDSHAKE_MS = 4_321;
  const goodNames = ["g0", "g1", "g2", "g3", "g4", "g5", "g6", "g7"];

  test("the eight are usable while the hanging one hangs; the report names both, with reasons", async () => {
    const clock = new TestClock();
    const good = await Promise.all(goodNames.map(() => serve()));
    const dead = await serve();
    await dead.stop();
    const hanging = await serve({ onRequest: () => true });
    clock.holds = (delayMs) => delayMs === HANDSHAKE_MS;
    const pool = poolOf(
      {
        dead,
        hanging: { url: hanging.url, timeouts: { handshakeMs: HANDSHAKE_MS } },
        ...Object.fromEntries(
          goodNames.map((name, index) => [name, good[index] as TestHttpServer]),
        ),
      },
      { clock },
    );
    let isReported = false;
    const events: string[] = [];
    const eightConnected = new Promise<void>((resolve) => {
      pool.on("server.connected", ({ server }) => {
        if (events.push(server) === goodNames.length) resolve();
      });
    });
    const connecting = pool.connect().finally(() => (isReported = true));
    await hanging.until((server) => server.requestsOf("server/discover").length > 0);
    await eightConnected;
    const results = await Promise.all(
      goodNames.map((key) => pool.callTool(`${key}__echo`, { key })),
    );
    expect(results).toEqual(goodNames.map((key) => textOf(JSON.stringify({ key }))));
    expect(good.map((server) => server.executionCount("echo"))).toEqual(good.map(() => 1));
    expect(pool.allTools.map(({ name }) => name)).toEqual(goodNames.map((n) => `${n}__echo`));
    expect(pool.status().map(({ server, state }) => [server, state])).toContainEqual([
      "hanging",
      "connecting",
    ]);
    expect(isReported).toBe(false);

    clock.release();
    const report = await connecting;
    expect(report.connected).toEqual(goodNames);
    expect(Object.keys(report.failed).toSorted()).toEqual(["dead", "hanging"]);
    expect(report.failed["dead"]).toMatchObject({ code: "CONNECTION_FAILED", server: "dead" });
    expect(report.failed["dead"]?.message).toContain(dead.url.host);
    expect(report.failed["hanging"]).toBeInstanceOf(McpTimeoutError);
    expect(report.failed["hanging"]).toMatchObject({ limit: "handshake", timeoutMs: HANDSHAKE_MS });
    expect(report.failed["hanging"]?.message).toContain('"hanging"');
  });

  test("with real time: a short handshake limit ends the hanging one's attempt", async () => {
    const good = await serve();
    const hanging = await serve({ onRequest: () => true });
    const pool = poolOf({
      hanging: { url: hanging.url, timeouts: { handshakeMs: 50 } },
      good,
    });
    const report = await pool.connect();
    expect(report.connected).toEqual(["good"]);
    expect(report.failed["hanging"]).toMatchObject({ code: "TIMEOUT", limit: "handshake" });
    expect(await pool.callTool("good__echo")).toEqual(textOf("{}"));
  });

  test("those that failed are tried again, and connect() names only what failed this time", async () => {
    const dead = await serve();
    const good = await serve();
    await dead.stop();
    const pool = poolOf({ dead, good });
    expect(Object.keys((await pool.connect()).failed)).toEqual(["dead"]);
    await dead.listen();
    await pool.call("dead", "ping");
    expect(await pool.connect()).toEqual({ connected: ["dead", "good"], failed: {}, skipped: [] });
    expect(pool.allTools.map(({ name }) => name)).toEqual(["dead__echo", "good__echo"]);
  });
});

describe("fault 54: a server is removed with calls in flight", () => {
  test("they end, then its session and its sockets are closed", async () => {
    const held = gate();
    const tools = { slow: { handler: () => held.opened.then(() => "done") } };
    const [server, other] = await Promise.all([serve({ tools }), serve()]);
    const pool = poolOf({ s: server, other });
    await pool.connect();
    const calls = Array.from({ length: 10 }, () => pool.callTool("s__slow"));
    await server.until((one) => one.requestsOf("tools/call").length === 10);
    const events = collect(pool, "server.closed");
    const removing = pool.removeClient("s");
    expect(await failure(pool.call("s", "ping"))).toMatchObject({ code: "SERVER_NOT_FOUND" });
    expect(server.requestsOf("DELETE").length).toBe(0);
    held.open();
    expect(await Promise.all(calls)).toEqual(calls.map(() => textOf("done")));
    await removing;
    expect(server.requestsOf("DELETE").length).toBe(1);
    expect(server.sessions.size).toBe(0);
    await server.until(({ openSockets }) => openSockets === 0);
    expect(server.executionCount("slow")).toBe(10);
    expect(pool.allTools.map(({ name }) => name)).toEqual(["other__echo"]);
    expect(pool.status().map((one) => one.server)).toEqual(["other"]);
    expect(events).toEqual([{ server: "s" }]);
    expect(await pool.callTool("other__echo")).toEqual(textOf("{}"));
  });

  test("no new call is taken while it drains, under its tools' names either", async () => {
    const held = gate();
    const server = await serve({
      tools: { slow: { handler: () => held.opened.then(() => "done") } },
    });
    const pool = await connected(server);
    const call = pool.callTool("s__slow");
    await server.until((one) => one.requestsOf("tools/call").length === 1);
    const removing = pool.removeClient("s");
    const refused = failure(pool.callTool("s__slow"));
    held.open();
    expect(["SERVER_NOT_FOUND", "TOOL_NOT_FOUND", "CLOSED"]).toContain((await refused).code);
    expect(await call).toEqual(textOf("done"));
    await removing;
    expect(server.executionCount("slow")).toBe(1);
  });

  test("when drainMs is over they are told that it may have run", async () => {
    const server = await serve({ tools: { hang: { handler: unanswered } } });
    const pool = await connected(server);
    const call = failure(pool.callTool("s__hang"));
    await server.until((one) => one.requestsOf("tools/call").length === 1);
    await pool.removeClient("s", { drainMs: 10 });
    const error = await call;
    expect(error).toBeInstanceOf(McpClosedError);
    expect(error).toMatchObject({ server: "s", method: "tools/call", sent: "unknown" });
    await server.until(({ openSockets }) => openSockets === 0);
    expect(server.executionCount("hang")).toBe(1);
  });

  test("the name is free again at once", async () => {
    const held = gate();
    const slow = { slow: { handler: () => held.opened.then(() => "done") } };
    const [first, second] = await Promise.all([serve({ tools: slow }), serve()]);
    const pool = await connected(first);
    const call = pool.callTool("s__slow");
    await first.until((one) => one.requestsOf("tools/call").length === 1);
    const removing = pool.removeClient("s");
    await pool.addClient("s", second.url);
    held.open();
    expect(await call).toEqual(textOf("done"));
    await removing;
    expect(pool.allTools.map(({ name }) => name)).toEqual(["s__echo"]);
    expect(await pool.callTool("s__echo")).toEqual(textOf("{}"));
  });
});
