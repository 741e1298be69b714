// Samples to medians, ratios and a table. Ratios are taken within a round, so that the machine's mood cancels out.

import { contender, CONTENDERS, eraOf, kindOf } from "./contenders/index.ts";
import type { ContenderName } from "./contenders/index.ts";
import type { Era } from "./contenders/contender.ts";
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
  /** Headers and body of a call, where the server could see them. */
  readonly bytesPerCall: number | undefined;
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

export function summarise(
  name: string,
  inFlight: number,
  samples: Samples,
  bytes: ReadonlyMap<ContenderName, number>,
): CaseReport {
  const cells = Array.from(samples, ([who, own]): Cell => {
    const others = [...samples].filter(([other]) => other !== who);
    return {
      contender: who,
      ...spreads(own),
      bytesPerCall: bytes.get(who),
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

const COLUMNS = [
  "",
  "calls/s",
  "CPU µs/call",
  "latency µs",
  "bytes sent",
  "CPU ÷ floor",
  "latency ÷ floor",
];

/** The floor that a contender is compared to is that of its own era. */
export function table({ name, inFlight, cells }: CaseReport): string {
  const rows = cells.map((cell) => {
    const floor = cell.ratios[contender("floor", eraOf(cell.contender))];
    return [
      cell.contender,
      format(cell.callsPerSecond, 0),
      format(cell.cpuMicrosPerCall, 1),
      format(cell.latencyMicros, 0),
      cell.bytesPerCall?.toString() ?? "",
      format(floor?.cpuMicrosPerCall, 2),
      format(floor?.latencyMicros, 2),
    ];
  });
  return [
    `${name}, ${inFlight} in flight`,
    ...align([COLUMNS, ...rows]),
    ...rates(cells, "session"),
    ...rates(cells, "stateless"),
    ...betweenEras(cells, "CPU per call", "cpuMicrosPerCall"),
    ...betweenEras(cells, "calls/s", "callsPerSecond"),
    "",
  ].join("\n");
}

/** The pool's speed by that of the others of its era. */
function rates(cells: readonly Cell[], era: Era): string[] {
  const pool = cells.find((cell) => cell.contender === contender("pool", era));
  const others = cells.filter((cell) => eraOf(cell.contender) === era && cell !== pool);
  if (pool === undefined || others.length === 0) return [];
  const parts = others.map(
    (other) =>
      `${format(pool.ratios[other.contender]?.callsPerSecond, 2)} × ${kindOf(other.contender)}`,
  );
  return [`  the pool's calls/s, ${era} era: ${parts.join(", ")}`];
}

/** What the stateless era costs whom: the floor's is the share of the protocol itself. */
function betweenEras(cells: readonly Cell[], title: string, what: keyof Ratios): string[] {
  const parts = CONTENDERS.session.flatMap((name) => {
    const stateless = contender(kindOf(name), "stateless");
    const cell = cells.find((one) => one.contender === stateless);
    const measured = cell?.ratios[name]?.[what];
    return measured === undefined ? [] : [`${name} ${format(measured, 2)}`];
  });
  return parts.length === 0 ? [] : [`  stateless ÷ session, ${title}: ${parts.join(", ")}`];
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
