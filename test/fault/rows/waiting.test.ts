// Servers that say "later", and streams that say nothing, or say it for ever.

import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { McpTimeoutError } from "mcp-client-pool";
import type { McpClientPool } from "mcp-client-pool";
import { describe, expect, test } from "vitest";
import { sseEvent } from "../../support/http-server.ts";
import type { RequestContext, TestHttpServer } from "../../support/http-server.ts";
import {
  byHand,
  collect,
  connected,
  failure,
  nextEvent,
  serve,
  startStream,
  TestClock,
  textOf,
} from "../support.ts";
import { progressTokenOf } from "./progress.ts";

/** Resolves when nothing is under way; gives the delays of the timers that are armed even then. */
async function untilQuiet(clock: TestClock, pool: McpClientPool): Promise<Set<number>> {
  await pool.call("s", "ping");
  let before: number[] = [];
  do {
    before = clock.armed;
    // A stream that was answered lingers for a moment.
    await delay(60);
  } while (before.length !== clock.armed.length);
  return new Set(before);
}

describe("fault 18: 429 with Retry-After", () => {
  const SECOND_MS = 1_000;

  function refuseOnce(server: TestHttpServer, retryAfter: string | undefined): void {
    let left = 1;
    const headers = retryAfter === undefined ? {} : { "retry-after": retryAfter };
    server.options.onRequest = ({ body, res }) => {
      if (body?.method !== "tools/call" || left-- <= 0) return false;
      res.writeHead(429, headers).end();
      return true;
    };
  }

  /** Neither earlier than `atLeastMs`, nor much later. */
  test.each<[string, () => string | undefined, number]>([
    ["1", () => "1", SECOND_MS],
    ["0", () => "0", 0],
    ["a date", () => new Date(Date.now() + 8 * SECOND_MS).toUTCString(), 7 * SECOND_MS],
    ["a date gone by", () => "Thu, 01 Jan 1970 00:00:00 GMT", 0],
    ["garbage", () => "soon, I hope", 0],
    ["a negative number", () => "-5", 0],
    ["a fraction", () => "1.5", 0],
    ["nothing", () => undefined, 0],
  ])("%s: never early, then one result, exec 1", async (_name, retryAfter, atLeastMs) => {
    const clock = new TestClock();
    const server = await serve();
    const pool = await connected(server, {}, { clock });
    const usual = await untilQuiet(clock, pool);
    refuseOnce(server, retryAfter());
    // The call's own limits are longer than any of these waits.
    clock.holds = (delayMs) => delayMs <= 20 * SECOND_MS && !usual.has(delayMs);
    const calling = pool.callTool("s__echo", { key: "k" });
    await clock.untilHeld();
    expect(clock.held.length).toBe(1);
    expect(clock.held[0]).toBeGreaterThanOrEqual(atLeastMs);
    expect(clock.held[0]).toBeLessThanOrEqual(atLeastMs + 2 * SECOND_MS);
    expect(server.requestsOf("tools/call").length).toBe(1);
    clock.release();
    expect(await calling).toEqual(textOf('{"key":"k"}'));
    expect(server.requestsOf("tools/call").length).toBe(2);
    expect(server.executionCount("echo", "k")).toBe(1);
  });

  test.each([
    ["31 s", "31"],
    ["a year", "31536000"],
    ["a date in a year", new Date(Date.now() + 31_536_000_000).toUTCString()],
    ["a number that no clock has", "999999999999"],
  ])("%s: surfaced at once with what the server said, exec 0", async (_name, retryAfter) => {
    const server = await serve();
    const pool = await connected(server);
    refuseOnce(server, retryAfter);
    const error = await failure(pool.callTool("s__echo"));
    expect(error).toMatchObject({ code: "HTTP_ERROR", status: 429, retryable: true });
    expect(Reflect.get(error, "retryAfterMs")).toBeGreaterThan(30 * SECOND_MS);
    expect(server.requestsOf("tools/call").length).toBe(1);
    expect(server.executionCount("echo")).toBe(0);
  });
});

/** Writes `text()` again and again until nobody reads it any more. */
function forEver(context: RequestContext, text: () => string): void {
  const stream = startStream(context);
  const timer = setInterval(() => stream.write(text()), 5);
  stream.once("close", () => clearInterval(timer));
}

describe("fault 29: comments for ever", () => {
  test.each<[string, string]>([
    ["comments", ": still here\n\n"],
    ["empty events", "data: \n\n"],
    ["events of another name", "event: ping\ndata: {}\n\n"],
    ["ids and retries", "id: 1\nretry: 10\n\n"],
    ["blank lines", "\n\n"],
  ])("%s are no progress: silence ends it, cancelled on the wire, exec 1", async (_name, text) => {
    const closed: Promise<unknown>[] = [];
    const tools = byHand((context) => {
      closed.push(once(context.res, "close"));
      forEver(context, () => text);
    });
    const server = await serve({ tools: { ...tools, echo: {} } });
    const pool = await connected(server);
    const error = await failure(pool.callTool("s__work", {}, { timeoutMs: 80 }));
    expect(error).toBeInstanceOf(McpTimeoutError);
    expect(error).toMatchObject({ limit: "silence", timeoutMs: 80, server: "s" });
    expect(error.sent).not.toBe("no");
    await server.until((one) => one.requestsOf("notifications/cancelled").length === 1);
    await Promise.all(closed);
    expect(server.executionCount("work")).toBe(1);
    expect(server.requestsOf("GET").length).toBeLessThan(2);
    expect(await pool.callTool("s__echo")).toEqual(textOf("{}"));
  });
});

describe("fault 30: progress for ever", () => {
  test("each report ends the silence, and the total cap fires, exec 1", async () => {
    let count = 0;
    const closed: Promise<unknown>[] = [];
    const tools = byHand((context) => {
      closed.push(once(context.res, "close"));
      const progressToken = progressTokenOf(context);
      forEver(context, () => {
        const params = { progressToken, progress: ++count };
        return sseEvent({ jsonrpc: "2.0", method: "notifications/progress", params });
      });
    });
    const server = await serve({ tools: { ...tools, echo: {} } });
    const pool = await connected(server);
    const seen: number[] = [];
    const onProgress = ({ progress }: { progress: number }): void => void seen.push(progress);
    // A total of many silences: without the reports it would end by the first.
    const limits = { timeoutMs: 100, totalTimeoutMs: 400 };
    const error = await failure(pool.callTool("s__work", {}, { ...limits, onProgress }));
    expect(error).toBeInstanceOf(McpTimeoutError);
    expect(error).toMatchObject({ limit: "total", timeoutMs: 400, sent: "yes", server: "s" });
    expect(seen.length).toBeGreaterThan(10);
    expect(seen).toEqual(seen.map((_, index) => index + 1));
    await server.until((one) => one.requestsOf("notifications/cancelled").length === 1);
    await Promise.all(closed);
    expect(server.executionCount("work")).toBe(1);
    const before = seen.length;
    expect(await pool.callTool("s__echo")).toEqual(textOf("{}"));
    expect(seen.length).toBe(before);
  });
});

describe("fault 35: the change stream drops, session era", () => {
  test.each<[string, (server: TestHttpServer) => void]>([
    ["in good order", (server) => server.endStreams()],
    ["by a lost connection", (server) => server.dropSockets()],
  ])(
    "%s: opened again after a pause, the lists fetched, one tools.changed",
    async (_name, drop) => {
      const clock = new TestClock();
      const server = await serve({ getStream: true });
      const pool = await connected(server, {}, { clock });
      await server.until(({ openStreams }) => openStreams === 1);
      const usual = await untilQuiet(clock, pool);
      const changes = collect(pool, "tools.changed");
      clock.holds = (delayMs) => !usual.has(delayMs);
      drop(server);
      await clock.untilHeld();
      server.options.tools = { echo: {}, fresh: {} };
      expect(server.requestsOf("GET").length).toBe(1);
      expect(clock.held[0]).toBeGreaterThan(0);
      const changed = nextEvent(pool, "tools.changed");
      clock.holds = () => false;
      clock.release();
      expect((await changed).added).toMatchObject([{ name: "s__fresh" }]);
      await server.until(({ openStreams }) => openStreams === 1);
      expect(server.requestsOf("GET").length).toBe(2);
      expect(server.requestsOf("tools/list").length).toBe(2);
      expect(await pool.callTool("s__fresh")).toEqual(textOf("{}"));
      expect(changes.length).toBe(1);
      expect(server.initializeCount).toBe(1);
    },
  );

  test("again and again: the pauses grow", async () => {
    const clock = new TestClock();
    const server = await serve({ getStream: true });
    const pool = await connected(server, {}, { clock });
    await server.until(({ openStreams }) => openStreams === 1);
    const usual = await untilQuiet(clock, pool);
    clock.holds = (delayMs) => !usual.has(delayMs);
    const pauses: number[] = [];
    for (let round = 1; round <= 4; round++) {
      server.endStreams();
      await clock.untilHeld();
      pauses.push(clock.held[0] ?? 0);
      // The lists that are fetched then are waited for without being held.
      clock.holds = () => false;
      clock.release();
      await server.until((one) => one.requestsOf("GET").length === round + 1);
      await server.until(({ openStreams }) => openStreams === 1);
      await untilQuiet(clock, pool);
      clock.holds = (delayMs) => !usual.has(delayMs);
    }
    expect(pauses).toEqual(pauses.toSorted((a, b) => a - b));
    expect(pauses[3]).toBeGreaterThan((pauses[0] ?? 0) * 2);
    clock.holds = () => false;
  });
});
