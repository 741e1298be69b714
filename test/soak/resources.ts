// What the process under test holds, seen in the calm between rounds, and whether that grows.

import { readdirSync } from "node:fs";
import { setImmediate as turn } from "node:timers/promises";
import { getHeapCodeStatistics, setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { Violation } from "./history.ts";

export interface Sample {
  /** Seconds since the first. */
  readonly atS: number;
  /** Heap and what it holds outside, after a collection, without compiled code, bytes. */
  readonly heapBytes: number;
  readonly descriptors: number;
  /** Timers, sockets, pipes: whatever keeps the event loop busy. */
  readonly resources: number;
  /** Left on the signal that the calls share. */
  readonly listeners: number;
}

export interface Leftovers {
  readonly children: readonly number[];
  /** By server. */
  readonly sockets: Readonly<Record<string, number>>;
}

export interface Held {
  readonly samples: readonly Sample[];
  /** Before the pool was made, and after it was closed. */
  readonly before: Sample;
  readonly after: Sample;
  readonly left: Leftovers;
  /** Warnings of Node itself: a MaxListenersExceededWarning, for one. */
  readonly warnings: readonly string[];
}

export const HOLDINGS = [
  "memory slope",
  "descriptors flat",
  "descriptors given back",
  "timers and handles given back",
  "no listener left on a caller's signal",
  "children gone",
  "sockets gone",
  "no warning of Node",
] as const;

/** Growth that is measured as none. */
const MAX_SLOPE_KB_PER_MINUTE = 64;
/** In its first minutes a process compiles its code and fills its caches and pools: once, whatever it does later. */
const WARM_UP = { seconds: 180, kilobytes: 1_024, descriptors: 64 };
/** A slope is believed when it is this many of its own standard errors. */
const SURE = 3;
const MAX_DESCRIPTORS_PER_MINUTE = 3;
/** Growth is read from the samples after the first of them. */
const SKIPPED_SHARE = 0.4;

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

export async function takeSample(startedAt: number, listeners: number): Promise<Sample> {
  // What finalizers free is free only after the next collection.
  for (let round = 0; round < 3; round++) {
    collect();
    await turn();
  }
  const { heapUsed, external } = process.memoryUsage();
  // V8 optimises for many minutes what runs often: code is most of what grows then, and no leak.
  const code = getHeapCodeStatistics();
  const codeBytes = code.code_and_metadata_size + code.bytecode_and_metadata_size;
  return {
    atS: (performance.now() - startedAt) / 1_000,
    heapBytes: heapUsed + external - codeBytes,
    descriptors: countDescriptors(),
    resources: process.getActiveResourcesInfo().length,
    listeners,
  };
}

/** The part of the samples from which growth is read. */
export function latterPart(samples: readonly Sample[]): Sample[] {
  return samples.slice(Math.floor(samples.length * SKIPPED_SHARE));
}

export interface Trend {
  /** Per minute. */
  readonly slope: number;
  /** Standard error of the slope; infinite for less than three samples. */
  readonly error: number;
}

/** Least squares. */
export function trendOf(samples: readonly Sample[], value: (sample: Sample) => number): Trend {
  const points = samples.map((sample) => ({ x: sample.atS / 60, y: value(sample) }));
  const count = points.length;
  if (count < 3) return { slope: 0, error: Infinity };
  const meanX = points.reduce((sum, { x }) => sum + x, 0) / count;
  const meanY = points.reduce((sum, { y }) => sum + y, 0) / count;
  const spread = points.reduce((sum, { x }) => sum + (x - meanX) ** 2, 0);
  const slope = points.reduce((sum, { x, y }) => sum + (x - meanX) * (y - meanY), 0) / spread;
  const rest = points.reduce((sum, { x, y }) => sum + (y - meanY - slope * (x - meanX)) ** 2, 0);
  return { slope, error: Math.sqrt(rest / (count - 2) / spread) };
}

export function checkHeld({ samples, before, after, left, warnings }: Held): Violation[] {
  const violations: Violation[] = [];
  const check = (promise: (typeof HOLDINGS)[number], holds: boolean, what: string): void => {
    if (!holds) violations.push({ promise, what });
  };
  const latter = latterPart(samples);
  const memory = trendOf(latter, ({ heapBytes }) => heapBytes / 1_024);
  const files = trendOf(latter, ({ descriptors }) => descriptors);
  check(
    "memory slope",
    !grows(memory, MAX_SLOPE_KB_PER_MINUTE + warmUp(latter, WARM_UP.kilobytes)),
    `${memory.slope.toFixed(1)} ± ${memory.error.toFixed(1)} KB/min`,
  );
  check(
    "descriptors flat",
    !grows(files, MAX_DESCRIPTORS_PER_MINUTE + warmUp(latter, WARM_UP.descriptors)),
    `${files.slope.toFixed(1)} ± ${files.error.toFixed(1)} per minute`,
  );
  check(
    "descriptors given back",
    after.descriptors <= before.descriptors,
    `${before.descriptors} before the pool, ${after.descriptors} after it was closed`,
  );
  check(
    "timers and handles given back",
    after.resources <= before.resources,
    `${before.resources} before the pool, ${after.resources} after it was closed`,
  );
  const listeners = Math.max(0, ...samples.map((sample) => sample.listeners));
  check("no listener left on a caller's signal", listeners === 0, `${listeners} in the calm`);
  check("children gone", left.children.length === 0, `alive: ${left.children.join(", ")}`);
  const open = Object.entries(left.sockets).filter(([, count]) => count > 0);
  check("sockets gone", open.length === 0, open.map(([name, n]) => `${name}: ${n}`).join(", "));
  check("no warning of Node", warnings.length === 0, warnings.join("; "));
  return violations;
}

/** What grows once within a stretch looks like a slope of up to 1.5 times that over the stretch; per minute. */
function warmUp(samples: readonly Sample[], amount: number): number {
  const first = samples.at(0)?.atS ?? 0;
  const last = samples.at(-1)?.atS ?? 0;
  return first >= WARM_UP.seconds || last === first ? 0 : (1.5 * amount * 60) / (last - first);
}

/** Surely, and by more than is allowed. */
function grows({ slope, error }: Trend, limit: number): boolean {
  return Number.isFinite(error) && slope > limit && slope - SURE * error > 0;
}

function countDescriptors(): number {
  try {
    return readdirSync("/proc/self/fd").length;
  } catch {
    // Elsewhere than on Linux nobody says.
    return 0;
  }
}
