// Delays between attempts: exponential with jitter, as a value that counts.

import type { Clock } from "../core/clock.ts";

export interface BackoffOptions {
  /** Milliseconds before the second attempt. */
  readonly initialMs: number;
  /** Each delay is the one before times this. */
  readonly factor: number;
  /** Upper bound of a delay before jitter, milliseconds. */
  readonly maxMs: number;
  /** Share of the delay by which it may be shorter or longer, 0–1. */
  readonly jitter: number;
}

/** Counts attempts and gives the delay before the next one. */
export class Backoff {
  readonly #options: BackoffOptions;
  readonly #clock: Clock;
  #failures = 0;

  constructor(options: BackoffOptions, clock: Clock) {
    this.#options = options;
    this.#clock = clock;
  }

  /** Failures since the last reset. */
  get failures(): number {
    return this.#failures;
  }

  /** Milliseconds to wait after one more failure. */
  next(): number {
    const { initialMs, factor, maxMs, jitter } = this.#options;
    const base = Math.min(maxMs, initialMs * factor ** this.#failures);
    this.#failures += 1;
    return base * (1 + jitter * (this.#clock.random() * 2 - 1));
  }

  reset(): void {
    this.#failures = 0;
  }
}
