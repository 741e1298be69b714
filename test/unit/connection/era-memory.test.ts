import { beforeEach, describe, expect, test } from "vitest";
import { StoredEraMemory } from "../../../src/connection/era-memory.ts";
import type { CacheStore } from "../../../src/core/cache-store.ts";
import { GuardedStore } from "../../../src/core/guarded-store.ts";
import type { KnownEra } from "../../../src/eras/negotiate.ts";
import type { DiscoverResult } from "../../../src/spec/types.ts";
import { ManualClock, settled } from "../../support/manual-clock.ts";

const M = "2026-07-28";
const HOUR_MS = 60 * 60 * 1_000;
const DAY_MS = 24 * HOUR_MS;

let clock: ManualClock;
let store: Map<string, string>;
let warnings: string[];

beforeEach(() => {
  clock = new ManualClock();
  store = new Map();
  warnings = [];
});

function memory(given: CacheStore = store, principal = "me"): StoredEraMemory {
  const guarded = new GuardedStore(given, clock, (_server, message) => void warnings.push(message));
  return new StoredEraMemory("s", principal, guarded, clock);
}

function discovered(hints: object = {}): DiscoverResult {
  return { supportedVersions: [M], capabilities: { tools: {} }, ...hints } as DiscoverResult;
}

const stateless = (result?: DiscoverResult): KnownEra => ({
  era: "stateless",
  version: M,
  discovered: result,
});

describe("what was kept is known again", () => {
  test("2.5 by whoever looks into the same store as the same principal", async () => {
    memory().keep({ era: "session" });
    expect(await memory().recall()).toEqual({ era: "session" });
    expect(await memory(store, "somebody else").recall()).toBeUndefined();
    memory().keep(stateless());
    expect(await memory().recall()).toEqual(stateless());
    expect(store.size).toBe(1);
  });

  test("nothing is known before", async () => {
    expect(await memory().recall()).toBeUndefined();
    expect(warnings).toEqual([]);
  });

  test("the key tells what it is for, and nothing but the hash that was given", () => {
    memory().keep({ era: "session" });
    expect([...store.keys()]).toEqual(["era:me"]);
  });

  test("the store is told for how long", async () => {
    const ttls: unknown[] = [];
    const given = {
      get: () => undefined,
      set: (_: string, __: string, ttlMs: number) => ttls.push(ttlMs),
      delete: () => {},
    };
    memory(given).keep({ era: "session" });
    await settled();
    expect(ttls).toEqual([DAY_MS]);
  });

  test.each<[string, KnownEra]>([
    ["sessions", { era: "session" }],
    ["stateless", stateless(discovered({ ttlMs: 10 * DAY_MS }))],
  ])("for a day, and then it is asked for again: %s", async (_, known) => {
    memory().keep(known);
    clock.jump(DAY_MS - 1);
    expect(await memory().recall()).toEqual(known);
    clock.jump(1);
    expect(await memory().recall()).toBeUndefined();
  });

  test("what was kept in the future is not believed: the system's time was set back", async () => {
    memory().keep({ era: "session" });
    clock.jump(-1);
    expect(await memory().recall()).toBeUndefined();
  });

  test("the newest holds", async () => {
    const one = memory();
    one.keep({ era: "session" });
    one.keep(stateless());
    expect(await memory().recall()).toEqual(stateless());
    one.keep({ era: "session" });
    expect(await memory().recall()).toEqual({ era: "session" });
  });
});

describe("9.2 a DiscoverResult holds as long as its server says", () => {
  test("and after that only the era is known", async () => {
    const result = discovered({ ttlMs: HOUR_MS, instructions: "Ask", cacheScope: "private" });
    memory().keep(stateless(result));
    clock.jump(HOUR_MS - 1);
    expect(await memory().recall()).toEqual(stateless(result));
    clock.jump(1);
    expect(await memory().recall()).toEqual(stateless());
  });

  test.each([
    ["none", {}],
    ["zero", { ttlMs: 0 }],
    ["negative", { ttlMs: -1 }],
    ["a text", { ttlMs: "1000" }],
    ["null", { ttlMs: null }],
    // JSON has no such numbers: null in the store.
    ["not a number", { ttlMs: Number.NaN }],
    ["endless", { ttlMs: Infinity }],
  ])("not at all where that is %s", async (_, hints) => {
    memory().keep(stateless(discovered(hints)));
    expect(await memory().recall()).toEqual(stateless());
  });
});

describe("what was forgotten", () => {
  test("is gone, for everybody", async () => {
    const one = memory();
    one.keep({ era: "session" });
    one.forget();
    expect(await one.recall()).toBeUndefined();
    expect(await memory().recall()).toBeUndefined();
    expect(store.size).toBe(0);
  });

  test("2.7 is not believed again because the store is slow to let go of it", async () => {
    memory().keep(stateless(discovered({ ttlMs: HOUR_MS })));
    const never = new Promise<never>(() => {});
    const slow: CacheStore = {
      get: (key) => store.get(key),
      set: (key, value) => store.set(key, value),
      delete: () => never,
    };
    const one = memory(slow);
    expect(await one.recall()).toMatchObject({ era: "stateless" });
    one.forget();
    expect(await one.recall()).toBeUndefined();
    clock.advance(2_000);
    await settled();
    expect(await one.recall()).toBeUndefined();
  });

  test("can be learnt anew", async () => {
    const one = memory();
    one.keep(stateless());
    one.forget();
    one.keep({ era: "session" });
    expect(await one.recall()).toEqual({ era: "session" });
    expect(await memory().recall()).toEqual({ era: "session" });
  });

  test("and what was never known can be forgotten", async () => {
    const one = memory();
    one.forget();
    expect(await one.recall()).toBeUndefined();
    expect(warnings).toEqual([]);
  });
});

describe("a store that is no help", () => {
  const no = (): never => {
    throw new Error("no store today");
  };

  test("throws: nothing is known, nothing is thrown", async () => {
    const one = memory({ get: no, set: no, delete: no });
    expect(await one.recall()).toBeUndefined();
    one.forget();
    expect(await one.recall()).toBeUndefined();
    one.keep({ era: "session" });
    await settled();
    expect(warnings).toHaveLength(3);
  });

  test("keeps nothing: what this server showed is known all the same", async () => {
    const one = memory({ get: () => undefined, set: () => {}, delete: () => {} });
    one.keep({ era: "session" });
    expect(await one.recall()).toEqual({ era: "session" });
    one.forget();
    expect(await one.recall()).toBeUndefined();
  });

  test("hangs: waited for a second at most", async () => {
    const never = new Promise<never>(() => {});
    const one = memory({ get: () => never, set: () => never, delete: () => never });
    const recalling = one.recall();
    await settled();
    expect(clock.dueIn).toEqual([1_000]);
    clock.advance(1_000);
    expect(await recalling).toBeUndefined();
  });

  const at = 1_700_000_000_000;
  const whole = { era: "stateless", version: M, at };

  test.each<[string, unknown]>([
    ["an empty text", ""],
    ["half of it", '{"era":"session","at":'],
    ["null", "null"],
    ["true", "true"],
    ["a number", "7"],
    ["a text", '"session"'],
    ["a list", "[]"],
    ["an empty object", "{}"],
    ["another era", { ...whole, era: "iron" }],
    ["no era", { version: M, at }],
    ["no time", { era: "session" }],
    ["a text for the time", { era: "session", at: String(at) }],
    ["null for the time", { era: "session", at: null }],
    ["no version", { era: "stateless", at }],
    ["a version that we do not speak", { ...whole, version: "2027-01-01" }],
    ["a version with sessions", { ...whole, version: "2025-11-25" }],
    ["a DiscoverResult without versions", { ...whole, discovered: { capabilities: {} } }],
    ["a DiscoverResult without capabilities", { ...whole, discovered: { supportedVersions: [M] } }],
    ["null for one", { ...whole, discovered: null }],
    ["a text for one", { ...whole, discovered: "x" }],
  ])("holds %s: it is as if it were empty", async (_, value) => {
    store.set("era:me", typeof value === "string" ? value : JSON.stringify(value));
    clock.jump(1);
    expect(await memory().recall()).toBeUndefined();
    expect(warnings).toEqual([]);
  });

  test("gives what is no text: as if it were empty", async () => {
    for (const value of [null, 7, {}, ["x"]]) {
      const given = { get: () => value, set: () => {}, delete: () => {} } as unknown as CacheStore;
      expect(await memory(given).recall()).toBeUndefined();
    }
  });

  test("what a newer version of this package put there beside ours does no harm", async () => {
    store.set("era:me", JSON.stringify({ era: "session", at: clock.wallTime(), more: { a: 1 } }));
    expect(await memory().recall()).toEqual({ era: "session" });
  });
});
