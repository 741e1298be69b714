// What the catalogue is meant to reach, however many tools it has.

import { judge } from "../../study.ts";
import type { Row, Verdict } from "../../study.ts";

export const CHANGE = "change seen";
export const READ = "read again";
export const CPU = "CPU per call";
export const HEAP = "heap per tool";

export const POINTS = {
  change: "one server changes",
  rest: "at rest",
  callsOfOne: (inFlight: number): string => `calls to one server, ${inFlight} in flight`,
  callsOfAll: (inFlight: number): string => `calls to all servers, ${inFlight} in flight`,
} as const;

/** A pool's name is the number of its tools. */
export function floorOf(name: string): string {
  return `floor, ${name}`;
}

export function verdictsOf(
  rows: readonly Row[],
  [few, many]: readonly [string, string],
  inFlight: number,
): Verdict[] {
  // Whether it depends on the size of the catalogue; calls to all servers touch the memory of all of them, too.
  const point = POINTS.callsOfOne(inFlight);
  // What of the difference is the memory's: the floor has it, too.
  const floor = rows.find((row) => row.point === point && row.contender === floorOf(many));
  const own = floor?.ratios[floorOf(few)]?.[CPU]?.median;
  const routing = judge(
    [{ point, of: many, against: few, metric: CPU, limit: "at most", value: 1.2 }],
    rows,
  ).map((verdict) =>
    own === undefined ? verdict : { ...verdict, note: `floor's own: ${own.toFixed(2)}` },
  );
  const change = judge(
    [{ point: POINTS.change, of: many, metric: CHANGE, limit: "at most", value: 5 }],
    rows,
  );
  return [...change, ...routing];
}
