import { describe, expect, test } from "vitest";
import { sseEvent } from "../support/http-server.ts";
import {
  collect,
  connected,
  gate,
  LIST_CHANGED,
  lose,
  nextEvent,
  poolOf,
  QUICK,
  serve,
  startStream,
  TestClock,
  textOf,
} from "./support.ts";

describe("faults 1 and 15: a session is lost while another server is dead", () => {
  test("the one is renewed once, the other is waited for, neither sees the other", async () => {
    const [forgetful, dead] = await Promise.all([serve(), serve()]);
    const pool = poolOf({ forgetful, dead });
    await pool.connect();
    await dead.stop();
    forgetful.forgetSessions();
    const waiting = pool.call("dead", "ping");
    const results = await Promise.all(
      Array.from({ length: 20 }, () => pool.callTool("forgetful__echo")),
    );
    expect(results).toEqual(results.map(() => textOf("{}")));
    expect(forgetful.initializeCount).toBe(2);
    expect(forgetful.executionCount("echo")).toBe(20);
    // A restart has no sessions: the dead one's is renewed as well.
    dead.forgetSessions();
    await dead.listen();
    expect(await waiting).toEqual({});
    expect(await pool.callTool("dead__echo")).toEqual(textOf("{}"));
    expect(dead.initializeCount).toBe(2);
    expect(dead.executionCount("echo")).toBe(1);
    expect(forgetful.initializeCount).toBe(2);
  });

  test("and what is listed of all leaves out the dead one, with a warning", async () => {
    const [forgetful, dead] = await Promise.all([serve(), serve()]);
    const pool = poolOf({ forgetful, dead }, { reconnect: { ...QUICK, budgetMs: 50 } });
    await pool.connect();
    await dead.stop();
    forgetful.forgetSessions();
    const warnings = collect(pool, "warning");
    expect(await pool.listTools()).toMatchObject([{ name: "forgetful__echo" }]);
    expect(warnings).toMatchObject([{ server: "dead", cause: { code: "CONNECTION_FAILED" } }]);
    expect(forgetful.initializeCount).toBe(2);
  });
});

describe("faults 15 and 36: list_changed during renewal", () => {
  test.each([
    ["while initialize is under way", "initialize"],
    ["on the new stream, before the renewal is over", "GET"],
  ])("%s: the catalogue is right, and few fetches made it so", async (_name, when) => {
    const server = await serve({ getStream: true });
    const pool = await connected(server);
    server.options.onRequest = (context) => {
      const { body, method } = context;
      if (when === "initialize" && body?.method === "initialize") {
        server.options.tools = { echo: {}, fresh: {} };
        for (let count = 0; count < 100; count++) server.notifyToolsChanged();
      }
      if (when === "GET" && method === "GET") {
        server.options.tools = { echo: {}, fresh: {} };
        startStream(context, sseEvent(LIST_CHANGED).repeat(100));
        return true;
      }
      return false;
    };
    const changed = nextEvent(pool, "tools.changed");
    const changes = collect(pool, "tools.changed");
    server.forgetSessions();
    expect(await pool.callTool("s__echo")).toEqual(textOf("{}"));
    expect((await changed).added).toMatchObject([{ name: "s__fresh" }]);
    expect(await pool.callTool("s__fresh")).toEqual(textOf("{}"));
    expect(pool.allTools.map(({ name }) => name)).toEqual(["s__echo", "s__fresh"]);
    expect(server.initializeCount).toBe(2);
    expect(server.requestsOf("tools/list").length).toBeLessThanOrEqual(3);
    expect(changes.length).toBe(1);
  });

  test("3.9 the change stream itself finds the session gone: renewed, and the lists are fetched", async () => {
    const server = await serve({ getStream: true });
    const pool = await connected(server);
    const reconnected = nextEvent(pool, "server.reconnected");
    const changed = nextEvent(pool, "tools.changed");
    server.options.tools = { other: {} };
    server.forgetSessions();
    server.endStreams();
    expect(await reconnected).toEqual({ server: "s", reason: "session-lost" });
    expect((await changed).added).toMatchObject([{ name: "s__other" }]);
    expect(server.initializeCount).toBe(2);
    await server.until(({ openStreams }) => openStreams === 1);
  });
});

describe("a call is aborted while it waits for a reconnect", () => {
  const HELD_MS = 7_777;

  test("it rejects with the signal's reason, nothing was sent, no timer is left", async () => {
    const clock = new TestClock();
    clock.holds = (delayMs) => Math.abs(delayMs - HELD_MS) < HELD_MS / 4;
    const server = await serve();
    const reconnect = { ...QUICK, initialMs: HELD_MS, maxMs: HELD_MS };
    const pool = await connected(server, { reconnect }, { clock });
    await lose(pool, server);
    // The attempt after the first: from here on nothing happens until it is released.
    await clock.untilHeld();
    const before = clock.armed;
    const callers = Array.from({ length: 10 }, () => new AbortController());
    const calls = callers.map(({ signal }) => pool.callTool("s__echo", {}, { signal }));
    const settled = Promise.allSettled(calls);
    expect(clock.armed.length).toBe(before.length + 10);
    for (const [index, caller] of callers.entries()) caller.abort(`reason ${index}`);
    expect(await settled).toEqual(
      callers.map((_, index) => ({ status: "rejected", reason: `reason ${index}` })),
    );
    expect(clock.armed).toEqual(before);
    await server.listen();
    clock.release();
    expect(await pool.callTool("s__echo")).toEqual(textOf("{}"));
    expect(server.executionCount("echo")).toBe(1);
    expect(server.requestsOf("tools/call").length).toBe(1);
    expect(server.requestsOf("notifications/cancelled")).toEqual([]);
  });

  test("or for a renewal: the others go on", async () => {
    const server = await serve();
    const pool = await connected(server);
    const held = gate();
    server.options.onRequest = async ({ body }) => {
      if (body?.method === "initialize") await held.opened;
    };
    server.forgetSessions();
    const caller = new AbortController();
    const aborted = pool.callTool("s__echo", { key: "aborted" }, { signal: caller.signal });
    const other = pool.callTool("s__echo", { key: "other" });
    await server.until((one) => one.requestsOf("initialize").length === 2);
    await server.until((one) => one.requestsOf("tools/call").length === 2);
    const reason = new Error("no longer wanted");
    caller.abort(reason);
    await expect(aborted).rejects.toBe(reason);
    held.open();
    expect(await other).toEqual(textOf('{"key":"other"}'));
    expect(server.executionCount("echo", "aborted")).toBe(0);
    expect(server.executionCount("echo", "other")).toBe(1);
  });

  test("it was aborted before it was made: nothing happens at all", async () => {
    const server = await serve();
    const pool = await connected(server);
    const seen = server.requests.length;
    const signal = AbortSignal.abort("never mind");
    await expect(pool.callTool("s__echo", {}, { signal })).rejects.toBe("never mind");
    await pool.call("s", "ping");
    expect(server.requests.length).toBe(seen + 1);
  });
});
