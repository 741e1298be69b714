import { describe, expect, test } from "vitest";
import { BoundedMap } from "../../../src/core/bounded-map.ts";
import { isSameJson, weigh } from "../../../src/core/json-walk.ts";

function nested(depth: number): object {
  let value: object = {};
  for (let level = 0; level < depth; level++) value = { a: value };
  return value;
}

describe("weight", () => {
  test("grows with all that takes memory", () => {
    expect(weigh("x".repeat(1_000))).toBeGreaterThan(1_000);
    expect(weigh({ a: "x".repeat(1_000) })).toBeGreaterThan(1_000);
    expect(weigh({ ["k".repeat(1_000)]: 1 })).toBeGreaterThan(1_000);
    expect(weigh(Array.from({ length: 1_000 }, () => ({})))).toBeGreaterThan(30_000);
    expect(weigh(nested(100_000))).toBeGreaterThan(3_000_000);
  });

  test("is found no further than asked", () => {
    expect(weigh(nested(100_000), 1_000)).toBeLessThan(2_000);
    expect(
      weigh(
        Array.from({ length: 100_000 }, () => "x"),
        1_000,
      ),
    ).toBeLessThan(2_000);
  });
});

describe("the same JSON", () => {
  test.each<[unknown, unknown]>([
    [1, 1],
    [null, null],
    [{}, {}],
    [{ a: [1, { b: "x" }] }, { a: [1, { b: "x" }] }],
    [nested(50_000), nested(50_000)],
  ])("is the same", (a, b) => {
    expect(isSameJson(a, b)).toBe(true);
  });

  test.each<[unknown, unknown]>([
    [1, "1"],
    [null, {}],
    [{}, []],
    [[], {}],
    [{ a: 1 }, { b: 1 }],
    [
      { a: 1, b: 2 },
      { b: 2, a: 1 },
    ],
    [{ a: null }, { a: {} }],
    [{ a: [1, 2] }, { a: [1, 2, 3] }],
    [{ a: { toString: 1 } }, { a: {} }],
  ])("%j and %j are not", (a, b) => {
    expect(isSameJson(a, b)).toBe(false);
    expect(isSameJson(b, a)).toBe(false);
  });
});

describe("a bounded map", () => {
  test("forgets what was set longest ago", () => {
    const map = new BoundedMap<number>(2, 1_000);
    map.set("a", 1, 1);
    map.set("b", 2, 1);
    map.set("a", 3, 1);
    map.set("c", 4, 1);
    expect(["a", "b", "c"].map((key) => map.get(key))).toEqual([3, undefined, 4]);
    expect(map.count).toBe(2);
  });

  test("counts keys and values, and keeps nothing that is larger than all of it", () => {
    const map = new BoundedMap<number>(100, 20);
    map.set("aaaaa", 1, 5);
    map.set("bbbbb", 2, 5);
    expect(map.count).toBe(2);
    map.set("c", 3, 5);
    expect([map.has("aaaaa"), map.has("bbbbb"), map.has("c")]).toEqual([false, true, true]);
    map.set("huge", 4, 100);
    expect([map.has("huge"), map.has("bbbbb"), map.has("c")]).toEqual([false, true, true]);
    map.delete("bbbbb");
    map.delete("nothing");
    map.set("aaaaa", 1, 5);
    expect(map.count).toBe(2);
  });
});
