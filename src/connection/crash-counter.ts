// The crash-loop rule: a child process that dies again and again is given up.

import type { Clock } from "../core/clock.ts";
import type { ReconnectOptions } from "./config-types.ts";

export class CrashCounter {
  readonly #limit: number;
  readonly #windowMs: number;
  readonly #clock: Clock;
  #times: number[] = [];
  #total = 0;

  constructor(options: Pick<ReconnectOptions, "crashLimit" | "crashWindowMs">, clock: Clock) {
    this.#limit = options.crashLimit;
    this.#windowMs = options.crashWindowMs;
    this.#clock = clock;
  }

  /** Crashes in all. */
  get total(): number {
    return this.#total;
  }

  /** Counts `count` at once; true if that was one too many within the window. */
  add(count = 1): boolean {
    const now = this.#clock.now();
    this.#total += count;
    this.#times = this.#times.filter((time) => now - time < this.#windowMs);
    for (let one = 0; one < count; one++) this.#times.push(now);
    return this.#times.length >= this.#limit;
  }

  /** Somebody decided to try again: the past does not count. */
  forgive(): void {
    this.#times = [];
  }
}
