import { McpHttpError, McpOutcomeUnknownError } from "mcp-client-pool";
import { describe, expect, test } from "vitest";
import { json, rpcError } from "../support/http-server.ts";
import type { TestHttpServer } from "../support/http-server.ts";
import { connected, failure, faulty, serve, TestClock, textOf } from "./support.ts";

/** Answers the next `times` requests of `method` with a status, before anything runs. */
function refuse(
  server: TestHttpServer,
  method: string,
  status: number,
  options: { headers?: Record<string, string>; times?: number; withBody?: boolean } = {},
): void {
  let left = options.times ?? 1;
  server.options.onRequest = ({ body, res }) => {
    if (body?.method !== method || left-- <= 0) return false;
    if (options.withBody === true) {
      json(res, status, rpcError(body.id ?? null, -32000, "later"), options.headers);
    } else res.writeHead(status, options.headers).end();
    return true;
  };
}

describe.each([502, 503, 504])("HTTP %i", (status) => {
  const fault = faulty(({ res }) => res.writeHead(status).end(), { times: 9 });

  test("class S: asked again, with a new id", async () => {
    const server = await serve();
    const pool = await connected(server);
    refuse(server, "tools/list", status);
    expect(await pool.listTools("s")).toMatchObject([{ name: "s__echo" }]);
    const ids = server.requestsOf("tools/list").map(({ body }) => body?.id);
    // One of the handshake.
    expect(ids.length).toBe(3);
    expect(new Set(ids).size).toBe(3);
  });

  test("class S, for ever: at most two replays, then the status", async () => {
    const server = await serve();
    const pool = await connected(server);
    refuse(server, "tools/list", status, { times: 99 });
    const error = await failure(pool.listTools("s"));
    expect(error).toBeInstanceOf(McpHttpError);
    expect(error).toMatchObject({ status, retryable: true });
    expect(server.requestsOf("tools/list").length).toBe(4);
  });

  test("class U: OUTCOME_UNKNOWN, exec 1", async () => {
    const server = await serve({ tools: { risky: fault } });
    const pool = await connected(server);
    const error = await failure(pool.callTool("s__risky"));
    expect(error).toBeInstanceOf(McpOutcomeUnknownError);
    expect(error).toMatchObject({ code: "OUTCOME_UNKNOWN", server: "s", method: "tools/call" });
    expect(error.cause).toMatchObject({ status });
    expect(server.executionCount("risky")).toBe(1);
    expect(pool.status()[0]?.state).toBe("ready");
  });

  test("class R: one result, exec at most 2", async () => {
    const read = faulty(({ res }) => res.writeHead(status).end(), {
      annotations: { readOnlyHint: true },
    });
    const server = await serve({ tools: { read } });
    const pool = await connected(server, { trusted: true });
    expect(await pool.callTool("s__read")).toEqual(textOf("done"));
    expect(server.executionCount("read")).toBe(2);
  });
});

describe("Retry-After (fault 18)", () => {
  const isWait =
    (afterMs: number) =>
    (delayMs: number): boolean =>
      delayMs >= afterMs && delayMs < afterMs + 1_000;

  async function setup(): Promise<{
    server: TestHttpServer;
    clock: TestClock;
    pool: Awaited<ReturnType<typeof connected>>;
  }> {
    const clock = new TestClock();
    const server = await serve();
    return { server, clock, pool: await connected(server, {}, { clock }) };
  }

  test.each([
    ["without a body", false],
    ["with a JSON-RPC error", true],
  ])("429 %s, class U: never early, then one result, exec 1", async (_name, withBody) => {
    const { server, clock, pool } = await setup();
    refuse(server, "tools/call", 429, { headers: { "retry-after": "7" }, withBody });
    clock.holds = isWait(7_000);
    const calling = pool.callTool("s__echo", { key: "k" });
    await Promise.race([clock.untilHeld(), calling]);
    expect(clock.held.length).toBe(1);
    expect(server.requestsOf("tools/call").length).toBe(1);
    clock.release();
    expect(await calling).toEqual(textOf('{"key":"k"}'));
    expect(server.requestsOf("tools/call").length).toBe(2);
    expect(server.executionCount("echo")).toBe(1);
  });

  test("503, class S: never early", async () => {
    const { server, clock, pool } = await setup();
    refuse(server, "tools/list", 503, { headers: { "retry-after": "7" } });
    clock.holds = isWait(7_000);
    const listing = pool.listTools("s");
    await Promise.race([clock.untilHeld(), listing]);
    expect(clock.held.length).toBe(1);
    expect(server.requestsOf("tools/list").length).toBe(2);
    clock.release();
    expect(await listing).toMatchObject([{ name: "s__echo" }]);
  });

  test("503, class U: only by option", async () => {
    const { server, clock, pool } = await setup();
    refuse(server, "tools/call", 503, { headers: { "retry-after": "7" }, times: 2 });
    expect(await failure(pool.callTool("s__echo"))).toMatchObject({ code: "OUTCOME_UNKNOWN" });
    expect(server.requestsOf("tools/call").length).toBe(1);
    clock.holds = isWait(7_000);
    const calling = pool.callTool("s__echo", {}, { replay: "always" });
    await Promise.race([clock.untilHeld(), calling]);
    expect(server.requestsOf("tools/call").length).toBe(2);
    clock.release();
    expect(await calling).toEqual(textOf("{}"));
    expect(server.executionCount("echo")).toBe(1);
  });

  test.each([
    ["half a minute and one second", "31", 31_000],
    ["a year", "31536000", 31_536_000_000],
  ])("429 and %s: surfaced at once, exec 0", async (_name, value, retryAfterMs) => {
    const { server, pool } = await setup();
    refuse(server, "tools/call", 429, { headers: { "retry-after": value } });
    const error = await failure(pool.callTool("s__echo"));
    expect(error).toMatchObject({ code: "HTTP_ERROR", status: 429, retryable: true, retryAfterMs });
    expect(server.requestsOf("tools/call").length).toBe(1);
    expect(server.executionCount("echo")).toBe(0);
  });

  test.each([
    ["0", "0"],
    ["a date gone by", "Thu, 01 Jan 1970 00:00:00 GMT"],
    ["garbage", "soon, I hope"],
  ])("429 and %s: asked again", async (_name, value) => {
    const { server, pool } = await setup();
    refuse(server, "tools/call", 429, { headers: { "retry-after": value } });
    expect(await pool.callTool("s__echo")).toEqual(textOf("{}"));
    expect(server.executionCount("echo")).toBe(1);
  });

  test("429 and a wait longer than the call may take: the error, and nothing is waited for", async () => {
    const { server, pool } = await setup();
    refuse(server, "tools/call", 429, { headers: { "retry-after": "7" } });
    const error = await failure(pool.callTool("s__echo", {}, { totalTimeoutMs: 6_000 }));
    expect(error).toMatchObject({ code: "HTTP_ERROR", status: 429 });
    expect(server.executionCount("echo")).toBe(0);
  });

  test('429 for ever, and 429 with replay "never"', async () => {
    const { server, pool } = await setup();
    refuse(server, "tools/call", 429, { headers: { "retry-after": "0" }, times: 99 });
    const patient = await failure(pool.callTool("s__echo", {}, { totalTimeoutMs: 1_000 }));
    expect(patient).toMatchObject({ status: 429 });
    const requestCount = server.requestsOf("tools/call").length;
    expect(requestCount).toBeGreaterThan(3);
    expect(requestCount).toBeLessThan(8);
    const error = await failure(pool.callTool("s__echo", {}, { replay: "never" }));
    expect(error).toMatchObject({ status: 429 });
    expect(server.requestsOf("tools/call").length).toBe(requestCount + 1);
    expect(server.executionCount("echo")).toBe(0);
  });

  test("aborted in the wait: rejects with the reason, leaves no timer and sends nothing", async () => {
    const { server, clock, pool } = await setup();
    refuse(server, "tools/call", 429, { headers: { "retry-after": "7" } });
    await clock.untilIdle();
    clock.holds = isWait(7_000);
    const caller = new AbortController();
    const calling = pool.callTool("s__echo", {}, { signal: caller.signal });
    await clock.untilHeld();
    const reason = new Error("changed my mind");
    caller.abort(reason);
    await expect(calling).rejects.toBe(reason);
    expect(clock.held).toEqual([]);
    await clock.untilIdle();
    expect(server.requestsOf("tools/call").length).toBe(1);
  });
});
