// Which charts a study has, and what is in each.

import type { Metric, Row, Spread, Written } from "../study.ts";

export interface Chart {
  /** Without a folder. */
  readonly file: string;
  /** What was measured, of whom, in words. */
  readonly context: string;
  readonly metric: Metric;
  readonly groups: readonly Group[];
  /** The bars of all groups are of one scale. */
  readonly isOneScale: boolean;
}

/** Bars under a heading. */
export interface Group {
  readonly heading: string;
  readonly bars: readonly Bar[];
}

export interface Bar {
  readonly name: string;
  readonly role: Role;
  readonly value: Spread;
  /** To the pool of the same era. */
  readonly ratio: Spread | undefined;
}

/** What a colour stands for. */
export type Role = "pool" | "pool-stateless" | "floor" | "other";

/** The metrics that matter; in all other studies the first two. */
const CHARTS: { readonly [study: string]: readonly string[] } = {
  "http-json": ["CPU per call", "latency"],
  "http-sse": ["CPU per call", "latency"],
  stdio: ["calls/s", "CPU per call"],
  "http-sdk": ["CPU per call"],
  peers: ["CPU per call", "latency"],
  payloads: ["MB/s", "CPU per MB"],
  fleet: ["time", "heap per server"],
  catalogue: ["change seen", "CPU per call"],
  spawning: ["time"],
  recovery: ["first answer"],
  importing: ["time", "heap"],
  endurance: [],
  footprint: ["size", "packages"],
};

/** Groups whose longest bars are further apart than that get a scale each. */
const ONE_SCALE = 5;

export function chartsOf({ study, title, findings }: Written): Chart[] {
  const { metrics, rows } = findings;
  return chartedMetrics(study, metrics).flatMap((metric) => {
    const groups = groupsOf(metric, rows);
    const longest = groups.map(({ bars }) => Math.max(...bars.map(({ value }) => value.max)));
    // One bar alone shows nothing, and neither does none that has a length.
    if (groups.every(({ bars }) => bars.length < 2) || Math.max(...longest) <= 0) return [];
    return {
      file: `${study}-${fileName(metric.name)}.svg`,
      context: title,
      metric,
      groups,
      isOneScale: Math.max(...longest) <= ONE_SCALE * Math.min(...longest),
    };
  });
}

/** @throws {Error} if the table above names a metric that the study does not have */
export function chartedMetrics(study: string, metrics: readonly Metric[]): Metric[] {
  const names = CHARTS[study];
  if (names === undefined) return metrics.slice(0, 2);
  return names.map((name) => {
    const metric = metrics.find((one) => one.name === name);
    if (metric === undefined) throw new Error(`${study} has no metric "${name}" for a chart`);
    return metric;
  });
}

/** A group for each point with its contenders, the best first; or one group of points, where nobody is compared. */
function groupsOf(metric: Metric, rows: readonly Row[]): Group[] {
  const own = rows.filter(({ values }) => values[metric.name] !== undefined);
  const points = [...new Set(own.map(({ point }) => point))];
  const contenders = [...new Set(own.map(({ contender }) => contender))];
  const hasPool = rows.some(({ contender }) => isPool(contender));
  const bar = (row: Row, name: string): Bar[] => {
    const value = row.values[metric.name];
    if (value === undefined) return [];
    // Where nobody is called the pool, all that is measured are pools.
    const role = hasPool ? roleOf(row.contender) : "pool";
    return [{ name, role, value, ratio: toPool(row, metric.name) }];
  };
  const [only, second] = contenders;
  if (only !== undefined && second === undefined && points.length > 1) {
    return [{ heading: only, bars: own.flatMap((row) => bar(row, row.point)) }];
  }
  const sign = metric.better === "less" ? 1 : -1;
  return points.map((point) => ({
    heading: point,
    bars: own
      .filter((row) => row.point === point)
      .flatMap((row) => bar(row, row.contender))
      .toSorted((a, b) => sign * (a.value.median - b.value.median)),
  }));
}

function roleOf(contender: string): Role {
  if (isPool(contender)) return contender.startsWith("pool-stateless") ? "pool-stateless" : "pool";
  return contender.startsWith("floor") ? "floor" : "other";
}

/** In either era, on whichever Node. */
export function isPool(contender: string): boolean {
  return /^pool(?:-stateless)?(?: \(Node \d+\))?$/.test(contender);
}

/** What a contender is compared to is of its own era, on its own Node. */
export function toPool({ contender, ratios }: Row, metric: string): Spread | undefined {
  const [suffix = ""] = /(?:-stateless)?(?: \(Node \d+\))?$/.exec(contender) ?? [];
  return ratios[`pool${suffix}`]?.[metric];
}

function fileName(text: string): string {
  return text
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-|-$/g, "");
}
