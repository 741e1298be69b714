// Many calls at once: queues, budgets, cancellations, herds, and random faults with a history that is checked.

import type { Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { McpOutcomeUnknownError, McpOverloadedError } from "mcp-client-pool";
import type { Clock, McpClientPool, PoolEvent } from "mcp-client-pool";
import { describe, expect, test } from "vitest";
import { systemClock } from "../../../src/core/clock.ts";
import type { RequestContext } from "../../support/http-server.ts";
import { settled } from "../../support/manual-clock.ts";
import { inProcess, turnsUntil } from "../custom.ts";
import {
  byHand,
  collect,
  connected,
  cut,
  failure,
  gate,
  poolOf,
  serve,
  startStream,
  textOf,
  unanswered,
} from "../support.ts";
import { progressTokenOf } from "./progress.ts";
import { POOL_EVENTS } from "../../../src/pool/events.ts";

describe("fault 8: the server closes an idle socket as we write", () => {
  test.each(["closed", "reset"])(
    "%s: class U never runs twice, and no call is lost in silence",
    async (how) => {
      const server = await serve();
      const sockets = new Set<Socket>();
      server.options.onRequest = ({ req }) => void sockets.add(req.socket);
      const pool = await connected(server);
      const keys = Array.from({ length: 100 }, (_, index) => `k${index}`);
      for (const [index, key] of keys.entries()) {
        // Idle for no time, a turn, or some milliseconds: each meets the end of the socket elsewhere.
        if (index % 3 === 1) await settled();
        if (index % 3 === 2) await delay(3);
        for (const socket of sockets)
          if (how === "closed") socket.end();
          else socket.resetAndDestroy();
        sockets.clear();
        const outcome = await pool.callTool("s__echo", { key }).catch((error: unknown) => error);
        const ran = server.executionCount("echo", key);
        if (outcome instanceof Error) {
          expect(outcome).toBeInstanceOf(McpOutcomeUnknownError);
          expect(ran).toBeLessThanOrEqual(1);
        } else {
          expect([outcome, ran]).toEqual([textOf(JSON.stringify({ key })), 1]);
        }
      }
      expect(server.initializeCount).toBe(1);
    },
  );

  test("after idling the end of the socket is seen before anything is written: exec 1, no error", async () => {
    const server = await serve();
    const pool = await connected(server);
    for (let index = 0; index < 30; index++) {
      await delay(5);
      server.dropSockets();
      const key = `k${index}`;
      expect(await pool.callTool("s__echo", { key })).toEqual(textOf(JSON.stringify({ key })));
      expect(server.executionCount("echo", key)).toBe(1);
    }
  });
});

describe("fault 19: a storm of refusals", () => {
  const BUDGET = { share: 0.1, perSecond: 1 };
  const CALLS = 300;
  /** Nothing but the budget limits them here. */
  const breaker = { failures: 1_000_000, openMs: 1, maxOpenMs: 1 };

  test.each([503, 502])(
    "%d: retries stay inside the budget, and every call has its error",
    async (status) => {
      const annotations = { readOnlyHint: true };
      const server = await serve({ tools: { read: { annotations } } });
      // Where the refusals say "too many", one call after the other is sent: most have no turn within their time.
      const isThrottled = status !== 502;
      const timeouts = isThrottled ? { totalTimeoutMs: 2_000 } : {};
      const limits = { trusted: true, retryBudget: BUDGET, breaker, timeouts };
      const pool = await connected(server, limits);
      const before = server.requests.length;
      server.options.onRequest = ({ res, body }) => {
        if (body?.method !== "tools/call") return false;
        res.writeHead(status).end();
        return true;
      };
      const calls = Array.from({ length: CALLS }, () => failure(pool.callTool("s__read")));
      for (const error of await Promise.all(calls)) {
        if (isThrottled && error.code === "TIMEOUT") expect(error.sent).toBe("no");
        else {
          expect(["HTTP_ERROR", "OUTCOME_UNKNOWN"]).toContain(error.code);
          expect(error.sent).not.toBe("no");
        }
      }
      const sent = server.requestsOf("tools/call").length;
      // What came before counts as calls too; the window of the budget is ten seconds.
      const allowed = BUDGET.share * (CALLS + before) + BUDGET.perSecond * 10;
      if (!isThrottled) expect(sent).toBeGreaterThan(CALLS);
      expect(sent - CALLS).toBeLessThanOrEqual(Math.ceil(allowed));
      expect(server.executionCount("read")).toBe(0);
      server.options.onRequest = () => false;
      const again = { totalTimeoutMs: 20_000 };
      expect(await pool.callTool("s__read", {}, again)).toEqual(textOf("{}"));
    },
  );
});

test("fault 19: 429 to a hundred of 300 calls: each is sent again out of no budget, and all succeed once", async () => {
  const server = await serve();
  const retryBudget = { share: 0, perSecond: 0 };
  const pool = await connected(server, { retryBudget });
  let refused = 0;
  server.options.onRequest = ({ res, body }) => {
    if (body?.method !== "tools/call" || refused >= 100) return false;
    refused += 1;
    res.writeHead(429).end();
    return true;
  };
  const keys = Array.from({ length: 300 }, (_, n) => String(n));
  await Promise.all(keys.map((key) => pool.callTool("s__echo", { key })));
  for (const key of keys) expect(server.executionCount("echo", key)).toBe(1);
  expect(server.requestsOf("tools/call").length).toBe(400);
  expect(pool.status()[0]?.counts).toMatchObject({ failed: 0, replays: 0, queued: 0 });
});

describe("fault 51: one hung server of 20 under load", () => {
  test("the others answer every call while all of its calls still hang", async () => {
    const hung = await serve({ tools: byHand(() => {}) });
    const others = await Promise.all(Array.from({ length: 19 }, () => serve()));
    const names = others.map((_, index) => `s${index}`);
    const pool = poolOf({
      hung,
      ...Object.fromEntries(others.map((one, index) => [names[index], one])),
    });
    await pool.connect();
    let hanging = 300;
    const stuck = Array.from({ length: 300 }, () =>
      pool.callTool("hung__work").catch(() => (hanging -= 1)),
    );
    await hung.until((one) => one.executionCount("work") >= 100);
    const rounds = Array.from({ length: 20 }, (_, round) => `k${round}`);
    const results = await Promise.all(
      names.flatMap((name) => rounds.map((key) => pool.callTool(`${name}__echo`, { key }))),
    );
    expect(results.length).toBe(19 * 20);
    expect(hanging).toBe(300);
    for (const one of others) expect(one.executionCount("echo")).toBe(20);
    for (const { server, counts } of pool.status()) {
      expect([server, counts.inFlight > 0]).toEqual([server, server === "hung"]);
    }
    await pool.closeAll({ drainMs: 0 });
    await Promise.all(stuck);
  });

  test("what a call waits for at a good server is the same with and without the hung one", async () => {
    const [hung, good] = await Promise.all([serve({ tools: byHand(() => {}) }), serve()]);
    const pool = poolOf({ hung, good });
    await pool.connect();
    // In one order with the calls of the hung one: nobody stands in line behind them.
    const order: string[] = [];
    const stuck: Promise<unknown>[] = [];
    for (let index = 0; index < 50; index++) {
      for (let count = 0; count < 10; count++) {
        stuck.push(pool.callTool("hung__work").catch(() => order.push("hung")));
      }
      await pool.callTool("good__echo", { key: `k${index}` });
      order.push(`k${index}`);
    }
    expect(order).toEqual(Array.from({ length: 50 }, (_, index) => `k${index}`));
    expect(good.executionCount("echo")).toBe(50);
    await pool.closeAll({ drainMs: 0 });
    await Promise.all(stuck);
  });
});

describe("fault 52: the queue is full", () => {
  test("McpOverloadedError at once, nothing sent; those in the queue run once, in order", async () => {
    const held = gate();
    const ran: unknown[] = [];
    const handler = async ({ key }: Record<string, unknown>): Promise<unknown> => {
      ran.push(key);
      await held.opened;
      return key;
    };
    const server = await serve({ tools: { hold: { handler } } });
    const pool = await connected(server, { limits: { inFlight: 2, queued: 3 } });
    const keys = ["a", "b", "c", "d", "e"];
    const calls = keys.map((key) => pool.callTool("s__hold", { key }));
    await server.until((one) => one.executionCount("hold") === 2);
    for (let index = 0; index < 10; index++) {
      const error = await failure(pool.callTool("s__hold", { key: "too many" }));
      expect(error).toBeInstanceOf(McpOverloadedError);
      expect(error).toMatchObject({ code: "OVERLOADED", sent: "no", retryable: true, server: "s" });
    }
    expect(new Set(ran)).toEqual(new Set(["a", "b"]));
    held.open();
    expect(await Promise.all(calls)).toEqual(keys.map((key) => textOf(key)));
    // The first two places come free together: their calls are written in order, and arrive over two sockets.
    expect([new Set(ran.slice(2, 4)), ran.slice(4)]).toEqual([new Set(["c", "d"]), ["e"]]);
    expect(server.executionCount("hold", "too many")).toBe(0);
    expect(await pool.callTool("s__hold", { key: "after" })).toEqual(textOf("after"));
  });

  test("one who gives up leaves his place in the queue, and is never sent", async () => {
    const held = gate();
    const server = await serve({ tools: { hold: { handler: () => held.opened.then(() => "x") } } });
    const pool = await connected(server, { limits: { inFlight: 1, queued: 1 } });
    const first = pool.callTool("s__hold");
    const caller = new AbortController();
    const second = pool.callTool("s__hold", { key: "aborted" }, { signal: caller.signal });
    expect(await failure(pool.callTool("s__hold"))).toMatchObject({ code: "OVERLOADED" });
    caller.abort("no longer wanted");
    await expect(second).rejects.toBe("no longer wanted");
    const late = failure(pool.callTool("s__hold", { key: "late" }, { totalTimeoutMs: 30 }));
    expect(await late).toMatchObject({ code: "TIMEOUT", limit: "total", sent: "no" });
    const third = pool.callTool("s__hold", { key: "third" });
    held.open();
    await Promise.all([first, third]);
    expect(server.executionCount("hold")).toBe(2);
    expect(server.executionCount("hold", "third")).toBe(1);
    expect(server.requestsOf("notifications/cancelled")).toEqual([]);
  });

  test("one who waits longer than queueMs is told so, and is never sent", async () => {
    const server = await serve({ tools: byHand(() => {}) });
    const limits = { inFlight: 1, queued: 9 };
    const pool = await connected(server, { limits, timeouts: { queueMs: 30 } });
    const first = failure(pool.callTool("s__work"));
    const error = await failure(pool.callTool("s__work", { key: "waited" }));
    expect(error).toMatchObject({ code: "OVERLOADED", sent: "no" });
    expect(server.executionCount("work", "waited")).toBe(0);
    await pool.closeAll({ drainMs: 0 });
    expect(await first).toMatchObject({ code: "CLOSED" });
  });
});

function heldBytes(): number {
  setFlagsFromString("--expose-gc");
  const gc = runInNewContext("gc") as () => void;
  gc();
  gc();
  return process.memoryUsage().heapUsed;
}

describe("fault 53: 10,000 cancelled calls", () => {
  test("each is cancelled upstream by its id, and the heap stays flat", async () => {
    const asked: unknown[] = [];
    const cancelled: unknown[] = [];
    const { client, server } = inProcess();
    const pool = poolOf({});
    const answering = pool.addClient("m", { transport: client });
    await answering;
    server.onMessage((message) => {
      if (!("method" in message)) return;
      if (message.method === "tools/call" && "id" in message) asked.push(message.id);
      const { requestId } = (message.params ?? {}) as { requestId?: unknown };
      if (message.method === "notifications/cancelled") cancelled.push(requestId);
    });
    const batch = async (): Promise<void> => {
      const before = asked.length;
      const callers = Array.from({ length: 100 }, () => new AbortController());
      const calls = callers.map(({ signal }) => pool.callTool("m__t", {}, { signal }));
      const ended = Promise.allSettled(calls);
      await turnsUntil(() => asked.length === before + 100);
      for (const caller of callers) caller.abort("no longer wanted");
      expect((await ended).every(({ status }) => status === "rejected")).toBe(true);
      await turnsUntil(() => cancelled.length === asked.length);
    };
    for (let round = 0; round < 20; round++) await batch();
    const held = heldBytes();
    for (let round = 0; round < 80; round++) await batch();
    // The ids that this test keeps are some of it.
    expect(heldBytes() - held).toBeLessThan(4_000_000);
    expect(asked.length).toBe(10_000);
    expect(cancelled).toEqual(asked);
    expect(pool.status()[0]?.counts).toMatchObject({ inFlight: 0 });
  });

  test("over HTTP: told of, sockets freed, and the server can still be asked", async () => {
    const server = await serve({ tools: { ...byHand(() => {}), echo: {} } });
    const pool = await connected(server);
    for (let round = 1; round <= 5; round++) {
      const callers = Array.from({ length: 100 }, () => new AbortController());
      const calls = callers.map(({ signal }) => pool.callTool("s__work", {}, { signal }));
      const ended = Promise.allSettled(calls);
      await server.until((one) => one.executionCount("work") === round * 100);
      for (const caller of callers) caller.abort("no longer wanted");
      await ended;
      await server.until((one) => one.requestsOf("notifications/cancelled").length === round * 100);
    }
    const ids = server.requestsOf("tools/call").map(({ body }) => body?.id);
    const told = server
      .requestsOf("notifications/cancelled")
      .map(({ body }) => body?.params?.["requestId"]);
    expect(new Set(told)).toEqual(new Set(ids));
    expect(await pool.callTool("s__echo")).toEqual(textOf("{}"));
    expect(server.initializeCount).toBe(1);
  });
});

describe("fault 59: an hour of sleep", () => {
  /** As while a laptop sleeps: no timer is served, and then it is an hour later. */
  function sleepingClock(): { clock: Clock; sleep: () => void } {
    let sleptMs = 0;
    const clock: Clock = {
      ...systemClock,
      now: () => systemClock.now() + sleptMs,
      wallTime: () => systemClock.wallTime() + sleptMs,
    };
    return { clock, sleep: () => void (sleptMs += 3_600_000) };
  }

  test.each<[string, (server: Awaited<ReturnType<typeof serve>>) => Promise<void> | void, number]>([
    ["the servers are still there", () => {}, 1],
    ["their sockets are gone", (server) => server.dropSockets(), 1],
    ["their sessions are gone", (server) => server.forgetSessions(), 2],
    ["they were restarted", (server) => server.restart(), 2],
  ])("%s: every call runs once, one handshake at most", async (_name, meanwhile, handshakes) => {
    const { clock, sleep } = sleepingClock();
    const servers = await Promise.all(Array.from({ length: 3 }, () => serve()));
    const pool = poolOf(Object.fromEntries(servers.map((one, index) => [`s${index}`, one])), {
      clock,
    });
    await pool.connect();
    const failed = collect(pool, "server.failed");
    const before = servers.map((one) => one.requestsOf("ping").length);
    await Promise.all(servers.map(async (one) => meanwhile(one)));
    sleep();
    const keys = ["a", "b", "c"];
    const calls = servers.flatMap((_, index) =>
      keys.map((key) => pool.callTool(`s${index}__echo`, { key })),
    );
    expect(await Promise.all(calls)).toEqual(
      servers.flatMap(() => keys.map((key) => textOf(JSON.stringify({ key })))),
    );
    for (const [index, one] of servers.entries()) {
      expect(keys.map((key) => one.executionCount("echo", key))).toEqual([1, 1, 1]);
      expect(one.initializeCount).toBe(handshakes);
      // One question finds out how it is, not one for each call; a lost session is looked for over eight connections.
      const pings = one.requestsOf("ping").length - (before[index] ?? 0);
      expect(pings).toBeLessThanOrEqual(handshakes === 1 ? 1 : 9);
    }
    expect(failed).toEqual([]);
    expect(pool.status().map(({ state }) => state)).toEqual(["ready", "ready", "ready"]);
  });

  test("a call that slept through its limits ends by them, and says that it may have run", async () => {
    const { clock, sleep } = sleepingClock();
    const server = await serve({ tools: { ...byHand(() => {}), echo: {} } });
    const pool = await connected(server, {}, { clock });
    const calling = failure(pool.callTool("s__work", {}, { timeoutMs: 100 }));
    await server.until((one) => one.executionCount("work") === 1);
    sleep();
    const error = await calling;
    expect(["TIMEOUT", "OUTCOME_UNKNOWN"]).toContain(error.code);
    expect(error.sent).not.toBe("no");
    expect(await pool.callTool("s__echo")).toEqual(textOf("{}"));
    expect(server.executionCount("work")).toBe(1);
  });
});

describe("fault 60: a server that 100 pools share is restarted", () => {
  test("their first attempts are spread, each makes one handshake, and no call runs twice", async () => {
    const server = await serve();
    const pauses: number[] = [];
    let isRecording = false;
    const clock: Clock = {
      ...systemClock,
      setTimer(callback, delayMs, background) {
        if (isRecording && delayMs < 100) pauses.push(delayMs);
        return systemClock.setTimer(callback, delayMs, background);
      },
    };
    const pools = Array.from({ length: 100 }, () =>
      poolOf({ s: server }, { clock, reconnect: { jitterMs: 100, initialMs: 20, maxMs: 50 } }),
    );
    await Promise.all(pools.map((pool) => pool.connect()));
    expect(server.initializeCount).toBe(100);
    await server.stop();
    isRecording = true;
    const calls = pools.map((pool, index) => pool.callTool("s__echo", { key: `k${index}` }));
    await turnsUntil(() => pools.every((pool) => pool.status()[0]?.state !== "ready"));
    isRecording = false;
    server.forgetSessions();
    await server.listen();
    await Promise.all(calls);
    expect(server.initializeCount).toBe(200);
    expect(server.executionCount("echo")).toBe(100);
    expect(pools.map((_, index) => server.executionCount("echo", `k${index}`))).toEqual(
      pools.map(() => 1),
    );
    expect(pauses.length).toBeGreaterThanOrEqual(100);
    const quarters = [0, 25, 50, 75].map(
      (from) => pauses.filter((ms) => ms >= from && ms <= from + 25).length,
    );
    // Even shares would be 25 of 100.
    for (const count of quarters) expect(count).toBeGreaterThan(0);
    expect(Math.max(...quarters)).toBeLessThan(pauses.length * 0.6);
  });
});

describe("fault 61: a listener or a handler that throws", () => {
  function breakAll(pool: McpClientPool): Set<PoolEvent> {
    const thrown = new Set<PoolEvent>();
    for (const event of POOL_EVENTS) {
      pool.on(event, () => {
        thrown.add(event);
        throw new Error(`thrown at ${event}`);
      });
    }
    return thrown;
  }

  test("every listener of every event: calls, reconnects and the close go on", async () => {
    const server = await serve({ getStream: true });
    const pool = poolOf({ s: server, away: { command: "no-such-command-here" } });
    const thrown = breakAll(pool);
    const warnings = collect(pool, "warning");
    expect(await pool.connect()).toMatchObject({ connected: ["s"] });
    expect(await pool.callTool("s__echo", { key: "a" })).toEqual(textOf('{"key":"a"}'));
    await server.until(({ openStreams }) => openStreams === 1);
    await server.stop();
    const waiting = pool.call("s", "ping");
    await turnsUntil(() => thrown.has("server.disconnected"));
    server.options.tools = { echo: {}, fresh: {} };
    server.forgetSessions();
    await server.listen();
    expect(await waiting).toEqual({});
    await pool.listTools("s");
    expect(await pool.callTool("s__fresh")).toEqual(textOf("{}"));
    await pool.closeAll({ drainMs: 0 });
    expect([...thrown]).toEqual(
      expect.arrayContaining([
        "server.connecting",
        "server.connected",
        "server.failed",
        "tools.changed",
        "server.closed",
      ]),
    );
    const reported = new Set(warnings.map(({ cause }) => (cause as Error | undefined)?.message));
    for (const event of thrown) {
      // What hears of warnings cannot be told of its own.
      if (event !== "warning") expect(reported).toContain(`thrown at ${event}`);
    }
    expect(server.executionCount("echo", "a")).toBe(1);
  });

  test("onProgress, onLog and roots: the call has its result, and each is told of", async () => {
    const server = await serve({
      capabilities: { tools: {}, logging: {} },
      tools: byHand((context) => {
        const progressToken = progressTokenOf(context);
        const tell = (method: string, params: object): string =>
          `data: ${JSON.stringify({ jsonrpc: "2.0", method: `notifications/${method}`, params })}\n\n`;
        const answer = { jsonrpc: "2.0", id: context.body?.id, result: textOf("done") };
        startStream(context).end(
          tell("progress", { progressToken, progress: 1 }) +
            tell("message", { level: "info", data: 1 }) +
            `data: ${JSON.stringify(answer)}\n\n`,
        );
      }),
    });
    const broken = (what: string) => (): never => {
      throw new Error(`thrown by ${what}`);
    };
    const pool = await connected(server, {}, { onLog: broken("onLog"), roots: broken("roots") });
    const warnings = collect(pool, "warning");
    const calling = pool.callTool("s__work", {}, { onProgress: broken("onProgress") });
    expect(await calling).toEqual(textOf("done"));
    expect(warnings.map(({ cause }) => (cause as Error).message).toSorted()).toEqual([
      "thrown by onLog",
      "thrown by onProgress",
    ]);
    expect(server.executionCount("work")).toBe(1);
  });
});

describe("fault 62: random faults", () => {
  /** mulberry32: the same numbers for the same seed. */
  function numbers(seed: number): () => number {
    let state = seed;
    return () => {
      state = (state + 0x6d2b79f5) | 0;
      let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
      mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
      return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
    };
  }

  /** After the tool ran: none of these says that it did not. */
  const LATE: ((context: RequestContext) => void)[] = [
    ({ req }) => req.socket.destroy(),
    ({ req }) => req.socket.destroy(),
    // Seldom, as 429 below: each slows down all that follow.
    ({ res }) => void res.writeHead(503).end(),
    (context) => cut(startStream(context)),
    (context) => cut(startStream(context)),
    ({ res }) => void res.writeHead(200, { "content-type": "text/html" }).end("<p>no</p>"),
    ({ res }) => void res.writeHead(200, { "content-type": "text/html" }).end("<p>no</p>"),
  ];
  const EARLY: typeof LATE = [
    ...LATE,
    // No 404: sessions are lost with the restarts, and whoever loses them at every tenth call is slowed on purpose.
    ({ res }) => void res.writeHead(429, { "retry-after": "0" }).end(),
  ];

  test.each([1, 2, 3])(
    "seed %i: nothing lost, nothing doubled, every error truthful",
    async (seed) => {
      const random = numbers(seed);
      const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;
      const early = new Set<string>();
      const handler = (_args: unknown, context: RequestContext): unknown => {
        if (random() < 0.1) {
          pick(LATE)(context);
          return unanswered();
        }
        return "done";
      };
      const server = await serve({
        tools: { unsafe: { handler }, read: { handler, annotations: { readOnlyHint: true } } },
        onRequest(context) {
          if (context.body?.method !== "tools/call" || random() >= 0.1) return false;
          early.add(String(context.body.id));
          pick(EARLY)(context);
          return true;
        },
      });
      const breaker = { failures: 50, openMs: 5, maxOpenMs: 5 };
      const pool = await connected(server, {
        trusted: true,
        breaker,
        timeouts: { timeoutMs: 5_000 },
      });
      const one = async (index: number): Promise<void> => {
        const tool = index % 3 === 0 ? "read" : "unsafe";
        const key = `${tool} ${index}`;
        const outcome = await pool.callTool(`s__${tool}`, { key }).catch((error: unknown) => error);
        const ran = server.executionCount(tool, key);
        if (tool === "unsafe") expect([key, ran <= 1]).toEqual([key, true]);
        else expect([key, ran <= 3]).toEqual([key, true]);
        if (!(outcome instanceof Error)) return expect([key, ran >= 1]).toEqual([key, true]);
        const { code, sent } = outcome as { code?: unknown; sent?: unknown } & Error;
        expect(code).toBeTypeOf("string");
        if (ran > 0) expect([key, code, sent === "no"]).toEqual([key, code, false]);
      };
      let next = 0;
      const worker = async (): Promise<void> => {
        while (next < 600) await one(next++);
      };
      const restarts = (async (): Promise<void> => {
        for (let count = 1; count <= 3; count++) {
          await server.until((seen) => seen.requestsOf("tools/call").length >= count * 150);
          await server.restart();
        }
      })();
      await Promise.all([restarts, ...Array.from({ length: 16 }, worker)]);
      expect(early.size).toBeGreaterThan(0);
      expect(pool.status()[0]?.counts).toMatchObject({ inFlight: 0 });
    },
  );
});
