// What the benchmark makes of its samples: medians, ratios within a round, verdicts.

import { expect, test } from "vitest";
import { judge, spread, summarise } from "../../bench/study.ts";
import type { Row, Sample, Target } from "../../bench/study.ts";

const one = (median: number) => ({ median, min: median, max: median });

const rowOf = (rows: readonly Row[], contender: string): Row | undefined =>
  rows.find((row) => row.contender === contender);

function summariseTimes(times: { readonly [contender: string]: readonly number[] }): Row[] {
  const samples = Object.entries(times).map(([contender, values]): [string, Sample[]] => [
    contender,
    values.map((time) => ({ time })),
  ]);
  return summarise("p", new Map(samples));
}

test("the median of an odd count is the one in the middle by size, not by text", () => {
  expect(spread([100, 9, 20])).toEqual({ median: 20, min: 9, max: 100 });
});

test("the median of an even count is halfway between the two in the middle", () => {
  expect(spread([4, 1, 100, 2])).toEqual({ median: 3, min: 1, max: 100 });
});

test("a ratio is taken within a round, and then the median of the ratios", () => {
  // The machine is ten times as slow in the second round; by the medians it would be 30 / 10.
  const rows = summariseTimes({ pool: [20, 200, 30], floor: [10, 100, 10] });
  expect(rowOf(rows, "pool")?.ratios["floor"]).toEqual({ time: { median: 2, min: 2, max: 3 } });
  const back = rowOf(rows, "floor")?.ratios["pool"]?.["time"];
  expect(back).toEqual({ median: 0.5, min: 1 / 3, max: 0.5 });
});

test("a contender that lacks a round is refused: the others' rounds would be compared with wrong ones", () => {
  expect(() => summariseTimes({ pool: [1, 2], floor: [1] })).toThrow("p: a round without floor");
});

test("what only one of the two has, or has none of, has no ratio", () => {
  const rows = summarise(
    "p",
    new Map<string, Sample[]>([
      ["pool", [{ time: 2, bytes: 5, timers: 1 }]],
      ["floor", [{ time: 1, timers: 0, sockets: 3 }]],
    ]),
  );
  expect(rowOf(rows, "pool")?.ratios).toEqual({ floor: { time: one(2) } });
  expect(rowOf(rows, "floor")?.ratios).toEqual({ pool: { time: one(0.5), timers: one(0) } });
});

test("a metric that some rounds lack is of the rounds that have it", () => {
  const [row] = summarise("p", new Map([["pool", [{ time: 1 }, {}, { time: 3 }]]]));
  expect(row?.values).toEqual({ time: { median: 2, min: 1, max: 3 } });
});

const target = (change: Partial<Target>): Target => ({
  point: "p",
  of: "pool",
  metric: "time",
  limit: "at most",
  value: 2,
  ...change,
});

test.each([
  ["at most", 2, true],
  ["at most", 1.999, false],
  ["at least", 2, true],
  ["at least", 2.001, false],
] as const)("%s %d is met by 2: %s", (limit, value, isMet) => {
  const rows = summariseTimes({ pool: [20], floor: [10] });
  expect(judge([target({ against: "floor", limit, value })], rows)).toMatchObject([
    { measured: one(2), isMet },
  ]);
  const alone = summariseTimes({ pool: [2] });
  expect(judge([target({ limit, value })], alone)).toMatchObject([{ measured: one(2), isMet }]);
});

test("the median is judged, not the best round or the worst", () => {
  const rows = summariseTimes({ pool: [1, 3, 9] });
  const verdicts = judge([target({ value: 3 }), target({ value: 2 })], rows);
  expect(verdicts.map(({ isMet }) => isMet)).toEqual([true, false]);
});

test("without a point, a contender or a metric there is no verdict", () => {
  const rows = summariseTimes({ pool: [1], floor: [1] });
  const targets = [
    target({ point: "q" }),
    target({ of: "sdk-v2" }),
    target({ metric: "bytes" }),
    target({ against: "sdk-v2" }),
  ];
  expect(judge(targets, rows)).toEqual([]);
});
