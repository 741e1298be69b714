import { McpTimeoutError } from "mcp-client-pool";
import { describe, expect, test } from "vitest";
import { json, rpcError, rpcResult } from "../support/http-server.ts";
import type { RequestContext, TestHttpServerOptions } from "../support/http-server.ts";
import {
  collect,
  connected,
  failure,
  gate,
  lose,
  nextEvent,
  poolOf,
  serve,
  TestClock,
  textOf,
} from "./support.ts";

/** How long a server may take to accept a notification. */
const ACCEPT_MS = 10_000;

const hangs =
  (...methods: string[]): NonNullable<TestHttpServerOptions["onRequest"]> =>
  ({ body }) =>
    methods.includes(body?.method ?? "");

const inputSchema = { type: "object" };

describe("a name that is removed and given again", () => {
  test("while the first is still connecting: the second stays", async () => {
    const hanging = await serve({ onRequest: () => true });
    const good = await serve();
    const pool = poolOf({});
    const first = failure(pool.addClient("a", hanging.url));
    await hanging.until((server) => server.requestsOf("server/discover").length === 1);
    const removing = pool.removeClient("a", { drainMs: 0 });
    await pool.addClient("a", good.url);
    expect(await first).toMatchObject({ code: "CLOSED", server: "a" });
    await removing;
    expect(pool.status()).toMatchObject([{ server: "a", state: "ready" }]);
    expect(await pool.callTool("a__echo")).toEqual(textOf("{}"));
    await pool.closeAll({ drainMs: 0 });
    await good.until(({ openSockets }) => openSockets === 0);
    expect(good.sessions.size).toBe(0);
  });

  test("the removed one's late tools/list does not overwrite its successor's", async () => {
    const late = gate();
    const old = await serve({ tools: { old: {} } });
    const fresh = await serve({ tools: { fresh: {} } });
    const pool = await connected(old);
    old.options.onRequest = async ({ body }) => {
      if (body?.method === "tools/list") await late.opened;
    };
    const listing = pool.listTools("s").catch(() => {});
    await old.until((server) => server.requestsOf("tools/list").length === 2);
    const removing = pool.removeClient("s");
    await pool.addClient("s", fresh.url);
    late.open();
    await Promise.all([listing, removing]);
    expect(pool.allTools.map(({ name }) => name)).toEqual(["s__fresh"]);
    expect(await pool.callTool("s__fresh")).toEqual(textOf("{}"));
  });
});

describe("tools/list at the start", () => {
  test.each<[string, (pool: ReturnType<typeof poolOf>) => Promise<unknown>]>([
    ["connect()", (pool) => pool.connect().then(() => pool.callTool("s__echo"))],
    ["callTool()", (pool) => pool.callTool("s__echo")],
  ])("strict, failed once: %s loads it again", async (_name, again) => {
    let failures = 1;
    const server = await serve({
      onRequest({ body, res }) {
        if (body?.method !== "tools/list" || failures-- <= 0) return false;
        json(res, 200, rpcError(body.id ?? null, -32603, "starting up"));
        return true;
      },
    });
    // Otherwise connect() itself waits for the look that follows half a second later.
    const pool = poolOf({ s: server }, { strict: true });
    const { failed } = await pool.connect();
    expect(failed["s"]).toMatchObject({ code: "RESPONSE_ERROR", rpcCode: -32603 });
    expect(await again(pool)).toEqual(textOf("{}"));
    expect(server.requestsOf("tools/list").length).toBe(2);
    expect(server.initializeCount).toBe(1);
  });

  test("hangs: connect({ signal }) and callTool({ signal }) end with the signal's reason", async () => {
    const server = await serve({ onRequest: hangs("tools/list") });
    const pool = poolOf({ s: server });
    const [forConnect, forCall] = [new AbortController(), new AbortController()];
    const connecting = pool.connect({ signal: forConnect.signal });
    await server.until((one) => one.requestsOf("tools/list").length === 1);
    const call = pool.callTool("s__echo", {}, { signal: forCall.signal });
    const reasons = [new Error("no connect"), new Error("no call")];
    forConnect.abort(reasons[0]);
    await expect(connecting).rejects.toBe(reasons[0]);
    forCall.abort(reasons[1]);
    await expect(call).rejects.toBe(reasons[1]);
    expect(server.executionCount("echo")).toBe(0);
  });

  test("hangs: callTool({ totalTimeoutMs }) ends in time, unsent", async () => {
    const totalTimeoutMs = 4_321;
    const clock = new TestClock();
    clock.holds = (delayMs) => delayMs > 4_000 && delayMs <= totalTimeoutMs;
    const server = await serve({ onRequest: hangs("tools/list") });
    const pool = poolOf({ s: server }, { clock });
    void pool.connect();
    await nextEvent(pool, "server.connected");
    const call = failure(pool.callTool("s__echo", {}, { totalTimeoutMs }));
    await clock.untilHeld();
    clock.release();
    const error = await call;
    expect(error).toBeInstanceOf(McpTimeoutError);
    expect(error).toMatchObject({ limit: "total", sent: "no", server: "s" });
    expect(server.requestsOf("tools/call").length).toBe(0);
  });
});

describe("what the server never takes", () => {
  const method = "notifications/x";

  test("a notification ends with an error", async () => {
    const clock = new TestClock();
    const server = await serve({ onRequest: hangs(method) });
    const pool = await connected(server, {}, { clock });
    clock.holds = (delayMs) => delayMs === ACCEPT_MS;
    const notified = failure(pool.notify("s", method));
    await server.until((one) => one.requestsOf(method).length === 1);
    clock.release();
    expect(await notified).toMatchObject({ code: "TIMEOUT", sent: "unknown", method });
    expect(await pool.callTool("s__echo")).toEqual(textOf("{}"));
  });

  test("a notification ends with its pool, at the latest", async () => {
    const server = await serve({ onRequest: hangs(method) });
    const pool = await connected(server);
    const notified = failure(pool.notify("s", method));
    await server.until((one) => one.requestsOf(method).length === 1);
    await pool.closeAll({ drainMs: 0 });
    expect(await notified).toMatchObject({ code: "CLOSED" });
  });

  test("as many cancellations as there are sockets do not block calls for ever", async () => {
    const count = 128;
    const clock = new TestClock();
    const server = await serve({ onRequest: hangs("tools/call", "notifications/cancelled") });
    const pool = await connected(server, {}, { clock });
    clock.holds = (delayMs) => delayMs === ACCEPT_MS;
    const controller = new AbortController();
    const { signal } = controller;
    const calls = Array.from({ length: count }, () =>
      pool.callTool("s__echo", {}, { signal }).catch(() => "aborted"),
    );
    await server.until((one) => one.requestsOf("tools/call").length === count);
    controller.abort();
    expect(new Set(await Promise.all(calls))).toEqual(new Set(["aborted"]));
    await server.until((one) => one.requestsOf("notifications/cancelled").length === count);
    delete server.options.onRequest;
    const call = pool.callTool("s__echo");
    clock.release();
    expect(await call).toEqual(textOf("{}"));
    expect(server.executionCount("echo")).toBe(1);
  });

  test("a subscription made again does not keep the server from becoming ready (8.12)", async () => {
    const patienceMs = 2_000;
    const clock = new TestClock();
    const answer = ({ body, res }: RequestContext): boolean => {
      if (body?.method !== "resources/subscribe") return false;
      json(res, 200, rpcResult(body.id ?? null, {}));
      return true;
    };
    const server = await serve({
      capabilities: { tools: {}, resources: { subscribe: true } },
      onRequest: answer,
    });
    const pool = await connected(server, {}, { clock });
    await pool.subscribeResource("s", "file:///a", () => {});
    server.options.onRequest = hangs("resources/subscribe");
    server.forgetSessions();
    clock.holds = (delayMs) => delayMs === patienceMs;
    const warnings = collect(pool, "warning");
    const call = pool.callTool("s__echo");
    await server.until((one) => one.requestsOf("resources/subscribe").length === 2);
    clock.release();
    expect(await call).toEqual(textOf("{}"));
    expect(warnings).toMatchObject([
      { server: "s", message: expect.stringContaining("confirmed") },
    ]);
    expect(pool.status()[0]?.state).toBe("ready");
  });
});

describe("the session is forgotten or away", () => {
  test("a notification is sent again, once, in the next (3.10)", async () => {
    const server = await serve();
    const pool = await connected(server);
    server.forgetSessions();
    await pool.notify("s", "notifications/x");
    expect(server.requestsOf("notifications/x").length).toBe(2);
    expect(server.initializeCount).toBe(2);
    const ids = server
      .requestsOf("notifications/x")
      .map(({ headers }) => headers["mcp-session-id"]);
    expect(ids[1]).not.toBe(ids[0]);
  });

  test("roots that change during an outage are told of afterwards", async () => {
    const told = "notifications/roots/list_changed";
    const server = await serve();
    const pool = await connected(server, {}, { roots: [] });
    await lose(pool, server);
    await pool.setRoots([{ uri: "file:///new" }]);
    expect(server.requestsOf(told).length).toBe(0);
    await server.listen();
    await pool.call("s", "ping");
    await server.until((one) => one.requestsOf(told).length > 0);
    await pool.call("s", "ping");
    expect(server.requestsOf(told).length).toBe(1);
  });
});

test("requestId is the first page's: no id comes twice (1.3)", async () => {
  const server = await serve();
  const pool = await connected(server);
  server.options.onRequest = ({ body, res }) => {
    if (body?.method !== "tools/list") return false;
    const cursor = body.params?.["cursor"];
    const tools = [{ name: cursor === undefined ? "a" : "b", inputSchema }];
    const page = cursor === undefined ? { tools, nextCursor: "2" } : { tools };
    json(res, 200, rpcResult(body.id ?? null, page));
    return true;
  };
  const tools = await pool.listTools("s", { requestId: "mine" });
  expect(tools.map(({ name }) => name)).toEqual(["s__a", "s__b"]);
  const ids = server.requestsOf("tools/list").map(({ body }) => body?.id);
  expect(ids.length).toBe(3);
  expect(ids[1]).toBe("mine");
  expect(new Set(ids).size).toBe(3);
});
