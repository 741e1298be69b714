// What was measured against its limits: one check for each that can be told apart.

import type { Counts } from "./counting.ts";
import type { InFlight } from "./guard.child.ts";
import {
  bytesLimit,
  countLimits,
  CPU_LIMIT,
  OUTSIDE_LIMIT,
  RATE_LIMIT,
  SOCKETS_LIMIT,
} from "./limits.ts";
import type { CaseName } from "./limits.ts";
import type { Extra, Times } from "./measure.ts";

export interface Check {
  /** What must hold. */
  readonly what: string;
  readonly measured: number;
  readonly limit: number;
  readonly holds: boolean;
}

const IN_FLIGHT: readonly InFlight[] = [1, 32];

const NAMES: { readonly [kind in keyof Counts]: string } = {
  promises: "promises",
  timers: "timers",
  immediates: "immediates",
  ticks: "ticks",
  others: "other resources",
  abortControllers: "AbortControllers",
  abortListeners: "listeners on signals",
  parses: "uses of JSON.parse",
  stringifies: "uses of JSON.stringify",
  clones: "uses of structuredClone",
  urls: "URLs",
};

export function checksOf(name: CaseName, extra: Extra): Check[] {
  const kinds = Object.keys(NAMES) as (keyof Counts)[];
  return IN_FLIGHT.flatMap((inFlight) => {
    const { heapBytes, outsideBytes, counts } = extra[inFlight];
    const limits = countLimits(name, inFlight);
    const at = `${name}, ${inFlight} in flight`;
    const more = "per call more than the floor's";
    return [
      atMost(`${at}: bytes ${more}`, heapBytes, bytesLimit(name, inFlight)),
      atMost(`${at}: bytes outside of the heap ${more}`, outsideBytes, OUTSIDE_LIMIT),
      ...kinds.map((kind) => atMost(`${at}: ${NAMES[kind]} ${more}`, counts[kind], limits[kind])),
      ...(inFlight === 1
        ? [atMost(`${at}: sockets opened by 1,000 calls`, extra[1].sockets, SOCKETS_LIMIT)]
        : []),
    ];
  });
}

export function checksOfTimes({ cpu, rate }: Times): Check[] {
  const at = "http-json, 32 in flight";
  return [
    atMost(`${at}: CPU per call ÷ the floor's`, cpu, CPU_LIMIT),
    {
      what: `${at}: calls/s ÷ sdk-v2's, at least`,
      measured: rate,
      limit: RATE_LIMIT,
      holds: rate >= RATE_LIMIT,
    },
  ];
}

function atMost(what: string, measured: number, limit: number): Check {
  return { what: `${what}, at most`, measured, limit, holds: measured <= limit };
}
