// What is measured of a recovery, and what it is meant to reach.

import { judge, judgeNever } from "../../study.ts";
import type { Metric, Row, Verdict } from "../../study.ts";

export const FIRST = "first answer";
export const ALL = "all answered";
export const FAILED = "calls failed";
export const TWICE = "ran twice";
export const CPU = "CPU meanwhile";

export const METRICS: readonly Metric[] = [
  { name: FIRST, unit: "ms", better: "less", digits: 0 },
  { name: ALL, unit: "ms", better: "less", digits: 0 },
  { name: FAILED, unit: "", better: "less", digits: 0 },
  { name: TWICE, unit: "", better: "less", digits: 0 },
  { name: CPU, unit: "ms", better: "less", digits: 0 },
];

export function verdictsOf(points: readonly string[], rows: readonly Row[]): Verdict[] {
  return points.flatMap((point) => {
    const pool = { point, of: "pool", limit: "at most" } as const;
    const first = judge([{ ...pool, metric: FIRST, value: 150 }], rows);
    const twice = judgeNever([{ point, of: "pool", metric: TWICE }], rows);
    return [...first, ...twice];
  });
}
