// What the pool is meant to reach, in ratios: no number here depends on the machine.

import { eraOf } from "./contenders/index.ts";
import type { ContenderName } from "./contenders/index.ts";
import type { CaseReport, Ratios, Spread } from "./report.ts";

interface Target {
  readonly name: string;
  readonly inFlight: readonly number[];
  readonly of: ContenderName;
  readonly against: ContenderName;
  readonly what: keyof Ratios;
  readonly limit: "at most" | "at least";
  readonly value: number;
}

const TARGETS: readonly Target[] = [
  cpu("http-json", [32, 256], 1.25),
  rate("http-json", [32, 256], "sdk-v2", 12),
  { ...cpu("http-json", [1], 1.3), what: "latencyMicros" },
  cpu("http-sse", [32, 256], 1.3),
  rate("stdio", [64], "floor", 0.6),
  rate("stdio", [64], "sdk-v2", 3),
  ...ofStateless("http-json", [32, 256]),
  ...ofStateless("http-sse", [32, 256]),
  ...ofStateless("stdio", [64]),
];

const WORDS: { readonly [what in keyof Ratios]: string } = {
  callsPerSecond: "calls/s",
  cpuMicrosPerCall: "CPU per call",
  latencyMicros: "latency",
};

/** One line for each target that this case can be judged by. */
export function verdicts(report: CaseReport): string[] {
  return TARGETS.flatMap(({ name, inFlight, of, against, what, limit, value }) => {
    if (name !== report.name || !inFlight.includes(report.inFlight)) return [];
    const cell = report.cells.find(({ contender }) => contender === of);
    const measured: Spread | undefined = cell?.ratios[against]?.[what];
    if (measured === undefined) return [];
    const { median } = measured;
    const own = eraOf(of) === eraOf(against) ? undefined : floorsOwn(report, what);
    const isMet = limit === "at most" ? median <= value : median >= value;
    const target = `${name} at ${report.inFlight}: ${of}'s ${WORDS[what]} ${limit} ${value} × ${against}`;
    return `${isMet ? "met    " : "not met"}  ${target}, is ${median.toFixed(2)}${own === undefined ? "" : ` (floor's own: ${own.toFixed(2)})`}`;
  });
}

/** What of a difference between the eras is the protocol's: larger requests, for both sides. */
function floorsOwn(report: CaseReport, what: keyof Ratios): number | undefined {
  const floor = report.cells.find(({ contender }) => contender === "floor-stateless");
  return floor?.ratios["floor"]?.[what]?.median;
}

function cpu(name: string, inFlight: number[], value: number): Target {
  const [of, against] = ["pool", "floor"] as const;
  return { name, inFlight, of, against, what: "cpuMicrosPerCall", limit: "at most", value };
}

function rate(name: string, inFlight: number[], against: ContenderName, value: number): Target {
  return { name, inFlight, of: "pool", against, what: "callsPerSecond", limit: "at least", value };
}

/** The stateless era within a tenth of the session era. */
function ofStateless(name: string, inFlight: number[]): Target[] {
  const both = { name, inFlight, of: "pool-stateless", against: "pool" } as const;
  return [
    { ...both, what: "cpuMicrosPerCall", limit: "at most", value: 1.1 },
    { ...both, what: "callsPerSecond", limit: "at least", value: 0.9 },
  ];
}
