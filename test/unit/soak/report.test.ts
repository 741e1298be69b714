// The soak's report: what it says of repetitions and of memory, and that its lines fit.

import { expect, test } from "vitest";
import type { Violation } from "../../soak/history.ts";
import { promisesOf, reportOf, summarise, verdictOf } from "../../soak/report.ts";
import type { Sample } from "../../soak/resources.ts";
import type { SoakResult } from "../../soak/run.ts";

const CALM: Sample = { atS: 0, heapBytes: 1, descriptors: 30, resources: 4, listeners: 0 };
const OPTIONS = { seed: 7, minutes: 1 };

function resultOf(own: Partial<SoakResult> = {}, samples = 10): SoakResult {
  return {
    folder: "nowhere",
    calls: [],
    totals: { executions: 9, repeated: 3, fates: {}, started: 1 },
    faults: Object.fromEntries(Array.from({ length: 30 }, (_, at) => [`fault-${at}`, at])),
    held: {
      samples: Array.from({ length: samples }, (_, at) => ({ ...CALM, atS: at })),
      before: CALM,
      after: CALM,
      left: { children: [], sockets: {} },
      warnings: [],
    },
    violations: [],
    ...own,
  };
}

test("repetitions are called permitted when they are", () => {
  expect(reportOf(resultOf())).toContain("ran more than once: 3, all permitted: class S, R, or");
  const totals = { executions: 9, repeated: 0, fates: {}, started: 1 };
  expect(reportOf(resultOf({ totals }))).toMatch(/ran more than once: 0$/m);
});

test.each([
  "class U ran at most once",
  'replay: "never" ran at most once',
  "what may be repeated ran three times at most",
  "every execution belongs to a call",
])("and not when they are not: %s", (promise) => {
  const violations: Violation[] = [{ promise, key: "k", what: "ran 4 times" }];
  const text = reportOf(resultOf({ violations }));
  expect(text).toContain("ran more than once: 3, NOT all of them permitted");
  expect(text).not.toContain("all permitted");
});

test("memory of which nothing can be said has no number", () => {
  expect(reportOf(resultOf({}, 2))).toContain("memory: too short to say");
  expect(reportOf(resultOf({}, 2))).not.toContain("Infinity");
  expect(reportOf(resultOf())).toMatch(/memory: 0\.0 ± 0\.0 KB\/min over the last 6 samples/);
});

test("lines have 100 columns at most", () => {
  const violations = [{ promise: "children gone", what: "alive: 123456, ".repeat(20) }];
  const lines = reportOf(resultOf({ violations })).split("\n");
  expect(lines.filter((line) => line.length > 100)).toEqual([]);
});

test("the promises have names, and those that were broken say so", () => {
  const violations = [{ promise: "children gone", what: "alive: 1" }];
  const summary = summarise(OPTIONS, resultOf({ violations }), true);
  const lines = promisesOf(summary).split("\n").slice(1);
  expect(lines).toHaveLength(summary.passed + summary.failed);
  expect(lines.filter((line) => line.includes("BROKEN"))).toEqual(["  BROKEN  children gone"]);
  expect(verdictOf(summary, false)).toBe(
    "seed 7: 20 promises kept, 1 broken (--verbose names them)",
  );
});
