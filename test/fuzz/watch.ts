// Stalls of the event loop and the memory of the process, measured while a family runs.

import { setImmediate as turn } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { NOTABLE_STALL_MS } from "./messages.ts";

const TICK_MS = 10;
const MB = 1024 * 1024;

export class Watch {
  worstStallMs = 0;
  stallCount = 0;
  peakBytes: number;
  readonly startBytes: number;
  readonly #onStall: (ms: number) => void;
  readonly #timer: NodeJS.Timeout;
  #lastAt = performance.now();
  #lastCpu = process.cpuUsage();
  #ownMs = 0;

  constructor(onStall: (ms: number) => void) {
    this.#onStall = onStall;
    this.startBytes = this.peakBytes = process.memoryUsage.rss();
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
  }

  /** Work of the test itself is no stall. */
  own<T>(work: () => T): T {
    const startedAt = performance.now();
    try {
      return work();
    } finally {
      this.#ownMs += performance.now() - startedAt;
    }
  }

  get residentMb(): number {
    return Math.round((this.peakBytes - this.startBytes) / MB);
  }

  stop(): void {
    this.#tick();
    clearInterval(this.#timer);
  }

  #tick(): void {
    const now = performance.now();
    const cpu = process.cpuUsage(this.#lastCpu);
    // A process that is not let in by the others stands still too; what it used meanwhile is its own part.
    const stoodMs = now - this.#lastAt - TICK_MS - this.#ownMs;
    const busyMs = (cpu.user + cpu.system) / 1_000 - this.#ownMs;
    const stallMs = Math.round(Math.min(stoodMs, busyMs));
    this.#lastAt = now;
    this.#lastCpu = process.cpuUsage();
    this.#ownMs = 0;
    this.peakBytes = Math.max(this.peakBytes, process.memoryUsage.rss());
    if (stallMs < NOTABLE_STALL_MS) return;
    this.stallCount += 1;
    this.worstStallMs = Math.max(this.worstStallMs, stallMs);
    this.#onStall(stallMs);
  }
}

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

/** Heap and buffers after a collection, MB. */
export async function heapMb(watch: Watch): Promise<number> {
  // Finalizers run after a collection, and free things for the next one.
  for (let pass = 0; pass < 3; pass++) {
    watch.own(collect);
    await turn();
  }
  const { heapUsed, external } = process.memoryUsage();
  return (heapUsed + external) / MB;
}
