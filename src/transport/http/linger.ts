// Streams whose answer has come get a moment to end by themselves: an abort would cost their keep-alive socket.

import type { Clock, Timer } from "../../core/clock.ts";
import { LinkedList } from "../../core/linked-list.ts";
import type { ListItem } from "../../core/linked-list.ts";

/** A stream is closed by us after one to two of these, milliseconds. */
export const LINGER_MS = 50;
/** Streams that linger at once; one more is closed without delay. */
export const LINGER_COUNT = 64;

export interface Lingering extends ListItem {
  expire(): void;
}

/** One timer for all of them: what is still here on the second tick is expired. */
export class Linger {
  readonly #clock: Clock;
  #young = new LinkedList<Lingering>();
  #old = new LinkedList<Lingering>();
  #count = 0;
  #timer: Timer | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(stream: Lingering): void {
    if (this.#count >= LINGER_COUNT) {
      stream.expire();
      return;
    }
    this.#count += 1;
    this.#young.add(stream);
    this.#timer ??= this.#clock.setTimer(this.#tick, LINGER_MS, true);
  }

  delete(stream: Lingering): void {
    if (LinkedList.remove(stream)) this.#count -= 1;
  }

  /** Expires all of them now. */
  clear(): void {
    if (this.#timer !== undefined) this.#clock.clearTimer(this.#timer);
    this.#timer = undefined;
    this.#expire(this.#old);
    this.#expire(this.#young);
  }

  readonly #tick = (): void => {
    const expired = this.#old;
    this.#old = this.#young;
    this.#young = expired;
    const streams = this.#take(expired);
    this.#timer = this.#old.isEmpty ? undefined : this.#clock.setTimer(this.#tick, LINGER_MS, true);
    for (const stream of streams) stream.expire();
  };

  #expire(list: LinkedList<Lingering>): void {
    for (const stream of this.#take(list)) stream.expire();
  }

  #take(list: LinkedList<Lingering>): Lingering[] {
    const streams = list.takeAll();
    this.#count -= streams.length;
    return streams;
  }
}
