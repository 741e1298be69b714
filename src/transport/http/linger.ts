// Streams whose answer has come get a moment to end by themselves: an abort would cost their keep-alive socket.

import type { Clock, Timer } from "../../core/clock.ts";

/** A stream is closed by us after one to two of these, milliseconds. */
export const LINGER_MS = 50;
/** Streams that linger at once; one more is closed without delay. */
export const LINGER_COUNT = 64;

export interface Lingering {
  expire(): void;
}

/** One timer for all of them: what is still here on the second tick is expired. */
export class Linger {
  readonly #clock: Clock;
  #young = new Set<Lingering>();
  #old = new Set<Lingering>();
  #timer: Timer | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(stream: Lingering): void {
    if (this.#young.size + this.#old.size >= LINGER_COUNT) {
      stream.expire();
      return;
    }
    this.#young.add(stream);
    this.#timer ??= this.#clock.setTimer(this.#tick, LINGER_MS, true);
  }

  delete(stream: Lingering): void {
    if (!this.#young.delete(stream)) this.#old.delete(stream);
  }

  /** Expires all of them now. */
  clear(): void {
    if (this.#timer !== undefined) this.#clock.clearTimer(this.#timer);
    this.#timer = undefined;
    for (const stream of [...this.#old, ...this.#young]) stream.expire();
  }

  readonly #tick = (): void => {
    const expired = this.#old;
    this.#old = this.#young;
    this.#young = new Set();
    this.#timer =
      this.#old.size > 0 ? this.#clock.setTimer(this.#tick, LINGER_MS, true) : undefined;
    for (const stream of expired) stream.expire();
  };
}
