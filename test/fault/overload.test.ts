// More than a server takes: its own calls wait or are turned away, and nobody else notices.

import { McpOverloadedError } from "mcp-client-pool";
import type { McpClientPool } from "mcp-client-pool";
import { describe, expect, test } from "vitest";
import type { TestHttpServer } from "../support/http-server.ts";
import { byHand, connected, failure, gate, poolOf, serve, textOf, unanswered } from "./support.ts";
import type { Gate } from "./support.ts";

/** A server whose tool `work` notes who called it, and answers when the gate opens. */
async function holding(): Promise<{ server: TestHttpServer; held: Gate; ran: unknown[] }> {
  const held = gate();
  const ran: unknown[] = [];
  const handler = async ({ key }: Record<string, unknown>): Promise<unknown> => {
    ran.push(key);
    await held.opened;
    return key;
  };
  return { server: await serve({ tools: { work: { handler } } }), held, ran };
}

function countsOf(pool: McpClientPool, name: string): { inFlight: number; queued: number } {
  const status = pool.status().find(({ server }) => server === name);
  if (status === undefined) throw new Error(`no server ${name}`);
  const { inFlight, queued } = status.counts;
  return { inFlight, queued };
}

describe("fault 52: the queue is full", () => {
  test("1,000 too many: each an error at once, sent no; what ran is what had a place", async () => {
    const { server, held, ran } = await holding();
    const pool = await connected(server, { limits: { inFlight: 4, queued: 16 } });
    const keys = Array.from({ length: 20 }, (_, index) => `k${index}`);
    const calls = keys.map((key) => pool.callTool("s__work", { key }));
    await server.until((one) => one.executionCount("work") === 4);
    expect(countsOf(pool, "s")).toEqual({ inFlight: 4, queued: 16 });
    const before = server.requests.length;
    const refused = await Promise.all(
      Array.from({ length: 1_000 }, () => failure(pool.callTool("s__work", { key: "no" }))),
    );
    for (const error of refused) {
      expect(error).toBeInstanceOf(McpOverloadedError);
      expect(error).toMatchObject({ code: "OVERLOADED", sent: "no", retryable: true, server: "s" });
    }
    expect([server.requests.length, ran.length]).toEqual([before, 4]);
    held.open();
    expect(await Promise.all(calls)).toEqual(keys.map((key) => textOf(key)));
    expect(server.executionCount("work", "no")).toBe(0);
    for (const key of keys) expect(server.executionCount("work", key)).toBe(1);
    expect(countsOf(pool, "s")).toEqual({ inFlight: 0, queued: 0 });
  });

  test("fair: who came first is served first, whoever comes while others wait", async () => {
    const ran: unknown[] = [];
    const handler = ({ key }: Record<string, unknown>): unknown => ran.push(key) && key;
    const server = await serve({ tools: { work: { handler } } });
    const pool = await connected(server, { limits: { inFlight: 1, queued: 1_000 } });
    const keys = Array.from({ length: 300 }, (_, index) => index);
    let late = 300;
    // Each that ends is followed by a new one, which must not overtake.
    const calls = keys.map((key) =>
      pool.callTool("s__work", { key }).then(() => pool.callTool("s__work", { key: late++ })),
    );
    await Promise.all(calls);
    expect(ran).toEqual(Array.from({ length: 600 }, (_, index) => index));
  });

  test("every other one gives up: the others run, once each, in order; those are never sent", async () => {
    const { server, held, ran } = await holding();
    const pool = await connected(server, { limits: { inFlight: 1, queued: 200 } });
    const caller = new AbortController();
    const first = pool.callTool("s__work", { key: "first" });
    const keys = Array.from({ length: 200 }, (_, index) => index);
    const calls = keys.map((key) =>
      pool.callTool("s__work", { key }, key % 2 === 0 ? {} : { signal: caller.signal }),
    );
    const all = Promise.allSettled(calls);
    await server.until((one) => one.executionCount("work") === 1);
    caller.abort("no longer wanted");
    for (const key of keys.filter((one) => one % 2 === 1)) {
      await expect(calls[key]).rejects.toBe("no longer wanted");
    }
    expect(countsOf(pool, "s")).toEqual({ inFlight: 1, queued: 100 });
    held.open();
    await Promise.all([first, all]);
    expect(ran).toEqual(["first", ...keys.filter((one) => one % 2 === 0)]);
    expect(server.requestsOf("notifications/cancelled")).toEqual([]);
  });
});

describe("closing with a full queue (faults 54, 55)", () => {
  test.each<[string, (pool: McpClientPool) => Promise<unknown>]>([
    ["closeAll", (pool) => pool.closeAll({ drainMs: 5_000 })],
    ["removeClient", (pool) => pool.removeClient("s")],
  ])("%s: who waits is told at once, sent no; who is inside gets an answer", async (_name, end) => {
    const { server, held } = await holding();
    const pool = await connected(server, { limits: { inFlight: 2, queued: 50 } });
    const inside = ["a", "b"].map((key) => pool.callTool("s__work", { key }));
    await server.until((one) => one.executionCount("work") === 2);
    const waiting = Array.from({ length: 50 }, (_, index) =>
      failure(pool.callTool("s__work", { key: `k${index}` })),
    );
    await Promise.resolve();
    const ended = end(pool);
    for (const error of await Promise.all(waiting)) {
      expect(error).toMatchObject({ code: "CLOSED", sent: "no", server: "s" });
    }
    held.open();
    expect(await Promise.all(inside)).toEqual([textOf("a"), textOf("b")]);
    await ended;
    expect(server.executionCount("work")).toBe(2);
    expect(pool.status().flatMap(({ counts }) => [counts.inFlight, counts.queued])).toEqual(
      pool.status().flatMap(() => [0, 0]),
    );
  });

  test("without time to drain: all are told, those inside that they may have run", async () => {
    const server = await serve({ tools: byHand(() => {}) });
    const pool = await connected(server, { limits: { inFlight: 2, queued: 50 } });
    const calls = Array.from({ length: 52 }, () => failure(pool.callTool("s__work")));
    await server.until((one) => one.executionCount("work") === 2);
    await pool.closeAll({ drainMs: 0 });
    const sent = (await Promise.all(calls)).map((error) => error.sent);
    expect(sent).toEqual(["unknown", "unknown", ...Array.from({ length: 50 }, () => "no")]);
    expect(server.executionCount("work")).toBe(2);
  });
});

describe("fault 51: one hung server of 20 under load", () => {
  const OTHERS = 19;
  const ROUNDS = 4;
  const CALLS = 30;
  /** Wide: these are 20 servers and a client in one process on a machine that has other things to do. */
  const MOST = 8;

  function p99(values: readonly number[]): number {
    const sorted = values.toSorted((a, b) => a - b);
    return sorted[Math.floor(sorted.length * 0.99)] ?? Infinity;
  }

  test("the others' calls end while all of its own hang, and wait no longer than without it", async () => {
    const hung = await serve({ tools: { work: { handler: unanswered } } });
    const others = await Promise.all(Array.from({ length: OTHERS }, () => serve()));
    const names = others.map((_, index) => `s${index}`);
    const pool = poolOf({
      hung,
      ...Object.fromEntries(others.map((one, index) => [names[index], one])),
    });
    await pool.connect();
    const latencies = async (): Promise<number[]> => {
      const taken: number[] = [];
      const ask = async (name: string): Promise<void> => {
        for (let count = 0; count < CALLS; count++) {
          const before = performance.now();
          await pool.callTool(`${name}__echo`, { count });
          taken.push(performance.now() - before);
        }
      };
      await Promise.all(names.map(ask));
      return taken;
    };
    await latencies();
    const alone: number[] = [];
    for (let round = 0; round < ROUNDS; round++) alone.push(...(await latencies()));

    let hanging = 500;
    const stuck = Array.from({ length: hanging }, () =>
      pool.callTool("hung__work").catch(() => (hanging -= 1)),
    );
    await hung.until((one) => one.executionCount("work") === 128);
    const beside: number[] = [];
    for (let round = 0; round < ROUNDS; round++) beside.push(...(await latencies()));

    expect(beside.length).toBe(ROUNDS * OTHERS * CALLS);
    expect(hanging).toBe(500);
    expect(countsOf(pool, "hung")).toEqual({ inFlight: 128, queued: 500 - 128 });
    for (const one of others) expect(one.executionCount("echo")).toBe((2 * ROUNDS + 1) * CALLS);
    expect(p99(beside) / p99(alone)).toBeLessThan(MOST);
    await pool.closeAll({ drainMs: 0 });
    await Promise.all(stuck);
    expect(hung.executionCount("work")).toBe(128);
  });
});
