import { writeFileSync } from "node:fs";
import type { McpClientPool, StdioServerConfig } from "mcp-client-pool";
import { describe, expect, test } from "vitest";
import { ManualClock } from "../support/manual-clock.ts";
import { until } from "../support/processes.ts";
import {
  askedOf,
  changing,
  connect,
  PATIENCE_MS,
  poolOver,
  refusedWith,
  stateless,
  statusOf,
  untilPatient,
  violationsOf,
} from "./negotiation-children.ts";
import { Ledger, textOf } from "./stdio-harness.ts";
import { TestClock } from "./support.ts";

const M = "2026-07-28";
const LATEST = "2025-11-25";
const HOUR_MS = 60 * 60 * 1_000;

/** One life of the application: a pool that connects, calls, and is closed. */
async function live(
  config: StdioServerConfig,
  options: Parameters<typeof poolOver>[1] = {},
): Promise<"session" | "stateless" | undefined> {
  const pool = poolOver(config, options);
  await connect(pool);
  await works(pool);
  const { era } = statusOf(pool);
  await pool.closeAll({ drainMs: 0 });
  return era;
}

async function works(pool: McpClientPool): Promise<void> {
  expect(textOf(await pool.callTool("s__echo", { text: "hi" }))).toBe("hi");
}

describe("2.5 what one pool found out of a child process, the next one knows", () => {
  test("sessions: initialize at once", async () => {
    const ledger = new Ledger();
    const cacheStore = new Map<string, string>();
    const config = stateless(ledger, { era: "sessions" });
    for (let lives = 1; lives <= 3; lives++) {
      expect(await live(config, { cacheStore })).toBe("session");
      expect(askedOf(ledger)).toEqual({ starts: lives, probes: 1, offers: lives });
    }
    expect(violationsOf(ledger)).toEqual([]);
  });

  test("S7 one that ends on the probe is not killed by it again", async () => {
    const ledger = new Ledger();
    const cacheStore = new Map<string, string>();
    const config = stateless(ledger, { era: "sessions", dieOnProbe: true });
    await live(config, { cacheStore });
    expect(askedOf(ledger)).toEqual({ starts: 2, probes: 1, offers: 1 });
    await live(config, { cacheStore });
    expect(askedOf(ledger)).toEqual({ starts: 3, probes: 1, offers: 2 });
  });

  test("S6 one that is silent on the probe is not waited for again", async () => {
    const ledger = new Ledger();
    const cacheStore = new Map<string, string>();
    const clock = new ManualClock();
    const config = stateless(ledger, { era: "sessions", silentOnProbe: true });
    const pool = poolOver(config, { cacheStore, clock });
    const connecting = connect(pool);
    await untilPatient(clock);
    clock.advance(PATIENCE_MS);
    await connecting;
    await pool.closeAll({ drainMs: 0 });
    expect(await live(config, { cacheStore, clock })).toBe("session");
    expect(askedOf(ledger)).toEqual({ starts: 2, probes: 1, offers: 2 });
  });

  test.each(["stateless", "both"])("%s: never initialize", async (era) => {
    for (const ttlMs of [0, HOUR_MS]) {
      const ledger = new Ledger();
      const cacheStore = new Map<string, string>();
      const config = stateless(ledger, { era, ttlMs });
      for (let lives = 1; lives <= 3; lives++) {
        expect(await live(config, { cacheStore })).toBe("stateless");
        expect(askedOf(ledger)).toMatchObject({ starts: lives, offers: 0 });
      }
      if (ttlMs === 0) expect(askedOf(ledger).probes).toBe(3);
      expect(violationsOf(ledger)).toEqual([]);
    }
  });

  test("a stateless one that starts slowly is not asked for a session beside it", async () => {
    const ledger = new Ledger();
    const cacheStore = new Map<string, string>();
    const clock = new ManualClock();
    const { config, become } = changing(ledger, { era: "both" });
    await live(config, { cacheStore, clock });
    const startFile = `${ledger.file}.start`;
    become({ era: "both", startFile });
    const pool = poolOver(config, { cacheStore, clock });
    const connecting = connect(pool);
    await until(() => ledger.starts === 2, "the process to run");
    await clock.run(20_000);
    expect(statusOf(pool).state).toBe("connecting");
    writeFileSync(startFile, "");
    expect(await connecting).toMatchObject({ era: "stateless", protocolVersion: M });
    expect(askedOf(ledger)).toEqual({ starts: 2, probes: 2, offers: 0 });
  });

  test("with another environment it is another server", async () => {
    const ledger = new Ledger();
    const cacheStore = new Map<string, string>();
    const config = stateless(ledger, { era: "sessions" });
    await live(config, { cacheStore });
    await live({ ...config, env: { TOKEN: "two" } }, { cacheStore });
    expect(askedOf(ledger).probes).toBe(2);
    await live({ ...config, env: { TOKEN: "two" } }, { cacheStore });
    expect(askedOf(ledger).probes).toBe(2);
  });
});

describe("2.7 a child process that has become another server", () => {
  test("sessions before, none now: refused once, asked once, known again", async () => {
    const ledger = new Ledger();
    const cacheStore = new Map<string, string>();
    const { config, become } = changing(ledger, { era: "sessions" });
    await live(config, { cacheStore });
    become({ era: "stateless" });
    expect(await live(config, { cacheStore })).toBe("stateless");
    expect(askedOf(ledger)).toEqual({ starts: 2, probes: 2, offers: 2 });
    expect(await live(config, { cacheStore })).toBe("stateless");
    expect(askedOf(ledger)).toEqual({ starts: 3, probes: 3, offers: 2 });
  });

  test.each([0, HOUR_MS])("stateless before (fresh for %i ms), sessions now", async (ttlMs) => {
    const ledger = new Ledger();
    const cacheStore = new Map<string, string>();
    const { config, become } = changing(ledger, { era: "stateless", ttlMs });
    await live(config, { cacheStore });
    // It answers whatever it is asked, as the official servers do, initialized or not.
    become({ era: "sessions" });
    expect(await live(config, { cacheStore })).toBe("session");
    expect(askedOf(ledger)).toMatchObject({ starts: 2, offers: 1 });
    expect(await live(config, { cacheStore })).toBe("session");
    expect(askedOf(ledger)).toMatchObject({ starts: 3, probes: 2, offers: 2 });
  });

  test("stateless before, now one that is silent on the probe: not every attempt is in vain", async () => {
    const ledger = new Ledger();
    const cacheStore = new Map<string, string>();
    const { config, become } = changing(ledger, { era: "stateless" });
    await live(config, { cacheStore });
    become({ era: "sessions", silentOnProbe: true });
    const clock = new TestClock();
    clock.holds = (delayMs) => delayMs === PATIENCE_MS || delayMs === 60_000;
    const pool = poolOver(config, {
      cacheStore,
      clock,
      reconnect: { jitterMs: 0, initialMs: 60_000, maxMs: 60_000 },
    });
    const failing = pool.connect();
    await until(() => askedOf(ledger).probes === 2, "the probe to arrive");
    clock.release();
    const { failed } = await failing;
    if (failed["s"] !== undefined) {
      expect(failed["s"]).toMatchObject({ code: "TIMEOUT" });
      clock.holds = (delayMs) => delayMs === PATIENCE_MS;
      const again = pool.connect();
      await until(() => clock.held.length === 1, "the patience with the probe");
      clock.release();
      expect(await again).toMatchObject({ connected: ["s"] });
    }
    expect(statusOf(pool)).toMatchObject({ state: "ready", era: "session" });
    await works(pool);
  });
});

describe("what was asked for is what is spoken", () => {
  test.each(["legacy", "2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"] as const)(
    "%s: initialize and nothing before it",
    async (protocol) => {
      const ledger = new Ledger();
      const version = protocol === "legacy" ? LATEST : protocol;
      await live(stateless(ledger, { era: "both" }), { protocol });
      expect(askedOf(ledger)).toEqual({ starts: 1, probes: 0, offers: 1 });
      expect(ledger.count(`initialize ${version}`)).toBe(1);
      expect(violationsOf(ledger)).toEqual([]);
    },
  );

  test.each(["stateless", "both"])(
    "2026-07-28 of %s: the probe, and never initialize",
    async (era) => {
      const ledger = new Ledger();
      expect(await live(stateless(ledger, { era }), { protocol: M })).toBe("stateless");
      expect(askedOf(ledger)).toEqual({ starts: 1, probes: 1, offers: 0 });
      expect(violationsOf(ledger)).toEqual([]);
    },
  );

  test("2.16 2026-07-28 of a server that does not discover: its first answer is the proof", async () => {
    const ledger = new Ledger();
    const config = stateless(ledger, { probe: { error: { code: -32601 } } });
    expect(await live(config, { protocol: M })).toBe("stateless");
    expect(askedOf(ledger)).toEqual({ starts: 1, probes: 1, offers: 0 });
    expect(violationsOf(ledger)).toEqual([]);
  });

  test.each([
    ["that answers before it is initialized", {}],
    ["that answers the probe with an empty result", { probe: { result: {} } }],
    [
      "that lists its versions",
      { probe: { error: { code: -32022, data: { supported: [LATEST] } } } },
    ],
  ])(
    "2026-07-28 of a server with sessions only, %s: the error says what to do",
    async (_, behaviour) => {
      const ledger = new Ledger();
      const pool = poolOver(stateless(ledger, { era: "sessions", ...behaviour }), { protocol: M });
      const error = await refusedWith(pool);
      expect(error).toMatchObject({ code: "PROTOCOL_ERROR", server: "s", retryable: false });
      for (const text of ['"s"', M, 'protocol: "auto"']) expect(error.message).toContain(text);
      expect(statusOf(pool)).toMatchObject({ state: "failed" });
      expect(askedOf(ledger)).toEqual({ starts: 1, probes: 1, offers: 0 });
    },
  );
});
