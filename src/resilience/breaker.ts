// A circuit breaker: after failures in a row nothing is sent until something shows that the other side is back.
// It counts and remembers; its owner looks for the other side, and says when it was found.

import type { Clock } from "../core/clock.ts";

export interface BreakerOptions {
  /** So many in a row open it. */
  readonly failures: number;
  /** Longest pause between two looks, milliseconds, the first time; the n-th time in a row n times as long. */
  readonly openMs: number;
  /** Longest of these, milliseconds. */
  readonly maxOpenMs: number;
}

type State =
  /** `times`: openings since a call was last answered. */
  | { readonly name: "closed"; readonly failures: number; readonly times: number }
  | { readonly name: "open"; readonly times: number };

export type CircuitState = "closed" | "open" | "half-open";

const CLOSED: State = { name: "closed", failures: 0, times: 0 };

export class Breaker {
  readonly #options: BreakerOptions;
  readonly #clock: Clock;
  #state: State = CLOSED;
  #lastFailureAt = -Infinity;

  constructor(options: BreakerOptions, clock: Clock) {
    this.#options = options;
    this.#clock = clock;
  }

  get isClosed(): boolean {
    return this.#state.name === "closed";
  }

  /** Longest pause until the other side is looked for, milliseconds; 0 while closed. */
  get longestPauseMs(): number {
    const { openMs, maxOpenMs } = this.#options;
    const state = this.#state;
    return state.name === "closed" ? 0 : Math.min(openMs * state.times, maxOpenMs);
  }

  /** A call was answered, whatever the answer said. Returns true if that closed it. Hot path. */
  onAnswer(): boolean {
    const state = this.#state;
    if (state === CLOSED) return false;
    this.#state = CLOSED;
    return state.name === "open";
  }

  /** The other side was found. That counts for less than an answered call: see `times`. Returns true if it was open. */
  close(): boolean {
    const { name, times } = this.#state;
    if (name === "closed") return false;
    this.#state = { name: "closed", failures: 0, times };
    return true;
  }

  /**
   * A call that began at `startedAt` failed. Calls that were under way together when something broke are one failure, not
   * many. Returns true if that opened it.
   */
  onFailure(startedAt: number): boolean {
    const state = this.#state;
    if (state.name === "open" || startedAt < this.#lastFailureAt) return false;
    this.#lastFailureAt = this.#clock.now();
    const failures = state.failures + 1;
    const { times } = state;
    if (failures < this.#options.failures) {
      this.#state = { name: "closed", failures, times };
      return false;
    }
    this.#state = { name: "open", times: times + 1 };
    return true;
  }
}
