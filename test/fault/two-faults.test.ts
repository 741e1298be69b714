import { describe, expect, test } from "vitest";
import { json, rpcError, sseEvent } from "../support/http-server.ts";
import {
  connected,
  cut,
  failure,
  gate,
  QUICK,
  serve,
  startStream,
  TestClock,
  textOf,
  toolResult,
  unanswered,
} from "./support.ts";

describe("two faults at once", () => {
  test("6 and 15: a restart under 50 calls of class U: none runs twice, each has its answer", async () => {
    const held = gate();
    const server = await serve({
      tools: { slow: { handler: ({ key }) => held.opened.then(() => key) } },
    });
    const pool = await connected(server);
    const keys = Array.from({ length: 50 }, (_, index) => `k${index}`);
    const before = keys.map((key) => pool.callTool("s__slow", { key }));
    const settled = Promise.allSettled(before);
    await server.until((one) => one.requestsOf("tools/call").length === 50);
    await server.restart();
    held.open();
    const outcomes = await settled;
    for (const [index, outcome] of outcomes.entries()) {
      expect(outcome).toMatchObject({
        status: "rejected",
        reason: { code: "OUTCOME_UNKNOWN", server: "s" },
      });
      expect(server.executionCount("slow", keys[index])).toBe(1);
    }
    expect(await pool.callTool("s__slow", { key: "after" })).toEqual(textOf("after"));
    expect(server.initializeCount).toBe(2);
    expect(server.executionCount("slow")).toBe(51);
  });

  test("7 and 15: the same for class R: each has one result, exec at most 2", async () => {
    const held = gate();
    const server = await serve({
      tools: {
        slow: {
          annotations: { readOnlyHint: true },
          handler: ({ key }) => held.opened.then(() => key),
        },
      },
    });
    const pool = await connected(server, { trusted: true });
    const keys = Array.from({ length: 50 }, (_, index) => `k${index}`);
    const calls = Promise.all(keys.map((key) => pool.callTool("s__slow", { key })));
    await server.until((one) => one.requestsOf("tools/call").length === 50);
    await server.restart();
    held.open();
    expect(await calls).toEqual(keys.map(textOf));
    expect(keys.filter((key) => server.executionCount("slow", key) > 2)).toEqual([]);
    expect(server.initializeCount).toBe(2);
  });

  test("25 and 15: the stream breaks and the session is gone: OUTCOME_UNKNOWN, exec 1", async () => {
    const server = await serve({
      tools: {
        echo: {},
        work: {
          handler(_args, context) {
            server.forgetSessions();
            cut(startStream(context), "id: 1\nretry: 1\ndata: \n\n");
            return unanswered();
          },
        },
      },
      onRequest({ method, headers, res }) {
        if (method !== "GET" || headers["last-event-id"] === undefined) return false;
        json(res, 404, rpcError(null, -32001, "Session not found"));
        return true;
      },
    });
    const pool = await connected(server);
    expect(await failure(pool.callTool("s__work"))).toMatchObject({ code: "OUTCOME_UNKNOWN" });
    expect(server.executionCount("work")).toBe(1);
    expect(await pool.callTool("s__echo")).toEqual(textOf("{}"));
    expect(server.initializeCount).toBe(2);
    expect(server.executionCount("work")).toBe(1);
  });

  test("25 and 27: cut before and in the resumption, with another call's stream beside it", async () => {
    const server = await serve({
      tools: {
        work: {
          handler({ key }, context) {
            calls.set(String(key), toolResult(context, String(key)));
            cut(startStream(context), `id: ${String(key)}:1\nretry: 1\ndata: \n\n`);
            return unanswered();
          },
        },
      },
      onRequest(context) {
        const cursor = context.headers["last-event-id"];
        if (context.method !== "GET" || typeof cursor !== "string") return false;
        const [key = "", step] = cursor.split(":");
        if (step === "1") cut(startStream(context), `id: ${key}:2\nretry: 1\ndata: \n\n`);
        else startStream(context).end(sseEvent(calls.get(key) ?? {}));
        return true;
      },
    });
    const calls = new Map<string, object>();
    const pool = await connected(server);
    const keys = ["a", "b", "c"];
    const results = await Promise.all(keys.map((key) => pool.callTool("s__work", { key })));
    expect(results).toEqual(keys.map(textOf));
    expect(keys.map((key) => server.executionCount("work", key))).toEqual([1, 1, 1]);
  });

  test.each([
    ["R", { trusted: true }, {}],
    ['U with replay "always"', {}, { replay: "always" }],
  ] as const)(
    "7 and 1: class %s ran, its answer is lost, the server stays away: the error says that it may have run",
    async (_name, config, options) => {
      const server = await serve({
        tools: {
          work: {
            annotations: { idempotentHint: true },
            handler() {
              void server.stop();
              return unanswered();
            },
          },
        },
      });
      const pool = await connected(server, {
        ...config,
        reconnect: { ...QUICK, budgetMs: 50 },
      });
      const error = await failure(pool.callTool("s__work", {}, options));
      expect(server.executionCount("work")).toBe(1);
      expect(error).toMatchObject({ server: "s", method: "tools/call" });
      expect(error.sent).not.toBe("no");
      expect(error.code).toBe("OUTCOME_UNKNOWN");
    },
  );

  test("15 and 50: the session is lost and its renewal hangs: calls end, and recover after it", async () => {
    const clock = new TestClock();
    const server = await serve();
    const pool = await connected(server, { timeouts: { handshakeMs: 4_321 } }, { clock });
    let hangs = 1;
    server.options.onRequest = ({ body }) => body?.method === "initialize" && hangs-- > 0;
    clock.holds = (delayMs) => delayMs === 4_321;
    server.forgetSessions();
    const calls = Array.from({ length: 10 }, (_, key) =>
      pool.callTool("s__echo", { key: String(key) }),
    );
    await server.until((one) => one.requestsOf("initialize").length === 2);
    clock.release();
    expect((await Promise.all(calls)).length).toBe(10);
    expect(server.executionCount("echo")).toBe(10);
    expect(server.initializeCount).toBe(2);
  });
});
