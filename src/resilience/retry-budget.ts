// How many retries one server gets: a share of its calls, so that a storm of failures is not doubled by us.
// After Finagle's RetryBudget: https://twitter.github.io/finagle/guide/Glossary.html

import type { Clock } from "../core/clock.ts";

export interface RetryBudgetOptions {
  /** Retries per call, 0–1. */
  readonly share: number;
  /** Retries per second that are free, for servers with few calls. */
  readonly perSecond: number;
}

/** Both are counted over the last so many seconds. */
export const BUDGET_WINDOW_SECONDS = 10;

const SECOND_MS = 1_000;

/** Retries are counted over one second more: a ring of whole seconds covers less than its length. */
const RING_SECONDS = BUDGET_WINDOW_SECONDS + 1;

/** Counts in a ring of seconds. */
export class RetryBudget {
  readonly #options: RetryBudgetOptions;
  readonly #clock: Clock;
  readonly #calls: number[] = zeros();
  readonly #retries: number[] = zeros();
  /** The second that is being counted. */
  #second: number;

  constructor(options: RetryBudgetOptions, clock: Clock) {
    this.#options = options;
    this.#clock = clock;
    this.#second = secondOf(clock.now());
  }

  /** A call begins, at `now` on the clock. Hot path. */
  onCall(now: number): void {
    this.#moveTo(secondOf(now));
    this.#count(this.#calls);
  }

  /** Takes one retry out of the budget, if there is one left. */
  tryTake(): boolean {
    this.#moveTo(secondOf(this.#clock.now()));
    const { share, perSecond } = this.#options;
    const oldest = this.#calls[slotOf(this.#second - BUDGET_WINDOW_SECONDS)] ?? 0;
    const allowed = share * (sum(this.#calls) - oldest) + perSecond * BUDGET_WINDOW_SECONDS;
    if (sum(this.#retries) + 1 > allowed) return false;
    this.#count(this.#retries);
    return true;
  }

  #moveTo(second: number): void {
    // Seconds without a call are forgotten as well; after a whole window nothing is left.
    const passed = Math.min(second - this.#second, RING_SECONDS);
    for (let back = 0; back < passed; back++) {
      const slot = slotOf(second - back);
      this.#calls[slot] = 0;
      this.#retries[slot] = 0;
    }
    if (passed > 0) this.#second = second;
  }

  #count(ring: number[]): void {
    const slot = slotOf(this.#second);
    ring[slot] = (ring[slot] ?? 0) + 1;
  }
}

function secondOf(timeMs: number): number {
  return Math.floor(timeMs / SECOND_MS);
}

function slotOf(second: number): number {
  return ((second % RING_SECONDS) + RING_SECONDS) % RING_SECONDS;
}

function zeros(): number[] {
  return Array.from({ length: RING_SECONDS }, () => 0);
}

function sum(ring: readonly number[]): number {
  return ring.reduce((total, one) => total + one, 0);
}
