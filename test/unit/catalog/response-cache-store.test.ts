import { describe, expect, test } from "vitest";
import { createMemoryStore } from "../../../src/core/cache-store.ts";
import type { CacheStore } from "../../../src/core/cache-store.ts";
import { settled } from "../../support/manual-clock.ts";
import { cacheOver, SERVER, serverOf } from "./cache-harness.ts";

const fresh = { ttlMs: 60_000 } as const;

/** Every method answers some time later. */
function asyncStore(map = new Map<string, string>()): CacheStore {
  return {
    get: async (key) => {
      await settled();
      return map.get(key) ?? null;
    },
    set: async (key, value) => {
      await settled();
      map.set(key, value);
    },
    delete: async (key) => {
      await settled();
      return map.delete(key);
    },
  };
}

describe.each<[string, () => CacheStore]>([
  ["a Map", () => new Map<string, string>()],
  ["the memory store", createMemoryStore],
  ["an asynchronous store", asyncStore],
])("%s", (_, storeOf) => {
  test("serves, reloads and takes back (9.2, 9.6, 9.9)", async () => {
    const { ask, cache, clock, warnings } = cacheOver(storeOf());
    await ask(fresh);
    expect(await ask()).toMatchObject({ answer: 1 });
    expect(await ask({ ...fresh, mode: "reload", cacheScope: "public" })).toMatchObject({
      answer: 2,
    });
    expect(await ask({ server: serverOf("b", "here", "b") })).toMatchObject({ answer: 2 });
    cache.listChanged(SERVER, "tools");
    expect(await ask(fresh)).toMatchObject({ answer: 3 });
    expect(await ask()).toMatchObject({ answer: 3 });
    clock.advance(60_000);
    expect(await ask()).toMatchObject({ answer: 4 });
    expect(warnings).toEqual([]);
  });
});

test("keys and hashes are all that a key of the store shows, and the answer is a string", async () => {
  const { ask, store } = cacheOver();
  await ask({ ...fresh, part: "c1" });
  expect([...store.keys()]).toEqual(["at-here-as-me:2026-07-28:tools/list:=c1"]);
  for (const value of store.values()) expect(value).toBeTypeOf("string");
});

test("an expired answer is replaced in one write: a store shared by many has no gap", async () => {
  const map = new Map<string, string>();
  const writes: string[] = [];
  const { ask, clock } = cacheOver({
    get: (key) => map.get(key),
    set: (key, value) => {
      writes.push("set");
      map.set(key, value);
    },
    delete: () => writes.push("delete"),
  });
  await ask(fresh);
  clock.advance(60_000);
  await ask(fresh);
  expect(writes).toEqual(["set", "set"]);
});

describe("a store that fails", () => {
  const error = new Error("disk full");
  const throwing = (): never => {
    throw error;
  };
  const rejecting = (): Promise<never> => Promise.reject(error);

  test.each([
    ["throws", throwing],
    ["rejects", rejecting],
  ])("%s: no call fails, and each method is reported once", async (_, fail) => {
    const { ask, cache, warnings } = cacheOver({ get: fail, set: fail, delete: fail });
    for (let n = 1; n <= 3; n++) expect(await ask(fresh)).toMatchObject({ answer: n });
    expect(await ask({ ...fresh, mode: "reload" })).toMatchObject({ answer: 4 });
    cache.listChanged(SERVER, "tools");
    cache.resourceUpdated(SERVER, "file:///a");
    cache.missed(SERVER);
    await settled();
    expect(warnings.map((warning) => warning.split(" ")[1])).toEqual([
      "cacheStore.get",
      "cacheStore.set",
      "cacheStore.delete",
    ]);
  });

  test("a store that never answers delays a call by a second, once for a while", async () => {
    const never = (): Promise<never> => new Promise(() => {});
    const { ask, clock } = cacheOver({ get: never, set: never, delete: never });
    const asked = ask(fresh);
    await clock.run(1_000);
    expect(await asked).toMatchObject({ answer: 1 });
    expect(await ask(fresh)).toMatchObject({ answer: 2 });
    expect(clock.armedCount).toBe(0);
  });

  test.each(["set", "delete"] as const)(
    "%s fails once: the older answer does not pass for the newest (9.9)",
    async (operation) => {
      let isFailing = false;
      const map = new Map<string, string>();
      const attempt = <T>(of: string, work: () => T): T => {
        if (isFailing && of === operation) throw error;
        return work();
      };
      const { ask } = cacheOver({
        get: (key) => map.get(key),
        set: (key, value) => attempt("set", () => map.set(key, value)),
        delete: (key) => attempt("delete", () => map.delete(key)),
      });
      for (const method of ["tools/list", "resources/read"] as const) {
        await ask({ ...fresh, method, part: "a", cacheScope: "private" });
        isFailing = true;
        const { answer } = (await ask({
          ...(operation === "set" ? fresh : {}),
          method,
          part: "a",
          mode: "reload",
        })) as { answer: number };
        isFailing = false;
        const next = { ...fresh, method, part: "a" };
        expect(await ask(next)).toMatchObject({ answer: answer + 1 });
        expect(await ask(next)).toMatchObject({ answer: answer + 1 });
      }
    },
  );
});

describe("what is in the store but was not written by us is ignored", () => {
  const alter = (change: (entry: { [key: string]: unknown }) => unknown) => (text: string) =>
    JSON.stringify(change(JSON.parse(text) as { [key: string]: unknown }));

  test.each<[string, (text: string) => string]>([
    ["no JSON", () => "{"],
    ["empty", () => ""],
    ["null", () => "null"],
    ["a number", () => "5"],
    ["a list", (text) => `[${text}]`],
    ["the result alone", alter((entry) => entry["result"])],
    ["no key", alter(({ key: _, ...rest }) => rest)],
    ["another key", alter((entry) => ({ ...entry, key: "x" }))],
    ["no epoch", alter(({ epoch: _, ...rest }) => rest)],
    ["no time", alter(({ receivedWall: _, ...rest }) => rest)],
    ["a time that is text", alter((entry) => ({ ...entry, receivedWall: "0" }))],
    ["an endless ttlMs", (text) => text.replace(/"ttlMs":60000/, '"ttlMs":1e999')],
    ["no ttlMs", alter(({ ttlMs: _, ...rest }) => rest)],
    ["no result", alter(({ result: _, ...rest }) => rest)],
    ["a result that is null", alter((entry) => ({ ...entry, result: null }))],
    ["a result that is a list", alter((entry) => ({ ...entry, result: [] }))],
    ["all of it in the prototype", (text) => `{"__proto__":${text}}`],
  ])("%s", async (_, change) => {
    const { ask, cacheOf, warnings } = cacheOver();
    await ask(fresh);
    expect(await cacheOf((text) => text).ask()).toMatchObject({ answer: 1 });
    const { cache, ask: askAltered } = cacheOf(change);
    expect(await askAltered()).toMatchObject({ answer: 2 });
    cache.listChanged(SERVER, "tools");
    await settled();
    expect(warnings).toEqual([]);
  });
});
