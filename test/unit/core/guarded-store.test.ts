import { describe, expect, test } from "vitest";
import type { CacheStore } from "../../../src/core/cache-store.ts";
import { GuardedStore } from "../../../src/core/guarded-store.ts";
import { ManualClock, settled } from "../../support/manual-clock.ts";

function guard(store: CacheStore) {
  const clock = new ManualClock();
  const warnings: { server: string; message: string; cause: unknown }[] = [];
  const guarded = new GuardedStore(store, clock, (server, message, cause) =>
    warnings.push({ server, message, cause }),
  );
  return { guarded, clock, warnings };
}

const broken = new Error("disk full");

/** Throws, rejects, or is no function at all. */
const failing: readonly [string, CacheStore][] = [
  ["throws", { get: fail, set: fail, delete: fail }],
  [
    "rejects",
    {
      get: () => Promise.reject(broken),
      set: () => Promise.reject(broken),
      delete: () => Promise.reject(broken),
    },
  ],
];

function fail(): never {
  throw broken;
}

describe("a store that fails", () => {
  test.each(failing)("%s: is empty, and is reported once for each method", async (_, store) => {
    const { guarded, warnings } = guard(store);
    for (const server of ["a", "b"]) {
      expect(await guarded.get(server, "k")).toBeUndefined();
      expect(await guarded.set(server, "k", "v", 5)).toBe(false);
      expect(await guarded.delete(server, "k")).toBe(false);
    }
    expect(warnings.map(({ server }) => server)).toEqual(["a", "a", "a"]);
    expect(warnings.map(({ message }) => message.split(" ")[0])).toEqual([
      "cacheStore.get",
      "cacheStore.set",
      "cacheStore.delete",
    ]);
    expect(warnings.every(({ cause }) => cause === broken)).toBe(true);
  });

  test("gives no answer: is waited for a second, and then left alone for ten", async () => {
    let asked = 0;
    const never = (): Promise<undefined> => {
      asked += 1;
      return new Promise(() => {});
    };
    const { guarded, clock, warnings } = guard({ get: never, set: never, delete: never });
    const outcomes: unknown[] = [];
    void guarded.get("a", "k").then((value) => outcomes.push(value));
    await clock.run(999);
    expect(outcomes).toEqual([]);
    await clock.run(1);
    expect(outcomes).toEqual([undefined]);
    expect(warnings).toHaveLength(1);
    expect(await guarded.get("a", "k")).toBeUndefined();
    expect(await guarded.set("a", "k", "v", 5)).toBe(false);
    expect(asked).toBe(1);
    clock.advance(10_000);
    void guarded.delete("a", "k").then((value) => outcomes.push(value));
    await clock.run(1_000);
    expect(asked).toBe(2);
    expect(outcomes).toEqual([undefined, false]);
    expect(clock.armedCount).toBe(0);
  });

  test("rejects after the wait: nothing is left unhandled", async () => {
    let reject = (_error: Error): void => {};
    const store: CacheStore = {
      get: () => new Promise((_, no) => (reject = no)),
      set: () => {},
      delete: () => {},
    };
    const { guarded, clock } = guard(store);
    const got = guarded.get("a", "k");
    await clock.run(1_000);
    expect(await got).toBeUndefined();
    reject(broken);
    await settled();
  });
});

test("what is no string is no value", async () => {
  for (const odd of [null, 5, { a: 1 }, true, Promise.resolve(null)]) {
    const store = { get: () => odd, set: () => {}, delete: () => {} } as unknown as CacheStore;
    expect(await guard(store).guarded.get("a", "k")).toBeUndefined();
  }
});

test("a store that answers at once costs no timer; one that answers later leaves none", async () => {
  const map = new Map<string, string>();
  const sync = guard(map);
  const set = sync.guarded.set("a", "k", "v", 5);
  expect(sync.clock.armedCount).toBe(0);
  expect(await set).toBe(true);
  const late = guard({
    get: async (key) => map.get(key),
    set: async () => {},
    delete: async () => {},
  });
  const got = late.guarded.get("a", "k");
  await settled();
  expect(late.clock.armedCount).toBe(0);
  expect(await got).toBe("v");
});

describe("the end", () => {
  test("what hangs is waited for no longer, nothing is asked, and nothing is armed", async () => {
    let asked = 0;
    const hang = (): Promise<never> => (asked++, new Promise(() => {}));
    const { guarded, clock, warnings } = guard({ get: hang, set: hang, delete: hang });
    const waiting = [
      guarded.get("s", "k"),
      guarded.set("s", "k", "v", 5),
      guarded.delete("s", "k"),
    ];
    await settled();
    expect(clock.holdingCount).toBe(3);
    guarded.close();
    expect(await Promise.all(waiting)).toEqual([undefined, false, false]);
    expect(clock.armedCount).toBe(0);
    expect(await guarded.get("s", "k")).toBeUndefined();
    expect(asked).toBe(3);
    expect(warnings).toEqual([]);
  });
});
