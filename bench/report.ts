// Samples to medians, ratios and a table. Ratios are taken within a round, so that the machine's mood cancels out.

import type { ContenderName } from "./contenders/index.ts";
import type { Sample } from "./client.ts";

export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** One contender at one number of calls in flight. */
export interface Cell {
  readonly contender: ContenderName;
  readonly callsPerSecond: Spread;
  readonly cpuMicrosPerCall: Spread;
  readonly latencyMicros: Spread | undefined;
  /** Of this contender to each other one. */
  readonly ratios: { readonly [other: string]: Ratios };
}

export interface Ratios {
  readonly callsPerSecond: Spread;
  readonly cpuMicrosPerCall: Spread;
  readonly latencyMicros: Spread | undefined;
}

export interface CaseReport {
  readonly name: string;
  readonly inFlight: number;
  readonly cells: readonly Cell[];
}

/** Samples by contender, one per round. */
export type Samples = ReadonlyMap<ContenderName, readonly Sample[]>;

export function summarise(name: string, inFlight: number, samples: Samples): CaseReport {
  const cells = Array.from(samples, ([contender, own]): Cell => {
    const others = [...samples].filter(([other]) => other !== contender);
    return {
      contender,
      ...spreads(own),
      ratios: Object.fromEntries(
        others.map(([other, theirs]) => [
          other,
          spreads(own.map((sample, round) => ratio(sample, theirs[round]))),
        ]),
      ),
    };
  });
  return { name, inFlight, cells };
}

function ratio(own: Sample, other: Sample | undefined): Sample {
  if (other === undefined) throw new Error("a round without a sample");
  const { latencyMicros } = own;
  return {
    callsPerSecond: own.callsPerSecond / other.callsPerSecond,
    cpuMicrosPerCall: own.cpuMicrosPerCall / other.cpuMicrosPerCall,
    latencyMicros:
      latencyMicros === undefined || other.latencyMicros === undefined
        ? undefined
        : latencyMicros / other.latencyMicros,
  };
}

function spreads(samples: readonly Sample[]): Ratios {
  const latencies = samples.flatMap(({ latencyMicros }) => latencyMicros ?? []);
  return {
    callsPerSecond: spread(samples.map((sample) => sample.callsPerSecond)),
    cpuMicrosPerCall: spread(samples.map((sample) => sample.cpuMicrosPerCall)),
    latencyMicros: latencies.length === 0 ? undefined : spread(latencies),
  };
}

export function spread(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const high = sorted[middle] ?? Number.NaN;
  const low = sorted[sorted.length % 2 === 0 ? middle - 1 : middle] ?? Number.NaN;
  return {
    median: (low + high) / 2,
    min: sorted[0] ?? Number.NaN,
    max: sorted.at(-1) ?? Number.NaN,
  };
}

const COLUMNS = ["", "calls/s", "CPU µs/call", "latency µs", "CPU ÷ floor", "latency ÷ floor"];

export function table({ name, inFlight, cells }: CaseReport): string {
  const rows = cells.map((cell) => {
    const floor = cell.ratios["floor"];
    return [
      cell.contender,
      format(cell.callsPerSecond, 0),
      format(cell.cpuMicrosPerCall, 1),
      format(cell.latencyMicros, 0),
      format(floor?.cpuMicrosPerCall, 2),
      format(floor?.latencyMicros, 2),
    ];
  });
  const pool = cells.find(({ contender }) => contender === "pool");
  const rates = Object.entries(pool?.ratios ?? {}).map(
    ([other, { callsPerSecond }]) => `${format(callsPerSecond, 2)} × ${other}`,
  );
  return [
    `${name}, ${inFlight} in flight`,
    ...align([COLUMNS, ...rows]),
    `  the pool's calls/s: ${rates.join(", ")}`,
    "",
  ].join("\n");
}

function format(value: Spread | undefined, digits: number): string {
  if (value === undefined) return "";
  const [median, min, max] = [value.median, value.min, value.max].map((n) => n.toFixed(digits));
  return `${median} (${min}–${max})`;
}

function align(rows: readonly (readonly string[])[]): string[] {
  const widths = COLUMNS.map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  );
  return rows.map((row) =>
    `  ${row.map((text, column) => (column === 0 ? text.padEnd(widths[0] ?? 0) : text.padStart(widths[column] ?? 0))).join("   ")}`.trimEnd(),
  );
}
