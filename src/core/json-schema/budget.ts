// The time that the checks of one server may take in the worker thread: a bucket that refills.

/** What a server that has not been checked for long may use at once, milliseconds. */
export const CAPACITY_MS = 3_000;

/** Milliseconds that come back each millisecond: no server has more than this part of the worker for long. */
export const REFILL = 0.25;

export class CheckBudget {
  readonly #now: () => number;
  #leftMs: number = CAPACITY_MS;
  #countedAt: number;

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
    this.#countedAt = now();
  }

  get isSpent(): boolean {
    return this.#refilled() <= 0;
  }

  /** The last check may take more than there is: the bucket owes it. */
  spend(ms: number): void {
    this.#leftMs = this.#refilled() - ms;
  }

  #refilled(): number {
    const now = this.#now();
    this.#leftMs = Math.min(CAPACITY_MS, this.#leftMs + (now - this.#countedAt) * REFILL);
    this.#countedAt = now;
    return this.#leftMs;
  }
}
