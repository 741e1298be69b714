// Change streams of the session era that are refused at first, that end at once, and that are held back.

import { describe, expect, test } from "vitest";
import { until } from "../support/processes.ts";
import type { RequestContext, TestHttpServer } from "../support/http-server.ts";
import {
  collect,
  connected,
  nextEvent,
  poolOf,
  serve,
  startStream,
  TestClock,
  textOf,
} from "./support.ts";

/** Pauses between attempts to open the stream again, and nothing else. */
const isReopening = (delayMs: number): boolean => delayMs >= 1_000 && delayMs < 4_900;

function serveChanging(): Promise<TestHttpServer> {
  return serve({ capabilities: { tools: { listChanged: true } }, getStream: true });
}

/** Answers GET by hand, as long as `isSpoilt`. */
function spoil(
  server: TestHttpServer,
  get: (context: RequestContext) => void,
): { isSpoilt: boolean } {
  const state = { isSpoilt: true };
  server.options.onRequest = (context) => {
    if (context.method !== "GET" || !state.isSpoilt) return false;
    get(context);
    return true;
  };
  return state;
}

test.each([400, 401, 403, 404, 500])(
  "refused with %d at first: calls work, and changes are seen once it opens",
  async (status) => {
    const clock = new TestClock();
    const server = await serveChanging();
    const spoilt = spoil(server, ({ res }) => void res.writeHead(status).end("no"));
    clock.holds = isReopening;
    const pool = await connected(server, {}, { clock });
    const warnings = collect(pool, "warning");
    expect(await pool.callTool("s__echo")).toEqual(textOf("{}"));
    const untilOnceMore = (isSo: () => boolean): Promise<void> =>
      until(() => {
        clock.release();
        return isSo();
      }, "the stream to be tried again");
    await untilOnceMore(() => server.requestsOf("GET").length >= 3);
    spoilt.isSpoilt = false;
    await untilOnceMore(() => server.openStreams === 1);
    const changed = nextEvent(pool, "tools.changed");
    server.options.tools = { echo: {}, fresh: {} };
    server.notifyToolsChanged();
    expect(await changed).toMatchObject({ added: [{ name: "s__fresh" }] });
    expect(server.initializeCount).toBe(1);
    expect(warnings).toEqual([]);
    expect(pool.status()[0]).toMatchObject({ state: "ready", quirks: {} });
  },
);

test("ended at once, again and again: the lists are fetched once, and calls work", async () => {
  const clock = new TestClock();
  const server = await serveChanging();
  spoil(server, (context) => void startStream(context).end());
  clock.holds = isReopening;
  const pool = await connected(server, {}, { clock });
  const listed = server.requestsOf("tools/list").length;
  await until(() => {
    clock.release();
    return server.requestsOf("GET").length >= 5;
  }, "the stream to be opened five times");
  expect(await pool.callTool("s__echo")).toEqual(textOf("{}"));
  expect(server.requestsOf("tools/list").length - listed).toBeLessThanOrEqual(1);
  expect(pool.status()[0]?.quirks["stream-ends-at-once"]).toBeGreaterThan(0);
});

describe("held back", () => {
  test("a renewed session does not wait for its stream a second time", async () => {
    const clock = new TestClock();
    const server = await serveChanging();
    spoil(server, () => {});
    const pool = await connected(server, {}, { clock });
    clock.holds = (delayMs) => delayMs === 1_000;
    server.forgetSessions();
    // A wait for the stream would be held for ever.
    expect(await pool.callTool("s__echo")).toEqual(textOf("{}"));
    expect(server.initializeCount).toBe(2);
    expect(server.requestsOf("GET")).toHaveLength(2);
    expect(clock.held).toEqual([]);
  });

  test("one warning names buffering, and calls work", async () => {
    const clock = new TestClock();
    const server = await serveChanging();
    spoil(server, () => {});
    clock.holds = (delayMs) => delayMs === 15_000;
    const pool = poolOf({ s: server }, { clock });
    const warned = nextEvent(pool, "warning");
    expect(await pool.connect()).toMatchObject({ connected: ["s"], failed: {} });
    await clock.untilHeld();
    clock.release();
    expect(await warned).toMatchObject({
      code: "stream-held-back",
      message: expect.stringContaining("X-Accel-Buffering: no"),
    });
    expect(await pool.callTool("s__echo")).toEqual(textOf("{}"));
  });
});
