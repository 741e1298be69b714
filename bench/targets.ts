// What the pool is meant to reach, in ratios: no number here depends on the machine.

import type { CaseReport, Ratios, Spread } from "./report.ts";

interface Target {
  readonly name: string;
  readonly inFlight: readonly number[];
  readonly against: string;
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
];

const WORDS: { readonly [what in keyof Ratios]: string } = {
  callsPerSecond: "calls/s",
  cpuMicrosPerCall: "CPU per call",
  latencyMicros: "latency",
};

/** One line for each target that this case can be judged by. */
export function verdicts(report: CaseReport): string[] {
  const pool = report.cells.find(({ contender }) => contender === "pool");
  return TARGETS.flatMap(({ name, inFlight, against, what, limit, value }) => {
    const measured: Spread | undefined = pool?.ratios[against]?.[what];
    if (name !== report.name || !inFlight.includes(report.inFlight)) return [];
    if (measured === undefined) return [];
    const { median } = measured;
    const isMet = limit === "at most" ? median <= value : median >= value;
    const target = `${name} at ${report.inFlight}: ${WORDS[what]} ${limit} ${value} × ${against}`;
    return `${isMet ? "met    " : "not met"}  ${target}, is ${median.toFixed(2)}`;
  });
}

function cpu(name: string, inFlight: number[], value: number): Target {
  return { name, inFlight, against: "floor", what: "cpuMicrosPerCall", limit: "at most", value };
}

function rate(name: string, inFlight: number[], against: string, value: number): Target {
  return { name, inFlight, against, what: "callsPerSecond", limit: "at least", value };
}
