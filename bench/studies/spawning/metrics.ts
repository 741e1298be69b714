// What is measured of a start, and what it is meant to reach.

import { judge, judgeNever } from "../../study.ts";
import type { Metric, Row, Verdict } from "../../study.ts";

export const TIME = "time";
export const CPU = "CPU";
export const BOOTING = "booting at once";
export const STARTED = "processes";
export const LEFT = "left behind";

export const METRICS: readonly Metric[] = [
  { name: TIME, unit: "ms", better: "less", digits: 0 },
  { name: CPU, unit: "ms", better: "less", digits: 0 },
  { name: BOOTING, unit: "", better: "less", digits: 0 },
  { name: STARTED, unit: "", better: "less", digits: 0 },
  { name: LEFT, unit: "", better: "less", digits: 0 },
];

export function verdictsOf(point: string, rows: readonly Row[]): Verdict[] {
  const pool = { point, of: "pool", limit: "at most" } as const;
  const time = judge([{ ...pool, metric: TIME, against: "floor", value: 1.1 }], rows);
  const left = judgeNever([{ point, of: "pool", metric: LEFT }], rows);
  return [...time, ...left];
}
