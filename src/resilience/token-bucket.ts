// A token bucket: a burst that is free, and a rate beyond it.

import type { Clock } from "../core/clock.ts";

export interface TokenBucketOptions {
  /** Tokens in a full bucket, which is how it begins. */
  readonly capacity: number;
  /** Tokens that come back each second. */
  readonly perSecond: number;
}

export class TokenBucket {
  readonly #options: TokenBucketOptions;
  readonly #clock: Clock;
  #tokens: number;
  /** When the tokens were counted last, on the clock. */
  #countedAt: number;

  constructor(options: TokenBucketOptions, clock: Clock) {
    this.#options = options;
    this.#clock = clock;
    this.#tokens = options.capacity;
    this.#countedAt = clock.now();
  }

  /** Puts tokens back before their time; a full bucket takes no more. */
  add(tokens: number): void {
    this.#count();
    this.#tokens = Math.min(this.#options.capacity, this.#tokens + tokens);
  }

  /** Takes a token, if there is one. */
  tryTake(): boolean {
    this.#count();
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }

  /** How long it is until there is a token, milliseconds; 0 if there is one. */
  get waitMs(): number {
    this.#count();
    const missing = 1 - this.#tokens;
    return missing <= 0 ? 0 : Math.ceil((missing / this.#options.perSecond) * 1_000);
  }

  #count(): void {
    const now = this.#clock.now();
    const { capacity, perSecond } = this.#options;
    const earned = (Math.max(0, now - this.#countedAt) / 1_000) * perSecond;
    this.#tokens = Math.min(capacity, this.#tokens + earned);
    this.#countedAt = now;
  }
}
