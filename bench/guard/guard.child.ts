// The process of one contender: what its calls allocate, and what they leave to the runtime. Its young generation holds
// a whole window of calls: nothing is collected between two looks at the heap, and what is used more was allocated.

import { setImmediate as turn } from "node:timers/promises";
import { GCProfiler, getHeapSpaceStatistics } from "node:v8";
import { connect } from "../contenders/index.ts";
import type { ContenderName } from "../contenders/index.ts";
import type { Client, Target } from "../contenders/contender.ts";
import { spread } from "../study.ts";
import { counting, leastPerCall } from "./counting.ts";
import type { Counted, Counts } from "./counting.ts";

export interface Setup {
  readonly contender: ContenderName;
  readonly target: Target;
  readonly build: string;
}

export type InFlight = 1 | 32;

/** Per call. */
export interface Figures {
  readonly heapBytes: number;
  /** In buffers. */
  readonly outsideBytes: number;
  readonly counts: Counts;
  /** Opened by all calls that were counted: 1,000. */
  readonly sockets: number;
}

export type Reply = {
  readonly text: string;
  readonly figures: { readonly [inFlight in InFlight]: Figures };
};

/** For the compiler, before anything is measured: of many in flight, of one at a time. */
const WARM_UP_CALLS: { readonly [inFlight in InFlight]: number } = { 32: 5_000, 1: 2_000 };
/** In a window of allocations: 10 to 17 KB each. */
const CALLS = 500;
/** Of each kind, by turns. With Node 24 the compiler takes its last step after some 11,000 calls. */
const WINDOWS = 8;
/** In which nothing was collected. */
const LEAST_WINDOWS = 4;
/** In a window of counts. */
const COUNTED_CALLS = 500;
const COUNTED_WINDOWS = 2;

type Allocated = Pick<Figures, "heapBytes" | "outsideBytes">;

async function main({ contender, target, build }: Setup): Promise<void> {
  const client = await connect(contender, target, build);
  const text = await client.call();
  await load(client, WARM_UP_CALLS[32], 32);
  await load(client, WARM_UP_CALLS[1], 1);
  const windows: { readonly [inFlight in InFlight]: Allocated[] } = { 1: [], 32: [] };
  for (let window = 0; window < WINDOWS; window++) {
    windows[32].push(...(await allocatedInWindow(client, 32)));
    windows[1].push(...(await allocatedInWindow(client, 1)));
  }
  const reply: Reply = {
    text,
    figures: {
      1: { ...leastOf(windows[1]), ...(await countedOf(client, 1)) },
      32: { ...leastOf(windows[32]), ...(await countedOf(client, 32)) },
    },
  };
  await client.close();
  process.send?.(reply, () => process.disconnect());
}

/** Nothing if garbage was collected meanwhile. */
async function allocatedInWindow(client: Client, inFlight: InFlight): Promise<Allocated[]> {
  globalThis.gc?.();
  // Ends what the first one left to other threads: freeing buffers.
  globalThis.gc?.();
  await turn();
  const profiler = new GCProfiler();
  profiler.start();
  const outsideBefore = process.memoryUsage().external;
  const heapBefore = youngBytes();
  await load(client, CALLS, inFlight);
  const heapBytes = (youngBytes() - heapBefore) / CALLS;
  const outsideBytes = (process.memoryUsage().external - outsideBefore) / CALLS;
  const { statistics } = profiler.stop();
  return statistics.length > 0 ? [] : [{ heapBytes, outsideBytes }];
}

function leastOf(windows: readonly Allocated[]): Allocated {
  if (windows.length < LEAST_WINDOWS) throw new Error("garbage was collected in the windows");
  return {
    // Code that is not yet compiled allocates more, and nothing allocates less.
    heapBytes: Math.min(...windows.map(({ heapBytes }) => heapBytes)),
    // Buffers of the reader come and go, and one that went before may be taken off later.
    outsideBytes: spread(windows.map(({ outsideBytes }) => outsideBytes)).median,
  };
}

/** Where whatever a call allocates begins; the compiler's own is elsewhere. */
function youngBytes(): number {
  return getHeapSpaceStatistics()
    .filter(({ space_name: name }) => name === "new_space" || name === "new_large_object_space")
    .reduce((sum, { space_used_size: bytes }) => sum + bytes, 0);
}

async function countedOf(
  client: Client,
  inFlight: InFlight,
): Promise<Pick<Figures, "counts" | "sockets">> {
  const windows: Counted[] = [];
  for (let window = 0; window < COUNTED_WINDOWS; window++) {
    windows.push(await counting(() => load(client, COUNTED_CALLS, inFlight)));
  }
  return {
    counts: leastPerCall(
      windows.map(({ counts }) => counts),
      COUNTED_CALLS,
    ),
    sockets: windows.reduce((sum, { sockets }) => sum + sockets, 0),
  };
}

async function load(client: Client, calls: number, inFlight: number): Promise<void> {
  let left = calls;
  const lane = async (): Promise<void> => {
    while (left-- > 0) await client.call();
  };
  await Promise.all(Array.from({ length: inFlight }, lane));
}

// Whatever happens to the parent, this process ends.
process.on("disconnect", () => process.exit());
main(JSON.parse(process.argv[2] ?? "{}") as Setup).catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});
