// What calls are meant to reach.

import type { ContenderName } from "../../contenders/index.ts";
import { judge } from "../../study.ts";
import type { Metric, Row, Target, Verdict } from "../../study.ts";
import { pointOf } from "./cases.ts";

export const CALLS_PER_SECOND = "calls/s";
export const CPU = "CPU per call";
export const LATENCY = "latency";
export const BYTES = "request";

export const METRICS: readonly Metric[] = [
  { name: CALLS_PER_SECOND, unit: "", better: "more", digits: 0 },
  { name: CPU, unit: "µs", better: "less", digits: 1 },
  { name: LATENCY, unit: "µs", better: "less", digits: 0 },
  { name: BYTES, unit: "bytes", better: "less", digits: 0 },
];

const TARGETS: { readonly [study: string]: readonly Target[] } = {
  "http-json": [
    ...cpu([32, 256], 1.25),
    ...rate([32, 256], "sdk-v2", 12),
    ...cpu([1], 1.3).map((target): Target => ({ ...target, metric: LATENCY })),
    ...ofStateless([32, 256]),
  ],
  "http-sse": [...cpu([32, 256], 1.3), ...rate([32, 256], "sdk-v2", 15), ...ofStateless([32, 256])],
  // Over a pipe the stateless era has no target: its larger requests cost the floor a quarter more, too.
  stdio: [...rate([64], "floor", 0.6), ...rate([64], "sdk-v2", 3)],
};

export function verdictsOf(study: string, rows: readonly Row[]): Verdict[] {
  return judge(TARGETS[study] ?? [], rows).map((verdict) => {
    const { point, of, metric } = verdict.target;
    if (of !== "pool-stateless") return verdict;
    // What of a difference between the eras is the protocol's: larger requests, for both sides.
    const floor = rows.find((row) => row.point === point && row.contender === "floor-stateless");
    const own = floor?.ratios["floor"]?.[metric]?.median;
    return own === undefined ? verdict : { ...verdict, note: `floor's own: ${own.toFixed(2)}` };
  });
}

function cpu(inFlight: readonly number[], value: number): Target[] {
  return inFlight.map((count) => {
    const [of, against] = ["pool", "floor"] as const;
    return { point: pointOf(count), of, against, metric: CPU, limit: "at most", value };
  });
}

function rate(inFlight: readonly number[], against: ContenderName, value: number): Target[] {
  return inFlight.map((count) => {
    const of = "pool";
    return {
      point: pointOf(count),
      of,
      against,
      metric: CALLS_PER_SECOND,
      limit: "at least",
      value,
    };
  });
}

/** The stateless era within a tenth of the session era. */
function ofStateless(inFlight: readonly number[]): Target[] {
  return inFlight.flatMap((count): Target[] => {
    const both = { point: pointOf(count), of: "pool-stateless", against: "pool" } as const;
    return [
      { ...both, metric: CPU, limit: "at most", value: 1.1 },
      { ...both, metric: CALLS_PER_SECOND, limit: "at least", value: 0.9 },
    ];
  });
}
