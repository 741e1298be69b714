import { describe, expect, test } from "vitest";
import { jsonTextOf } from "../../../../src/core/json-schema/json-text.ts";

const large = Array.from({ length: 30_000 }, (_, index) => ({ index, text: `item "${index}"` }));

describe("the same as JSON.stringify", () => {
  test.each<[string, unknown]>([
    ["nothing", null],
    ["a text", 'a"\u2028\n'],
    ["a small object", { a: [1, { b: null }], __proto__: 5 }],
    ["fields that are undefined", { a: undefined, b: [undefined] }],
    ["a large list", large],
    ["a list of numbers", large.map(({ index }) => index)],
    ["an empty list beside a large one", { a: [], b: {}, large }],
    ["a large object", Object.fromEntries(large.map((item) => [`"${item.index}`, item]))],
    ["large lists within each other", { a: { b: [large, { c: large, d: undefined }] } }],
    ["an own __proto__", JSON.parse(`{"__proto__":${JSON.stringify(large)}}`) as unknown],
  ])("%s", async (_, value) => {
    expect((await jsonTextOf(value, 1e9)) === JSON.stringify(value)).toBe(true);
  });
});

test("it is given up at its limit", async () => {
  const { length } = JSON.stringify(large);
  const lengthWithin = async (limit: number): Promise<number | undefined> =>
    (await jsonTextOf(large, limit))?.length;
  expect(await lengthWithin(length)).toBe(length);
  expect(await lengthWithin(length - 1)).toBeUndefined();
});

test("a value in a circle is none", async () => {
  const circle: unknown[] = [];
  circle.push(circle);
  expect(await jsonTextOf(circle, 1e9)).toBeUndefined();
});

test("the event loop goes on meanwhile", async () => {
  let turns = 0;
  const beat = setInterval(() => turns++, 1);
  await jsonTextOf([large, large, large, large], 1e9);
  clearInterval(beat);
  expect(turns).toBeGreaterThan(2);
});
