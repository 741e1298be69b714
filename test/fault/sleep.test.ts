// Fault 59: the machine slept. Sockets are dead without having ended, sessions forgotten, every timer late.

import { createServer, connect } from "node:net";
import type { AddressInfo, Socket } from "node:net";
import type { Clock, McpClientPool, ServerConfig, Timer } from "mcp-client-pool";
import { Agent } from "undici";
import { describe, expect, onTestFinished, test } from "vitest";
import { startSseHost } from "../integration/servers/http.ts";
import type { HttpHost } from "../integration/servers/http.ts";
import { serveStateless } from "./stateless-harness.ts";
import { Ledger, scripted } from "./stdio-harness.ts";
import { collect, nextEvent, poolOf, serve, unanswered } from "./support.ts";

const HOUR_MS = 3_600_000;

interface Armed {
  readonly dueAt: number;
  readonly callback: () => void;
  readonly background: boolean;
  real: NodeJS.Timeout | undefined;
}

/** The system's clock on a machine that can be put to sleep. */
class SleepyClock implements Clock {
  /** Timers that fired, in all. */
  firedCount = 0;
  readonly #armed = new Set<Armed>();
  #skippedMs = 0;
  #wallSkippedMs = 0;

  now(): number {
    return performance.now() + this.#skippedMs;
  }

  wallTime(): number {
    return Date.now() + this.#wallSkippedMs;
  }

  random(): number {
    return 0.5;
  }

  setTimer(callback: () => void, delayMs: number, background = false): Timer {
    const timer: Armed = { dueAt: this.now() + delayMs, callback, background, real: undefined };
    this.#armed.add(timer);
    this.#arm(timer);
    return timer;
  }

  clearTimer(timer: Timer): void {
    clearTimeout((timer as Armed).real);
    this.#armed.delete(timer as Armed);
  }

  /** Timers that neither fired nor were cleared. */
  get armedCount(): number {
    return this.#armed.size;
  }

  /** An hour in which no timer is served; those that are due fire on waking up, late. */
  jump(): void {
    this.#skippedMs += HOUR_MS;
    this.#wallSkippedMs += HOUR_MS;
    for (const timer of this.#armed) this.#arm(timer);
  }

  /** The same where the monotonic clock sleeps too, as on Linux. */
  sleep(): void {
    this.#wallSkippedMs += HOUR_MS;
  }

  #arm(timer: Armed): void {
    clearTimeout(timer.real);
    const fire = (): void => {
      if (!this.#armed.delete(timer)) return;
      this.firedCount += 1;
      timer.callback();
    };
    timer.real = setTimeout(fire, Math.max(0, timer.dueAt - this.now()));
    if (timer.background) timer.real.unref();
  }
}

const KINDS = [
  ["the monotonic clock went on", (clock: SleepyClock) => clock.jump()],
  ["only the wall clock went on", (clock: SleepyClock) => clock.sleep()],
] as const;

/** A way to a server on which connections can die without a word. */
class Road {
  readonly #pairs = new Set<readonly [Socket, Socket]>();
  readonly #server = createServer((near) => {
    const far = connect(this.#target, "127.0.0.1");
    const pair = [near, far] as const;
    this.#pairs.add(pair);
    for (const [socket, other] of [pair, [far, near] as const]) {
      socket.on("error", () => {});
      socket.pipe(other, { end: false });
      socket.once("close", () => {
        // Of a dead connection neither end hears anything.
        if (this.#pairs.delete(pair)) other.destroy();
      });
      socket.on("end", () => this.#pairs.has(pair) && other.end());
    }
  });
  readonly #dead = new Set<Socket>();
  readonly #target: number;

  constructor(target: number) {
    this.#target = target;
  }

  async open(): Promise<number> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    return (this.#server.address() as AddressInfo).port;
  }

  /** Connections that are there swallow what they are given from now on. New ones work. */
  blackHole(): void {
    for (const [near, far] of this.#pairs) {
      near.unpipe().resume();
      far.unpipe().resume();
      this.#dead.add(near).add(far);
    }
    this.#pairs.clear();
  }

  get deadCount(): number {
    return this.#dead.size;
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const [near, far] of this.#pairs) [near, far].map((socket) => socket.destroy());
    for (const socket of this.#dead) socket.destroy();
    await closed;
  }
}

/** A road to this server, which ends with the test. */
async function roadTo(url: URL | string): Promise<{ road: Road; url: URL }> {
  const road = new Road(Number(new URL(url).port));
  const through = new URL(url);
  through.port = String(await road.open());
  onTestFinished(() => road.close());
  return { road, url: through };
}

async function serveSse(): Promise<{ host: HttpHost; lines: string[] }> {
  const lines: string[] = [];
  const host = await startSseHost((line) => void lines.push(line));
  onTestFinished(() => host.close());
  return { host, lines };
}

/** Before the pool, so that it is looked at after the pool is closed. */
function sleepyClock(): SleepyClock {
  const clock = new SleepyClock();
  onTestFinished(() => expect(clock.armedCount).toBe(0));
  return clock;
}

const legacy = (url: URL): ServerConfig => ({ url, protocol: "legacy", transport: "http" });

describe("fault 59: an hour of sleep", () => {
  test.each(KINDS)(
    "%s, five servers of all transports: one check or renewal each, and no call hears of it",
    async (_, pass) => {
      const clock = sleepyClock();
      const ledger = new Ledger();
      const [json, sse] = [await serve(), await serve({ replies: "sse" })];
      const stateless = await serveStateless();
      const { host } = await serveSse();
      const roads = await Promise.all([json.url, sse.url, stateless.url, host.url].map(roadTo));
      const [toJson, toSse, toStateless, toOld] = roads.map(({ url }) => url) as [
        URL,
        URL,
        URL,
        URL,
      ];
      const pool = poolOf(
        {
          json: legacy(toJson),
          sse: legacy(toSse),
          stateless: { url: toStateless, protocol: "2026-07-28" },
          // Its stream is the connection: that it is dead shows only in that nothing comes.
          old: { url: toOld, transport: "sse", timeouts: { handshakeMs: 500 } },
          child: { ...scripted(ledger), protocol: "legacy" },
        },
        { clock },
      );
      expect((await pool.connect()).failed).toEqual({});
      const names = ["json", "sse", "stateless", "old", "child"];
      const callAll = (key: string): Promise<unknown> =>
        Promise.all(names.map((name) => pool.callTool(`${name}__echo`, { key, text: key })));
      await callAll("before");
      const seen = [json, sse].map(({ requests }) => requests.length);
      const discovered = stateless.requestsOf("server/discover").length;
      const sessions = host.requests.filter(({ method }) => method === "GET").length;
      const reports = collect(pool, "warning");
      const failures = collect(pool, "server.failed");
      const firedBefore = clock.firedCount;

      for (const { road } of roads) road.blackHole();
      json.forgetSessions();
      sse.forgetSessions();
      pass(clock);
      await Promise.all([callAll("a"), callAll("b"), callAll("c")]);

      for (const key of ["before", "a", "b", "c"]) {
        for (const server of [json, sse, stateless]) {
          expect(server.executionCount("echo", key)).toBe(1);
        }
        expect(ledger.count(key)).toBe(1);
      }
      for (const [at, server] of [json, sse].entries()) {
        // The check is refused with 404; then the session is looked for once, over eight connections.
        expect(server.requestsOf("ping")).toHaveLength(9);
        expect(server.initializeCount).toBe(2);
        // Pings, initialize, initialized, a list, three calls; change streams are refused here, twice at most.
        expect(server.requests.length - (seen[at] ?? 0)).toBeLessThanOrEqual(17);
      }
      expect(stateless.requestsOf("server/discover")).toHaveLength(discovered + 1);
      expect(host.requests.filter(({ method }) => method === "GET")).toHaveLength(sessions + 1);
      expect(ledger.starts).toBe(1);
      expect(pool.status().map(({ state }) => state)).toEqual(names.map(() => "ready"));
      expect(pool.status().map(({ counts }) => counts.failed)).toEqual(names.map(() => 0));
      expect(pool.status().map(({ counts }) => counts.replays)).toEqual(names.map(() => 0));
      expect([reports, failures]).toEqual([[], []]);
      expect(clock.firedCount - firedBefore).toBeLessThan(60);
    },
  );

  test.each(KINDS)(
    "%s: the change stream is opened anew, and what was missed is fetched",
    async (_, pass) => {
      const clock = sleepyClock();
      const server = await serve({ getStream: true });
      const stateless = await serveStateless({ tools: { old: {} } });
      const ways = await Promise.all([server.url, stateless.url].map(roadTo));
      const [toServer, toStateless] = ways.map(({ url }) => url) as [URL, URL];
      const pool = poolOf(
        { s: legacy(toServer), t: { url: toStateless, protocol: "2026-07-28" } },
        { clock },
      );
      expect((await pool.connect()).failed).toEqual({});
      await server.until(({ openStreams }) => openStreams === 1);
      await stateless.until(({ subscriptions }) => subscriptions.length === 1);
      for (const { road } of ways) road.blackHole();
      // Told to streams on which nobody listens any more.
      server.options.tools = { newer: {} };
      server.notifyToolsChanged();
      stateless.changeTools({ newer: {} });
      const changed = ["s", "t"].map((name) =>
        nextEvent(pool, "tools.changed", (event) => event.server === name),
      );
      pass(clock);
      await Promise.all([pool.call("s", "ping"), pool.call("t", "server/discover")]);
      await Promise.all(changed);
      expect(pool.allTools.map(({ name }) => name)).toEqual(["s__newer", "t__newer"]);
      expect(server.requestsOf("GET")).toHaveLength(2);
      expect(stateless.allSubscriptions).toHaveLength(2);
      expect(server.initializeCount).toBe(1);
    },
  );

  test.each(KINDS)(
    "%s, a dispatcher of the user's: a check that goes nowhere costs its socket, and the call succeeds",
    async (_, pass) => {
      const clock = sleepyClock();
      const server = await serve({ capabilities: { tools: {} } });
      const { road, url } = await roadTo(server.url);
      const dispatcher = new Agent({ connections: 1 });
      onTestFinished(() => dispatcher.destroy());
      const pool = poolOf(
        { s: { ...legacy(url), dispatcher, timeouts: { handshakeMs: 500 } } as ServerConfig },
        { clock },
      );
      await pool.connect();
      road.blackHole();
      pass(clock);
      await pool.callTool("s__echo", { key: "after" });
      expect(server.executionCount("echo", "after")).toBe(1);
      expect(server.initializeCount).toBe(1);
      expect(road.deadCount).toBe(2);
    },
  );

  test.each(KINDS)("%s: a server that went away meanwhile is waited for", async (_, pass) => {
    const clock = sleepyClock();
    const server = await serve();
    const { road, url } = await roadTo(server.url);
    const pool = poolOf({ s: legacy(url) }, { clock });
    await pool.connect();
    await server.stop();
    road.blackHole();
    pass(clock);
    const disconnected = nextEvent(pool, "server.disconnected");
    const call = pool.callTool("s__echo", { key: "a" });
    await disconnected;
    server.forgetSessions();
    await server.listen();
    await call;
    expect(server.executionCount("echo", "a")).toBe(1);
  });

  test.each(KINDS)(
    "%s: a call that was under way is never repeated, and says that it may have run",
    async (_, pass) => {
      const clock = sleepyClock();
      const server = await serve({ tools: { slow: { handler: unanswered }, echo: {} } });
      const { road, url } = await roadTo(server.url);
      const pool = poolOf({ s: legacy(url) }, { clock });
      await pool.connect();
      const slow = pool
        .callTool("s__slow", { key: "slow" }, { timeoutMs: 500 })
        .catch((error: unknown) => error);
      await server.until((one) => one.executionCount("slow") === 1);
      road.blackHole();
      pass(clock);
      await pool.callTool("s__echo", { key: "next" });
      expect(await slow).toMatchObject({ code: "TIMEOUT", sent: "unknown" });
      expect([server.executionCount("slow"), server.executionCount("echo", "next")]).toEqual([
        1, 1,
      ]);
    },
  );

  test("an answer that came while the process was stopped is read before its call is given up", async () => {
    const clock = sleepyClock();
    const held: (() => void)[] = [];
    const handler = (): Promise<string> =>
      new Promise((resolve) => held.push(() => resolve("late, but there")));
    const server = await serve({ tools: { slow: { handler } } });
    const pool = poolOf({ s: legacy(server.url) }, { clock });
    await pool.connect();
    const call = pool.callTool("s__slow", {}, { timeoutMs: 60_000 });
    await server.until(() => held.length === 1);
    clock.jump();
    for (const answer of held) answer();
    expect(await call).toMatchObject({ content: [{ text: "late, but there" }] });
  });

  test.each(KINDS)(
    "%s, again and again: one check each time, nothing piles up",
    async (_, pass) => {
      const clock = sleepyClock();
      const server = await serve({ capabilities: { tools: {} } });
      const { road, url } = await roadTo(server.url);
      const pool: McpClientPool = poolOf({ s: legacy(url) }, { clock });
      await pool.connect();
      const armed = clock.armedCount;
      for (let round = 1; round <= 5; round++) {
        road.blackHole();
        pass(clock);
        await Promise.all([pool.callTool("s__echo"), pool.callTool("s__echo")]);
        expect(server.requestsOf("ping")).toHaveLength(round);
        expect(server.executionCount("echo")).toBe(2 * round);
      }
      expect(clock.armedCount).toBeLessThanOrEqual(armed + 1);
      expect(server.initializeCount).toBe(1);
      expect(road.deadCount).toBeGreaterThan(0);
    },
  );
});
