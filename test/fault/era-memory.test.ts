import { describe, expect, test } from "vitest";
import type { CacheStore, PoolOptions } from "mcp-client-pool";
import type { StatelessServer, StatelessServerOptions } from "../support/stateless-server.ts";
import {
  askedOf,
  connect,
  poolAt,
  refusedWith,
  serveEra,
  statusOf,
} from "./negotiation-harness.ts";
import { collect, gate, QUICK, TestClock, textOf } from "./support.ts";

const M = "2026-07-28";
const LATEST = "2025-11-25";
const HOUR_MS = 60 * 60 * 1_000;

const FRESH: StatelessServerOptions = { caching: { "server/discover": { ttlMs: HOUR_MS } } };

/** One life of the application: a pool that connects, calls, and is closed. */
async function live(
  server: StatelessServer,
  options: Omit<PoolOptions, "servers"> = {},
  config: object = {},
): Promise<"session" | "stateless" | undefined> {
  const pool = poolAt(server, options, config);
  await connect(pool);
  const count = server.executionCount("echo");
  expect(await pool.callTool("s__echo", { key: "k" })).toMatchObject(textOf('{"key":"k"}'));
  expect(server.executionCount("echo")).toBe(count + 1);
  const { era } = statusOf(pool);
  await pool.closeAll({ drainMs: 0 });
  // Another client comes next: it may use the same ids.
  server.newClient();
  return era;
}

/** The time that is told, for what must pass. */
class LateClock extends TestClock {
  laterMs = 0;
  override wallTime(): number {
    return super.wallTime() + this.laterMs;
  }
}

describe("2.5 what one pool found out, the next one knows", () => {
  test("sessions: initialize at once", async () => {
    const server = await serveEra({ era: "sessions" });
    const cacheStore = new Map<string, string>();
    for (let lives = 1; lives <= 3; lives++) {
      expect(await live(server, { cacheStore })).toBe("session");
      expect(askedOf(server)).toMatchObject({ probes: 1, offers: { length: lives } });
    }
  });

  test("stateless, while the DiscoverResult is fresh: nothing is asked", async () => {
    const server = await serveEra({ ...FRESH, era: "both", instructions: "Ask for anything." });
    const cacheStore = new Map<string, string>();
    for (let lives = 1; lives <= 3; lives++) {
      const pool = poolAt(server, { cacheStore });
      expect(await connect(pool)).toMatchObject({
        era: "stateless",
        protocolVersion: M,
        instructions: "Ask for anything.",
        serverInfo: { name: "test-stateless-server", version: "1.0.0" },
        capabilities: { tools: { listChanged: true } },
      });
      await pool.closeAll({ drainMs: 0 });
      server.newClient();
    }
    expect(askedOf(server)).toEqual({ probes: 1, offers: [], gets: 0 });
    expect(server.violations).toEqual([]);
  });

  test.each([
    ["of no time", { ttlMs: 0 }],
    ["without hints", null],
    ["of less than no time", { ttlMs: -5 }],
    ["of a time that is none", { ttlMs: "3600000" }],
  ])("9.2 stateless, with a DiscoverResult %s: one question, never initialize", async (_, hint) => {
    const server = await serveEra({ era: "both", caching: { "server/discover": hint } });
    const cacheStore = new Map<string, string>();
    for (let lives = 1; lives <= 3; lives++) {
      expect(await live(server, { cacheStore })).toBe("stateless");
      expect(askedOf(server)).toEqual({ probes: lives, offers: [], gets: 0 });
    }
    expect(server.violations).toEqual([]);
  });

  test("9.2 stateless, when the DiscoverResult has grown old: one question", async () => {
    const server = await serveEra({ ...FRESH, era: "both" });
    const clock = new LateClock();
    const options = { cacheStore: new Map<string, string>(), clock };
    await live(server, options);
    clock.laterMs = HOUR_MS - 60_000;
    await live(server, options);
    expect(askedOf(server).probes).toBe(1);
    clock.laterMs = HOUR_MS + 60_000;
    await live(server, options);
    expect(askedOf(server)).toEqual({ probes: 2, offers: [], gets: 0 });
    // What was learnt then is fresh again.
    clock.laterMs = 2 * HOUR_MS;
    await live(server, options);
    expect(askedOf(server)).toEqual({ probes: 2, offers: [], gets: 0 });
  });

  test("a server with sessions may learn the other era: it is asked again some day", async () => {
    const server = await serveEra({ era: "sessions" });
    const clock = new LateClock();
    const options = { cacheStore: new Map<string, string>(), clock };
    await live(server, options);
    server.setEra("both");
    expect(await live(server, options)).toBe("session");
    clock.laterMs = 7 * 24 * HOUR_MS;
    expect(await live(server, options)).toBe("stateless");
    expect(askedOf(server).probes).toBe(2);
  });

  test("another principal is asked for itself", async () => {
    const server = await serveEra({ ...FRESH, era: "both" });
    const cacheStore = new Map<string, string>();
    const as = (token: string): Promise<unknown> =>
      live(server, { cacheStore }, { headers: { authorization: `Bearer ${token}` } });
    await as("one");
    await as("two");
    expect(askedOf(server).probes).toBe(2);
    await as("one");
    await as("two");
    expect(askedOf(server).probes).toBe(2);
    await live(server, { cacheStore });
    expect(askedOf(server).probes).toBe(3);
  });

  test("so is another path, and another query", async () => {
    const server = await serveEra({ ...FRESH, era: "both" });
    const cacheStore = new Map<string, string>();
    for (const path of ["/mcp", "/other", "/mcp?tenant=1", "/mcp?tenant=2", "/mcp"]) {
      await live(server, { cacheStore }, { url: new URL(path, server.url) });
    }
    expect(askedOf(server).probes).toBe(4);
  });

  test("13.9 nothing in the store's keys tells a secret", async () => {
    const server = await serveEra({ ...FRESH });
    const cacheStore = new Map<string, string>();
    const url = new URL("/mcp?key=verysecret", server.url);
    await live(server, { cacheStore }, { url, headers: { authorization: "Bearer verysecret" } });
    const keys = [...cacheStore.keys()];
    expect(keys.length).toBeGreaterThan(0);
    expect(keys.filter((key) => key.includes("verysecret"))).toEqual([]);
  });

  test("two names for the same server in one pool: one question, if the second comes later", async () => {
    for (const era of ["sessions", "stateless"] as const) {
      const server = await serveEra({ ...FRESH, era, ids: "not-outstanding" });
      const pool = poolAt(server);
      await connect(pool);
      await pool.addClient("again", { url: server.url, listen: false });
      expect(pool.status()).toMatchObject([{ state: "ready" }, { state: "ready" }]);
      await pool.callTool("again__echo");
      expect(askedOf(server).probes).toBe(1);
      await pool.closeAll({ drainMs: 0 });
    }
  });
});

describe("2.7 what is remembered and does not fit any more is forgotten", () => {
  test("sessions, and the server has none now: refused once, asked once, known again", async () => {
    const server = await serveEra({ ...FRESH, era: "sessions" });
    const cacheStore = new Map<string, string>();
    await live(server, { cacheStore });
    server.setEra("stateless");
    expect(await live(server, { cacheStore })).toBe("stateless");
    expect(askedOf(server)).toMatchObject({ probes: 2, offers: [LATEST, LATEST] });
    expect(await live(server, { cacheStore })).toBe("stateless");
    expect(askedOf(server)).toMatchObject({ probes: 2, offers: [LATEST, LATEST] });
    expect(server.violations).toEqual([]);
  });

  test.each([
    ["fresh", FRESH],
    ["stale", {}],
  ])("stateless (%s), and the server has sessions only now, and back", async (_, options) => {
    const server = await serveEra({ ...options, era: "stateless" });
    const cacheStore = new Map<string, string>();
    await live(server, { cacheStore });
    server.setEra("sessions");
    expect(await live(server, { cacheStore })).toBe("session");
    expect(askedOf(server)).toMatchObject({ probes: 2, offers: [LATEST] });
    expect(await live(server, { cacheStore })).toBe("session");
    expect(askedOf(server)).toMatchObject({ probes: 2, offers: [LATEST, LATEST] });
    server.setEra("stateless");
    expect(await live(server, { cacheStore })).toBe("stateless");
    expect(askedOf(server).probes).toBe(3);
  });

  test("during a pool's life: there and back, each call runs once", async () => {
    const server = await serveEra({ ...FRESH, era: "sessions" });
    const pool = poolAt(server, { reconnect: QUICK });
    await connect(pool);
    const eras = ["stateless", "sessions", "both", "sessions", "stateless"] as const;
    for (const [index, era] of eras.entries()) {
      server.setEra(era);
      await pool.callTool("s__echo", { key: `call ${index}` });
      expect(server.executionCount("echo", `call ${index}`)).toBe(1);
      const isStateless = statusOf(pool).era === "stateless";
      expect(isStateless).toBe(era === "stateless");
      server.forgetSessions();
    }
    expect(server.executionCount("echo")).toBe(eras.length);
  });

  test("during a pool's life, with a restart in between", async () => {
    const server = await serveEra({ ...FRESH, era: "sessions" });
    const pool = poolAt(server, { reconnect: QUICK });
    await connect(pool);
    for (const era of ["stateless", "sessions", "stateless"] as const) {
      await server.restart(era);
      // Class S: a socket that died unseen costs it an attempt and no more.
      await pool.call("s", "tools/list");
      expect(statusOf(pool)).toMatchObject({
        state: "ready",
        era: era === "stateless" ? "stateless" : "session",
      });
    }
  });

  test("an error that may pass by itself makes nobody forget that there are sessions", async () => {
    const server = await serveEra({ era: "sessions" });
    const cacheStore = new Map<string, string>();
    await live(server, { cacheStore });
    for (const status of [503, 429, 401, 403]) {
      let isRefused = false;
      server.options.onRequest = ({ body, res }) => {
        if (isRefused || body?.method !== "initialize") return false;
        isRefused = true;
        res.writeHead(status).end();
        return true;
      };
      const pool = poolAt(server, { cacheStore });
      await refusedWith(pool);
      await connect(pool);
      await pool.closeAll({ drainMs: 0 });
    }
    expect(askedOf(server).probes).toBe(1);
  });
});

describe("a store that fails", () => {
  const never = new Promise<never>(() => {});
  const no = (): never => {
    throw new Error("no store today");
  };
  const stores: [string, CacheStore][] = [
    ["throws", { get: no, set: no, delete: no }],
    [
      "rejects",
      {
        get: () => Promise.reject(new Error("no store today")),
        set: () => Promise.reject(new Error("no store today")),
        delete: () => Promise.reject(new Error("no store today")),
      },
    ],
    ["is always empty", { get: () => undefined, set: () => {}, delete: () => {} }],
    ["gives null", { get: () => null, set: () => {}, delete: () => {} }],
  ];

  test.each(stores)("%s: every era is found all the same", async (_, cacheStore) => {
    for (const era of ["sessions", "stateless", "both"] as const) {
      const server = await serveEra({ ...FRESH, era });
      expect(await live(server, { cacheStore })).toBe(era === "sessions" ? "session" : "stateless");
    }
  });

  test.each(stores.slice(0, 2))("%s: it is told, once for each method", async (_, cacheStore) => {
    const server = await serveEra({ era: "sessions" });
    const pool = poolAt(server, { cacheStore });
    const warnings = collect(pool, "warning");
    await connect(pool);
    server.forgetSessions();
    await pool.callTool("s__echo");
    const told = warnings.filter(({ message }) => message.includes("cacheStore"));
    expect(told.filter(({ message }) => message.includes("cacheStore.get"))).toHaveLength(1);
    expect(told.filter(({ message }) => message.includes("cacheStore.set"))).toHaveLength(1);
  });

  test.each(stores)("%s: within one pool the probe is still sent once", async (_, cacheStore) => {
    const server = await serveEra({ era: "sessions" });
    const pool = poolAt(server, { cacheStore });
    await connect(pool);
    for (let round = 0; round < 3; round++) {
      server.forgetSessions();
      await pool.callTool("s__echo");
    }
    expect(askedOf(server)).toMatchObject({ probes: 1, offers: { length: 4 } });
  });

  test("hangs: the connection waits for it a moment, once", async () => {
    const server = await serveEra({ era: "sessions" });
    const clock = new TestClock();
    clock.holds = (delayMs) => delayMs === 1_000;
    const cacheStore = { get: () => never, set: () => never, delete: () => never };
    const pool = poolAt(server, { cacheStore, clock });
    const connecting = connect(pool);
    await clock.untilHeld();
    expect(server.requests).toEqual([]);
    clock.release();
    expect(await connecting).toMatchObject({ era: "session" });
    expect(clock.held).toEqual([]);
    server.forgetSessions();
    await pool.callTool("s__echo", { key: "k" });
    expect(server.executionCount("echo", "k")).toBe(1);
  });

  test("forgets slower than it is asked: what was given up is not believed again", async () => {
    const server = await serveEra({ ...FRESH, era: "stateless" });
    const entries = new Map<string, string>();
    const deleted = gate();
    let isSlow = false;
    const cacheStore: CacheStore = {
      get: (key) => entries.get(key),
      set: (key, value) => entries.set(key, value),
      async delete(key) {
        if (isSlow) await deleted.opened;
        entries.delete(key);
      },
    };
    const pool = poolAt(server, { cacheStore });
    await connect(pool);
    isSlow = true;
    server.setEra("sessions");
    const calling = pool.callTool("s__echo", { key: "k" });
    const outcome = calling.catch((error: unknown) => error);
    await server.until(({ initializeCount }) => initializeCount === 1);
    deleted.open();
    expect(await outcome).toMatchObject(textOf('{"key":"k"}'));
    expect(statusOf(pool)).toMatchObject({ era: "session" });
  });

  const garbage: [string, (value: string) => string][] = [
    ["an empty text", () => ""],
    ["no JSON", () => "}{"],
    ["null", () => "null"],
    ["a number", () => "7"],
    ["a list", () => "[]"],
    ["half of it", (value) => value.slice(0, value.length / 2)],
    ["another era", (value) => edit(value, { era: "iron" })],
    ["a version that is none", (value) => edit(value, { era: "stateless", version: "1" })],
    ["no time", (value) => edit(value, { at: "yesterday" })],
    ["a time to come", (value) => edit(value, { at: 9e15 })],
    [
      "a DiscoverResult that is none",
      (value) => edit(value, { era: "stateless", version: M, discovered: { a: 1 } }),
    ],
    ["null for one", (value) => edit(value, { era: "stateless", version: M, discovered: null })],
  ];

  test.each(garbage)("holds %s: it is as if it were empty, and is mended", async (_, spoil) => {
    for (const era of ["sessions", "both"] as const) {
      const server = await serveEra({ ...FRESH, era });
      const cacheStore = new Map<string, string>();
      await live(server, { cacheStore });
      for (const [key, value] of cacheStore) cacheStore.set(key, spoil(value));
      const expected = era === "both" ? "stateless" : "session";
      expect(await live(server, { cacheStore })).toBe(expected);
      expect(askedOf(server).probes).toBe(2);
      expect(await live(server, { cacheStore })).toBe(expected);
      expect(askedOf(server).probes).toBe(2);
    }
  });
});

function edit(value: string, change: object): string {
  return JSON.stringify({ ...(JSON.parse(value) as object), ...change });
}

describe("what was asked for, where something else is remembered", () => {
  test("what is remembered of the other era does not matter", async () => {
    const server = await serveEra({ ...FRESH, era: "both" });
    const cacheStore = new Map<string, string>();
    expect(await live(server, { cacheStore })).toBe("stateless");
    expect(await live(server, { cacheStore, protocol: "legacy" })).toBe("session");
    expect(await live(server, { cacheStore, protocol: M })).toBe("stateless");
    expect(await live(server, { cacheStore })).toBe("stateless");
    expect(askedOf(server)).toMatchObject({ probes: 1, offers: [LATEST] });
  });

  test("2026-07-28 where sessions are remembered: asked anew", async () => {
    const server = await serveEra({ era: "sessions" });
    const cacheStore = new Map<string, string>();
    await live(server, { cacheStore });
    server.setEra("stateless");
    expect(await live(server, { cacheStore, protocol: M })).toBe("stateless");
    expect(askedOf(server)).toMatchObject({ probes: 2, offers: [LATEST] });
    // And auto has learnt by it.
    expect(await live(server, { cacheStore })).toBe("stateless");
    expect(askedOf(server)).toMatchObject({ offers: [LATEST] });
  });
});
