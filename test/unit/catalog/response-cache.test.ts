import { describe, expect, test } from "vitest";
import type { CacheableMethod } from "../../../src/catalog/cache-entry.ts";
import type { CachedServer, CacheMode } from "../../../src/catalog/response-cache.ts";
import { McpResponseError } from "../../../src/core/errors.ts";
import { rejection } from "../fakes.ts";
import { cacheOver, SERVER, serverOf, TwoClocks, VERSION } from "./cache-harness.ts";

const LISTS: readonly CacheableMethod[] = [
  "tools/list",
  "prompts/list",
  "resources/list",
  "resources/templates/list",
];

describe("freshness (9.2)", () => {
  test("for exactly ttlMs after the answer came, not after it was asked for", async () => {
    const { ask, clock, asked } = cacheOver();
    await ask({ ttlMs: 1_000, during: () => clock.advance(700) });
    clock.advance(999);
    expect(await ask()).toMatchObject({ answer: 1 });
    clock.advance(1);
    expect(await ask({ ttlMs: 0 })).toMatchObject({ answer: 2 });
    expect(asked()).toBe(2);
  });

  test.each([0, -1, -1e9, undefined, null, "60000", true, {}, Number.NaN, Infinity, -Infinity])(
    "a ttlMs of %j is stale at once and not stored",
    async (ttlMs) => {
      const { ask, store, asked } = cacheOver();
      await ask({ ttlMs });
      expect(store.size).toBe(0);
      await ask();
      expect(asked()).toBe(2);
    },
  );

  test("a hint that is inherited is none", async () => {
    const { cache, store } = cacheOver();
    const answer = Object.create({ ttlMs: 60_000 }) as object;
    await cache.request(SERVER, VERSION, "tools/list", undefined, "default", async () => answer);
    expect(store.size).toBe(0);
  });

  test("an absurd ttlMs is cut to 24 hours, also one that is in the store", async () => {
    const { ask, clock, asked, cacheOf } = cacheOver();
    await ask({ ttlMs: Number.MAX_VALUE });
    clock.advance(24 * 3_600_000 - 1);
    expect(await ask()).toMatchObject({ answer: 1 });
    clock.advance(1);
    await ask({ ttlMs: 60_000 });
    expect(asked()).toBe(2);
    const forged = cacheOf((text) => text.replace(/"ttlMs":\d+/, '"ttlMs":1e300'));
    clock.advance(24 * 3_600_000);
    expect(await forged.ask()).toMatchObject({ answer: 3 });
  });

  test("the wall clock may jump: within a process only the monotonic one counts", async () => {
    const { ask, clock, asked } = cacheOver();
    await ask({ ttlMs: 1_000 });
    clock.shiftWall(86_400_000);
    expect(await ask()).toMatchObject({ answer: 1 });
    clock.shiftWall(-2 * 86_400_000);
    expect(await ask()).toMatchObject({ answer: 1 });
    expect(asked()).toBe(1);
  });

  test("between processes the wall clock counts, whatever the monotonic one began at", async () => {
    const { ask, clock, cacheOf } = cacheOver();
    await ask({ ttlMs: 10_000 });
    const later = new TwoClocks(7);
    later.shiftWall(clock.wallTime() + 9_999 - later.wallTime());
    const second = cacheOf(undefined, later);
    expect(await second.ask()).toMatchObject({ answer: 1 });
    later.advance(1);
    expect(await second.ask()).toMatchObject({ answer: 2 });
  });

  test("an entry from the future, as after the clock was set back, is stale", async () => {
    const { ask, clock, cacheOf } = cacheOver();
    await ask({ ttlMs: 10_000 });
    const second = cacheOf();
    clock.shiftWall(-1);
    expect(await second.ask()).toMatchObject({ answer: 2 });
  });

  test("the store is told how long, in whole milliseconds", async () => {
    const told: number[] = [];
    const map = new Map<string, string>();
    const { ask } = cacheOver({
      get: (key) => map.get(key),
      set: (_key, _value, ttlMs) => told.push(ttlMs),
      delete: (key) => map.delete(key),
    });
    await ask({ ttlMs: 0.5 });
    await ask({ ttlMs: 2_000 });
    await ask({ ttlMs: 1e12 });
    expect(told).toEqual([1, 2_000, 86_400_000]);
  });
});

describe("the key (9.3)", () => {
  const long = "c".repeat(200);
  const parts = [
    undefined,
    "",
    "=",
    "#",
    "a",
    "A",
    "a ",
    long,
    `${long}d`,
    "\ud800",
    "\ud801",
    "ü",
  ];

  test("method, cursor or URI, version and server all count; no part is another's", async () => {
    const { ask, asked, store } = cacheOver();
    const requests = [
      ...parts.map((part) => ({ part })),
      ...parts.map((part) => ({ part, method: "resources/read" as const })),
      ...LISTS.slice(1).map((method) => ({ method })),
      { version: "2099-01-01" },
      { server: serverOf("s", "elsewhere", "me") },
    ];
    for (const request of requests) await ask({ ...request, ttlMs: 60_000 });
    expect(asked()).toBe(requests.length);
    expect(store.size).toBe(requests.length);
    for (const [index, request] of requests.entries()) {
      expect(await ask(request)).toMatchObject({ answer: index + 1 });
    }
    expect(asked()).toBe(requests.length);
  });

  test("is of bounded length and printable, whatever a server's cursors are", async () => {
    const { ask, store } = cacheOver();
    for (const part of [...parts, "\n", "x".repeat(100_000)]) await ask({ part, ttlMs: 60_000 });
    for (const key of store.keys()) expect(key).toMatch(/^[\x21-\x7e]{1,200}$/);
  });

  test("a store that mixes up keys gives nobody another's answer", async () => {
    const map = new Map<string, string>();
    const { ask } = cacheOver({
      get: (key) => map.get(key.toLowerCase()),
      set: (key, value) => map.set(key.toLowerCase(), value),
      delete: (key) => map.delete(key.toLowerCase()),
    });
    await ask({ part: "cursor", ttlMs: 60_000 });
    expect(await ask({ part: "CURSOR", ttlMs: 60_000 })).toMatchObject({ answer: 2 });
    expect(await ask({ part: "CURSOR" })).toMatchObject({ answer: 2 });
  });

  test("two names of one server with one principal share what is stored", async () => {
    const { ask } = cacheOver();
    await ask({ ttlMs: 60_000 });
    expect(await ask({ server: { ...SERVER, name: "alias" } })).toMatchObject({ answer: 1 });
  });
});

describe("scope (9.4, 13.11)", () => {
  const ada = serverOf("ada", "here", "ada");
  const bob = serverOf("bob", "here", "bob");

  test.each(["private", undefined, "Public", "PUBLIC", "shared", ["public"], true, null])(
    "two principals never share an answer whose cacheScope is %j",
    async (cacheScope) => {
      const { ask } = cacheOver();
      await ask({ server: ada, cacheScope, ttlMs: 60_000 });
      expect(await ask({ server: bob, cacheScope, ttlMs: 60_000 })).toMatchObject({ answer: 2 });
      expect(await ask({ server: ada })).toMatchObject({ answer: 1 });
      expect(await ask({ server: bob })).toMatchObject({ answer: 2 });
    },
  );

  test("a public answer is shared, at the same place only", async () => {
    const { ask } = cacheOver();
    await ask({ server: ada, cacheScope: "public", ttlMs: 60_000 });
    expect(await ask({ server: bob })).toMatchObject({ answer: 1 });
    expect(await ask({ server: serverOf("x", "elsewhere", "ada") })).toMatchObject({ answer: 2 });
  });

  test("a user's private answer goes before the public one", async () => {
    const { ask } = cacheOver();
    await ask({ server: ada, ttlMs: 60_000 });
    await ask({ server: bob, cacheScope: "public", ttlMs: 60_000 });
    expect(await ask({ server: ada })).toMatchObject({ answer: 1 });
  });

  test("the newest answer replaces the older one of the other scope, either way", async () => {
    for (const scopes of [
      ["public", "private"],
      ["private", "public"],
    ]) {
      const { ask, clock } = cacheOver();
      await ask({ cacheScope: scopes[0], ttlMs: 60_000 });
      await ask({ cacheScope: scopes[1], ttlMs: 1_000, mode: "reload" });
      expect(await ask()).toMatchObject({ answer: 2 });
      clock.advance(1_000);
      expect(await ask()).toMatchObject({ answer: 3 });
    }
  });

  test("no credentials, and so one key for both: what is private stays with it", async () => {
    const { ask } = cacheOver();
    const nobody: CachedServer = {
      name: "n",
      cacheKeys: { public: "at-here", private: "at-here" },
    };
    await ask({ server: nobody, ttlMs: 60_000 });
    expect(await ask({ server: ada })).toMatchObject({ answer: 2 });
    expect(await ask({ server: nobody })).toMatchObject({ answer: 1 });
    await ask({ server: nobody, cacheScope: "public", mode: "reload", ttlMs: 60_000 });
    expect(await ask({ server: nobody })).toMatchObject({ answer: 3 });
    expect(await ask({ server: bob })).toMatchObject({ answer: 3 });
  });

  test("whoever logs in while asking gets nothing stored for who was there before", async () => {
    const { ask, store } = cacheOver();
    const server = { name: "s", cacheKeys: ada.cacheKeys };
    await ask({ server, ttlMs: 60_000, during: () => (server.cacheKeys = bob.cacheKeys) });
    expect(store.size).toBe(0);
    expect(await ask({ server: ada })).toMatchObject({ answer: 2 });
    expect(await ask({ server: bob })).toMatchObject({ answer: 3 });
  });

  test("one user's notification takes back the public answer of all, and no other's private one", async () => {
    const { ask, cache } = cacheOver();
    await ask({ server: ada, cacheScope: "public", ttlMs: 60_000 });
    cache.listChanged(ada, "tools");
    expect(await ask({ server: bob, ttlMs: 60_000 })).toMatchObject({ answer: 2 });
    cache.listChanged(ada, "tools");
    cache.missed(ada);
    expect(await ask({ server: bob })).toMatchObject({ answer: 2 });
  });
});

describe("what is not stored (9.5)", () => {
  test.each(["input_required", "task", "partial", "", null, 5])(
    "a result whose resultType is %j",
    async (resultType) => {
      const { ask, store } = cacheOver();
      expect(await ask({ resultType, ttlMs: 60_000 })).toMatchObject({ answer: 1 });
      expect(store.size).toBe(0);
      expect(await ask()).toMatchObject({ answer: 2 });
    },
  );

  test.each(["complete", undefined])("but one whose resultType is %j is", async (resultType) => {
    const { ask } = cacheOver();
    await ask({ resultType, ttlMs: 60_000 });
    expect(await ask()).toMatchObject({ answer: 1 });
  });

  test("a result that was got with inputs", async () => {
    const { ask, store } = cacheOver();
    await ask({ method: "resources/read", part: "a", ttlMs: 60_000, withInputs: true });
    expect(store.size).toBe(0);
  });

  test("an error: it passes through untouched, and the next one asks again", async () => {
    const { ask, store, asked } = cacheOver();
    const error = new McpResponseError("x", { rpcCode: -32603, rpcMessage: "no" });
    for (const mode of ["default", "reload", "no-store"] as const) {
      expect(await rejection(ask({ error, mode }))).toBe(error);
    }
    expect(store.size).toBe(0);
    expect(asked()).toBe(3);
    expect(await ask()).toMatchObject({ answer: 4 });
  });

  test("an error after expiry: the stale answer is not served (9.8)", async () => {
    const { ask, clock } = cacheOver();
    await ask({ ttlMs: 10 });
    clock.advance(10);
    const error = new McpResponseError("x", { rpcCode: -32603, rpcMessage: "no" });
    expect(await rejection(ask({ error }))).toBe(error);
  });

  test("what cannot be written as JSON", async () => {
    const { cache, store } = cacheOver();
    const answer = { ttlMs: 60_000, count: 1n };
    const ask = async (): Promise<object> => answer;
    expect(await cache.request(SERVER, VERSION, "tools/list", undefined, "default", ask)).toBe(
      answer,
    );
    expect(store.size).toBe(0);
  });
});

describe("pages (9.7)", () => {
  test("have their own clocks: only the one that expired is asked for, by its cursor", async () => {
    const { ask, clock, log } = cacheOver();
    await ask({ ttlMs: 100, nextCursor: "2" });
    clock.advance(50);
    await ask({ part: "2", ttlMs: 100 });
    clock.advance(50);
    await ask({ ttlMs: 100, nextCursor: "2" });
    expect(await ask({ part: "2" })).toMatchObject({ answer: 2 });
    clock.advance(50);
    await ask({ part: "2", ttlMs: 100 });
    expect(await ask()).toMatchObject({ answer: 3 });
    expect(log).toEqual(["tools/list", "tools/list 2", "tools/list", "tools/list 2"]);
  });

  test("a refused cursor drops all pages of the list, and nothing else", async () => {
    const { ask, cache, log } = cacheOver();
    await ask({ ttlMs: 60_000, nextCursor: "2" });
    await ask({ part: "2", ttlMs: 60_000 });
    await ask({ method: "prompts/list", ttlMs: 60_000 });
    log.length = 0;
    cache.dropList(SERVER, "tools/list");
    await ask();
    await ask({ part: "2" });
    await ask({ method: "prompts/list" });
    expect(log).toEqual(["tools/list", "tools/list 2"]);
  });
});

describe("modes (9.9)", () => {
  test("reload asks always, and its answer is the one that is served from then on", async () => {
    const { ask, asked } = cacheOver();
    await ask({ ttlMs: 60_000 });
    expect(await ask({ mode: "reload", ttlMs: 60_000 })).toMatchObject({ answer: 2 });
    expect(await ask()).toMatchObject({ answer: 2 });
    expect(asked()).toBe(2);
  });

  test("reload whose answer may not be stored still replaces the older one", async () => {
    for (const cacheScope of ["public", "private"]) {
      const { ask, store } = cacheOver();
      await ask({ ttlMs: 60_000, cacheScope });
      await ask({ mode: "reload", ttlMs: 0 });
      expect(store.size).toBe(0);
      expect(await ask()).toMatchObject({ answer: 3 });
    }
  });

  test("no-store neither reads nor writes", async () => {
    const used: string[] = [];
    const { ask } = cacheOver({
      get: (key) => void used.push(key),
      set: (key) => used.push(key),
      delete: (key) => used.push(key),
    });
    await ask({ mode: "no-store", ttlMs: 60_000 });
    expect(used).toEqual([]);
    await ask({ ttlMs: 60_000 });
    expect(used).not.toEqual([]);
  });

  test("no-store leaves what is stored as it is", async () => {
    const { ask } = cacheOver();
    await ask({ ttlMs: 60_000 });
    expect(await ask({ mode: "no-store", ttlMs: 0 })).toMatchObject({ answer: 2 });
    expect(await ask()).toMatchObject({ answer: 1 });
  });

  test.each<CacheMode>(["default", "reload"])(
    "mode %s: whoever changes an answer changes nobody else's",
    async (mode) => {
      const { ask } = cacheOver();
      const first = (await ask({ mode, ttlMs: 60_000 })) as { deep: { list: number[] } };
      first.deep.list.push(4);
      const second = (await ask()) as typeof first;
      expect(second.deep.list).toEqual([1, 2, 3]);
      second.deep.list.push(5);
      expect(await ask()).toMatchObject({ deep: { list: [1, 2, 3] } });
    },
  );

  test("an answer comes back as it was, prototypes and odd keys included", async () => {
    const { cache } = cacheOver();
    const text = '{"ttlMs":60000,"__proto__":{"ttlMs":1},"constructor":[null,{"toString":""}]}';
    const request = (): Promise<object> =>
      cache.request(SERVER, VERSION, "tools/list", undefined, "default", async () =>
        JSON.parse(text),
      );
    expect(JSON.stringify(await request())).toBe(text);
    const again = await request();
    expect(JSON.stringify(again)).toBe(text);
    expect(Object.getPrototypeOf(again)).toBe(Object.prototype);
  });
});

test("nothing happens by itself when an answer expires: no timer, no request (9.8)", async () => {
  const { ask, cache, clock, asked } = cacheOver();
  await ask({ ttlMs: 1_000 });
  cache.listChanged(SERVER, "tools");
  cache.missed(SERVER);
  expect(clock.armedCount).toBe(0);
  await clock.run(86_400_000);
  expect(asked()).toBe(1);
});

test("two pools of one process with one store: each by its own count of invalidations (9.6)", async () => {
  const { ask, cache, cacheOf } = cacheOver();
  const second = cacheOf();
  for (let n = 0; n < 3; n++) second.cache.listChanged(SERVER, "tools");
  expect(await second.ask({ ttlMs: 60_000 })).toMatchObject({ answer: 1 });
  expect(await ask()).toMatchObject({ answer: 1 });
  cache.listChanged(SERVER, "tools");
  expect(await ask()).toMatchObject({ answer: 2 });
});
