// How much may be under way at once, and a bounded queue for those who wait: first come, first served.

import type { Clock } from "../core/clock.ts";
import { Waiters } from "../core/waiters.ts";

export interface LimiterOptions {
  /** Places. */
  readonly inFlight: number;
  /** Those who may wait for a place; one more is turned away at once. */
  readonly queued: number;
}

export interface QueueOptions {
  readonly clock: Clock;
  /** Longest wait for a place, milliseconds. */
  readonly limitMs: number;
  readonly signal?: AbortSignal | undefined;
  /** The error of whoever has waited that long. */
  readonly onLimit: () => unknown;
}

export class Limiter {
  readonly #options: LimiterOptions;
  readonly #queue: Waiters<void> = new Waiters();
  #taken = 0;

  constructor(options: LimiterOptions) {
    this.#options = options;
  }

  get queuedCount(): number {
    return this.#queue.size;
  }

  get isFull(): boolean {
    return this.#queue.size >= this.#options.queued;
  }

  /** Takes a place, if one is free; those who wait already come first. Hot path. */
  tryEnter(): boolean {
    if (this.#taken >= this.#options.inFlight) return false;
    this.#taken += 1;
    return true;
  }

  /** Waits for a place. Whoever aborts, or waits too long, has none and leaves nothing behind. */
  enter(options: QueueOptions): Promise<void> {
    return this.#queue.wait(options);
  }

  /** Gives a place back: to the one who has waited longest, if anybody waits. */
  leave(): void {
    if (!this.#queue.resolveNext()) this.#taken -= 1;
  }

  /** Turns away all who wait. */
  turnAway(makeError: () => unknown): void {
    this.#queue.rejectAll(makeError);
  }
}
