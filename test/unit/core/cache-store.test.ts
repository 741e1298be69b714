import { describe, expect, test } from "vitest";
import { createMemoryStore } from "../../../src/core/cache-store.ts";
import type { CacheStore } from "../../../src/core/cache-store.ts";

const MI = 1024 * 1024;

describe("the memory store", () => {
  test("gives what was put, and nothing once it is deleted", () => {
    const store = createMemoryStore();
    expect(store.get("a")).toBeUndefined();
    store.set("a", "1", 5);
    store.set("a", "2", 5);
    store.set("__proto__", "own", 5);
    expect(store.get("a")).toBe("2");
    expect(store.get("__proto__")).toBe("own");
    expect(store.get("constructor")).toBeUndefined();
    store.delete("a");
    store.delete("a");
    expect(store.get("a")).toBeUndefined();
  });

  test("keeps the empty key and the empty value", () => {
    const store = createMemoryStore();
    store.set("", "", 5);
    expect(store.get("")).toBe("");
  });

  test("is no longer than 1,000 entries: the least recently used go first", () => {
    const store = createMemoryStore();
    for (let n = 0; n < 1_000; n++) store.set(`${n}`, "v", 5);
    expect(store.get("0")).toBe("v");
    store.set("one more", "v", 5);
    expect(store.get("1")).toBeUndefined();
    expect(store.get("0")).toBe("v");
    expect(store.get("2")).toBe("v");
    expect(store.get("one more")).toBe("v");
  });

  test("holds no more than 32 Mi characters, keys included", () => {
    const store = createMemoryStore();
    // One character: the key.
    const value = "x".repeat(8 * MI - 1);
    for (const key of ["1", "2", "3", "4"]) store.set(key, value, 5);
    for (const key of ["1", "2", "3", "4"]) expect(store.get(key) === value).toBe(true);
    store.set("5", "", 5);
    expect(store.get("1")).toBeUndefined();
    expect(store.get("2") === value).toBe(true);
    expect(store.get("5")).toBe("");
  });

  test("does not keep an entry of more than 8 Mi characters, nor what it would have replaced", () => {
    const store = createMemoryStore();
    store.set("other", "v", 5);
    store.set("k", "old", 5);
    store.set("k", "x".repeat(8 * MI), 5);
    expect(store.get("k")).toBeUndefined();
    expect(store.get("other")).toBe("v");
  });

  test("each is its own", () => {
    const one = createMemoryStore();
    one.set("a", "1", 5);
    expect(createMemoryStore().get("a")).toBeUndefined();
  });
});

test("a Map is a store", () => {
  const store: CacheStore = new Map<string, string>();
  store.set("a", "1", 5);
  expect(store.get("a")).toBe("1");
});
