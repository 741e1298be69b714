import { describe, expect, test } from "vitest";
import { settled } from "../../support/manual-clock.ts";
import { cacheOver, SERVER, serverOf } from "./cache-harness.ts";
import type { Asking, Harness } from "./cache-harness.ts";

const OTHER = serverOf("other", "elsewhere", "me");

const fresh = { ttlMs: 60_000 } as const;

function read(part: string, rest: Asking = {}): Asking {
  return { method: "resources/read", part, ...rest };
}

/** Whether the server is asked for it. */
async function isAsked(of: Harness & { asked(): number }, asking: Asking): Promise<boolean> {
  const before = of.asked();
  await of.ask(asking);
  return of.asked() > before;
}

describe("a list_changed (9.6)", () => {
  test.each([
    ["tools", ["tools/list"]],
    ["prompts", ["prompts/list"]],
    ["resources", ["resources/list", "resources/templates/list"]],
  ] as const)("of %s makes all pages of %j stale at once, and nothing else", async (kind, gone) => {
    const harness = cacheOver();
    const methods = [
      "tools/list",
      "prompts/list",
      "resources/list",
      "resources/templates/list",
    ] as const;
    for (const server of [SERVER, OTHER]) {
      for (const method of methods) {
        await harness.ask({ server, method, nextCursor: "2", ...fresh });
        await harness.ask({ server, method, part: "2", ...fresh });
      }
      await harness.ask({ server, ...read("file:///a", fresh) });
    }
    harness.log.length = 0;
    harness.cache.listChanged(SERVER, kind);
    for (const server of [SERVER, OTHER]) {
      for (const method of methods) {
        await harness.ask({ server, method });
        await harness.ask({ server, method, part: "2" });
      }
      await harness.ask({ server, ...read("file:///a") });
    }
    expect(harness.log).toEqual(gone.flatMap((method) => [method, `${method} 2`]));
  });

  test("while the answer is under way: it is given, and not stored", async () => {
    const map = new Map<string, string>();
    const writes: string[] = [];
    const { ask, cache } = cacheOver({
      get: (key) => map.get(key),
      set: (key, value) => {
        writes.push(key);
        map.set(key, value);
      },
      delete: (key) => map.delete(key),
    });
    const during = (): void => cache.listChanged(SERVER, "tools");
    expect(await ask({ ...fresh, during })).toMatchObject({ answer: 1 });
    expect(writes).toEqual([]);
    expect(await ask(fresh)).toMatchObject({ answer: 2 });
    expect(await ask()).toMatchObject({ answer: 2 });
  });

  test("while the answer to a reload is under way: the older answer does not come back", async () => {
    const { ask, cache } = cacheOver();
    await ask(fresh);
    await ask({ ...fresh, mode: "reload", during: () => cache.listChanged(SERVER, "tools") });
    expect(await ask()).toMatchObject({ answer: 3 });
  });

  test("of another server, while the answer is under way, does not matter", async () => {
    const { ask, cache } = cacheOver();
    await ask({ ...fresh, during: () => cache.listChanged(OTHER, "tools") });
    expect(await ask()).toMatchObject({ answer: 1 });
  });

  test("within the millisecond in which the answer was stored", async () => {
    const { ask, cache } = cacheOver();
    await ask(fresh);
    cache.listChanged(SERVER, "tools");
    expect(await ask(fresh)).toMatchObject({ answer: 2 });
    expect(await ask()).toMatchObject({ answer: 2 });
  });

  test("while the store is read: what it gives is not served", async () => {
    const map = new Map<string, string>();
    let onGet = (): void => {};
    const { ask, cache } = cacheOver({
      get: async (key) => {
        const value = map.get(key);
        onGet();
        return value;
      },
      set: (key, value) => map.set(key, value),
      delete: (key) => map.delete(key),
    });
    await ask(fresh);
    onGet = () => {
      onGet = () => {};
      cache.listChanged(SERVER, "tools");
    };
    expect(await ask()).toMatchObject({ answer: 2 });
  });

  test("while the store is written: what it took is taken out again", async () => {
    const map = new Map<string, string>();
    const { ask, cache } = cacheOver({
      get: (key) => map.get(key),
      set: async (key, value) => {
        cache.listChanged(SERVER, "tools");
        await settled();
        map.set(key, value);
      },
      delete: (key) => map.delete(key),
    });
    await ask(fresh);
    expect(map.size).toBe(0);
    expect(await ask()).toMatchObject({ answer: 2 });
  });
});

describe("a resource's update (9.6)", () => {
  test("concerns that resource, and what lies below or above it", async () => {
    const harness = cacheOver();
    const uris = {
      "file:///a": true,
      "file:///a/": true,
      "file:///a/b": true,
      "file:///a/b/": true,
      "file:///a/b/c": true,
      "file:///a/b/c/d": true,
      "file:///a/bc": false,
      "file:///a/c": false,
      "file:///b": false,
      "note:1": false,
    };
    for (const uri of Object.keys(uris)) await harness.ask(read(uri, fresh));
    await harness.ask({ method: "resources/list", ...fresh });
    harness.cache.resourceUpdated(SERVER, "file:///a/b");
    for (const [uri, isStale] of Object.entries(uris)) {
      expect([uri, await isAsked(harness, read(uri))]).toEqual([uri, isStale]);
    }
    expect(await isAsked(harness, { method: "resources/list" })).toBe(false);
  });

  test("of a URI in a scheme of its own, and of one that is no URI", async () => {
    const harness = cacheOver();
    for (const uri of ["note:1", "", "a/b", "__proto__"]) {
      await harness.ask(read(uri, fresh));
      expect(await isAsked(harness, read(uri))).toBe(false);
      harness.cache.resourceUpdated(SERVER, uri);
      expect(await isAsked(harness, read(uri))).toBe(true);
    }
  });

  test("while the answer is under way: of this or a related resource it is not stored", async () => {
    for (const updated of ["file:///a/b", "file:///a", "file:///a/b/c"]) {
      const { ask, cache, store } = cacheOver();
      const during = (): void => cache.resourceUpdated(SERVER, updated);
      await ask(read("file:///a/b", { ...fresh, during }));
      expect(store.size).toBe(0);
    }
    const { ask, cache, store } = cacheOver();
    const during = (): void => cache.resourceUpdated(SERVER, "file:///b");
    await ask(read("file:///a/b", { ...fresh, during }));
    expect(store.size).toBe(1);
  });

  test("beyond 1,000 resources all reads count as invalidated, and it begins anew", async () => {
    const harness = cacheOver();
    await harness.ask(read("file:///x", fresh));
    await harness.ask(read("file:///0", fresh));
    for (let n = 0; n < 1_000; n++) harness.cache.resourceUpdated(SERVER, `file:///${n}`);
    expect(await isAsked(harness, read("file:///x"))).toBe(false);
    // One that is known already is none more.
    harness.cache.resourceUpdated(SERVER, "file:///7");
    expect(await isAsked(harness, read("file:///x"))).toBe(false);
    harness.cache.resourceUpdated(SERVER, "file:///1000");
    expect(await isAsked(harness, read("file:///x", fresh))).toBe(true);
    expect(await isAsked(harness, read("file:///0", fresh))).toBe(true);
    expect(await isAsked(harness, read("file:///x"))).toBe(false);
    harness.cache.resourceUpdated(SERVER, "file:///new");
    harness.cache.resourceUpdated(SERVER, "file:///0");
    expect(await isAsked(harness, read("file:///x"))).toBe(false);
    expect(await isAsked(harness, read("file:///0"))).toBe(true);
  });

  test("counts from the last of many, in whatever order they came", async () => {
    const harness = cacheOver();
    harness.cache.resourceUpdated(SERVER, "file:///a/b");
    harness.cache.resourceUpdated(SERVER, "file:///a");
    await harness.ask(read("file:///a/b", fresh));
    expect(await isAsked(harness, read("file:///a/b"))).toBe(false);
    harness.cache.resourceUpdated(SERVER, "file:///a/b");
    expect(await isAsked(harness, read("file:///a/b"))).toBe(true);
  });

  test("of an endless URI: all reads count as invalidated", async () => {
    const harness = cacheOver();
    await harness.ask(read("file:///x", fresh));
    harness.cache.resourceUpdated(SERVER, `file:///${"y".repeat(100_000)}`);
    expect(await isAsked(harness, read("file:///x"))).toBe(true);
  });
});

describe("a gap in the notifications (9.6)", () => {
  test("makes all of that server stale, what is under way included, and nothing of others", async () => {
    const harness = cacheOver();
    const all: Asking[] = [{}, { part: "2" }, { method: "prompts/list" }, read("file:///a")];
    for (const server of [SERVER, OTHER]) {
      for (const asking of all) await harness.ask({ ...asking, ...fresh, server });
    }
    const during = (): void => harness.cache.missed(SERVER);
    await harness.ask({ part: "3", ...fresh, during });
    for (const asking of [...all, { part: "3" }]) {
      expect(await isAsked(harness, asking)).toBe(true);
    }
    for (const asking of all) {
      expect(await isAsked(harness, { ...asking, server: OTHER })).toBe(false);
    }
  });

  test("what is stored after it is fresh again", async () => {
    const harness = cacheOver();
    harness.cache.missed(SERVER);
    await harness.ask(fresh);
    expect(await isAsked(harness, {})).toBe(false);
  });
});

test("more principals than are kept count: nothing that was invalidated comes back (9.6)", async () => {
  const harness = cacheOver();
  await harness.ask(fresh);
  harness.cache.listChanged(SERVER, "tools");
  for (let n = 0; n < 1_001; n++) {
    harness.cache.listChanged(serverOf("s", "elsewhere", `${n}`), "tools");
  }
  expect(await isAsked(harness, fresh)).toBe(true);
  expect(await isAsked(harness, {})).toBe(false);
});

describe("another process (9.6)", () => {
  test("what an earlier one stored is not fresh after an invalidation in this one", async () => {
    const { ask, cacheOf, asked } = cacheOver();
    const askings: Asking[] = [{}, { part: "2" }, read("file:///a")];
    for (const asking of askings) await ask({ ...asking, ...fresh });
    const calm = cacheOf();
    for (const asking of askings) await calm.ask(asking);
    expect(asked()).toBe(3);
    const later = cacheOf();
    later.cache.missed(SERVER);
    for (const asking of askings) await later.ask(asking);
    expect(asked()).toBe(6);
  });

  test("does not find the pages that this one took out", async () => {
    const { ask, cache, cacheOf, store } = cacheOver();
    await ask({ ...fresh, nextCursor: "2" });
    await ask({ ...fresh, part: "2", cacheScope: "public", nextCursor: "3" });
    await ask({ ...fresh, part: "3", nextCursor: "2" });
    await ask({ ...fresh, method: "prompts/list" });
    cache.listChanged(SERVER, "tools");
    await settled();
    expect(store.size).toBe(1);
    expect(await cacheOf().ask()).toMatchObject({ answer: 5 });
  });

  test("does not find the resource that was updated, nor those above it", async () => {
    const { ask, cache, store } = cacheOver();
    for (const uri of ["file:///a", "file:///a/b/", "file:///a/b/c", "file:///z"]) {
      await ask(read(uri, fresh));
    }
    cache.resourceUpdated(SERVER, "file:///a/b/c");
    await settled();
    expect(store.size).toBe(1);
    expect(await ask(read("file:///z"))).toMatchObject({ answer: 4 });
  });

  test("what was stored after the invalidation is not taken out with the rest", async () => {
    const map = new Map<string, string>();
    const { ask, cache } = cacheOver({
      get: async (key) => {
        await settled();
        return map.get(key);
      },
      set: (key, value) => map.set(key, value),
      delete: (key) => map.delete(key),
    });
    await ask(fresh);
    cache.listChanged(SERVER, "tools");
    await ask({ ...fresh, mode: "reload" });
    for (let n = 0; n < 10; n++) await settled();
    expect(await ask()).toMatchObject({ answer: 2 });
  });

  test("an endless list of pages is walked to a bound", async () => {
    let gets = 0;
    const page = new Map<string, string>();
    const { ask, cache } = cacheOver({
      get: (key) => {
        gets += 1;
        return page.get(key);
      },
      set: (key, value) => page.set(key, value),
      delete: () => false,
    });
    for (let n = 0; n < 1_200; n++) await ask({ ...fresh, part: `${n}`, nextCursor: `${n + 1}` });
    await ask({ ...fresh, nextCursor: "0" });
    gets = 0;
    cache.listChanged(SERVER, "tools");
    for (let n = 0; n < 10; n++) await settled();
    expect(gets).toBe(2_000);
  });

  test("a flood of notifications is none for the store", async () => {
    let gets = 0;
    let most = 0;
    let under = 0;
    const { ask, cache } = cacheOver({
      get: async () => {
        gets += 1;
        most = Math.max(most, ++under);
        await settled();
        under -= 1;
        return undefined;
      },
      set: () => {},
      delete: () => {},
    });
    await ask();
    gets = 0;
    for (let n = 0; n < 10_000; n++) cache.listChanged(SERVER, "tools");
    for (let n = 0; n < 20; n++) await settled();
    expect(gets).toBe(4);
    expect(most).toBe(1);
  });
});
