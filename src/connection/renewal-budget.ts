// The budget of renewals: sessions that are lost by bad luck are renewed at once, a storm of losses is slowed down.

import { delay } from "../core/clock.ts";
import type { Clock } from "../core/clock.ts";
import { TokenBucket } from "../resilience/token-bucket.ts";

/** Renewals in a row that cost no time: a server that is deployed forgets its sessions more than once. */
const BURST = 20;

/** In a storm, renewals each second. */
const PER_SECOND = 1;

/**
 * What an answered call earns. A server that answers two calls for each session that it loses is never slowed down; in a
 * storm, where no call is answered between two losses, nothing is earned.
 */
const PER_ANSWER = 0.5;

export class RenewalBudget {
  readonly #clock: Clock;
  readonly #bucket: TokenBucket;
  readonly #answeredCount: () => number;
  /** Calls that had been answered at the last renewal. */
  #answered = 0;
  #isFirst = true;

  /** @param answeredCount calls of this server that were answered so far */
  constructor(clock: Clock, answeredCount: () => number) {
    this.#clock = clock;
    this.#answeredCount = answeredCount;
    this.#bucket = new TokenBucket({ capacity: BURST, perSecond: PER_SECOND }, clock);
  }

  /** Waits until a renewal may begin. True if the last session was lost before it had answered one call. */
  async take(signal: AbortSignal): Promise<boolean> {
    const answered = this.#answeredCount();
    const earned = answered - this.#answered;
    const isInVain = !this.#isFirst && earned === 0;
    this.#answered = answered;
    this.#isFirst = false;
    this.#bucket.add(earned * PER_ANSWER);
    while (!this.#bucket.tryTake()) {
      await delay(this.#clock, this.#bucket.waitMs, { signal });
    }
    return isInVain;
  }
}
