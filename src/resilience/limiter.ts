// How much may be under way at once, and a bounded queue for those who wait: first come, first served.
// Hot path under load: no timer, no Set and no closure for each who waits, but one timer for all of them.

import { unwatchAbort, watchAbort } from "../core/abort.ts";
import type { AbortWatch } from "../core/abort.ts";
import type { Clock, Timer } from "../core/clock.ts";
import { LinkedList, ListItem } from "../core/linked-list.ts";

export interface LimiterOptions {
  /** Places. */
  readonly inFlight: number;
  /** Those who may wait for a place; one more is turned away at once. */
  readonly queued: number;
}

export interface QueueOptions {
  /** Longest wait for a place, milliseconds. */
  readonly limitMs: number;
  readonly signal?: AbortSignal | undefined;
  /** The error of whoever has waited that long. */
  readonly onLimit: () => unknown;
}

export class Limiter {
  readonly #options: LimiterOptions;
  readonly #clock: Clock;
  readonly #queue: LinkedList<Waiting> = new LinkedList();
  #queued = 0;
  #taken = 0;
  /** For the one whose limit comes first, or came first when it was set. */
  #timer: Timer | undefined;
  #timerAt = Infinity;

  constructor(options: LimiterOptions, clock: Clock) {
    this.#options = options;
    this.#clock = clock;
  }

  get queuedCount(): number {
    return this.#queued;
  }

  get isFull(): boolean {
    return this.#queued >= this.#options.queued;
  }

  /** Takes a place, if one is free. Who waits is given the next that comes free, so that nobody overtakes. Hot path. */
  tryEnter(): boolean {
    if (this.#taken >= this.#options.inFlight) return false;
    this.#taken += 1;
    return true;
  }

  /** Waits for a place. Whoever aborts, or waits too long, has none and leaves nothing behind. */
  enter(options: QueueOptions): Promise<void> {
    const { signal, limitMs } = options;
    if (signal?.aborted) return Promise.reject(signal.reason as Error);
    return new Promise((resolve, reject) => {
      const dueAt = this.#clock.now() + limitMs;
      const waiting = new Waiting(options, dueAt, resolve, reject);
      this.#queue.add(waiting);
      this.#queued += 1;
      if (dueAt < this.#timerAt) this.#setTimer(dueAt);
      if (signal === undefined) return;
      waiting.watch = watchAbort(signal, () => {
        LinkedList.remove(waiting);
        this.#onLeft(waiting);
        reject(signal.reason as Error);
      });
    });
  }

  /** Gives a place back: to the one who has waited longest, if anybody waits. Hot path. */
  leave(): void {
    const next = this.#queue.takeFirst();
    if (next === undefined) {
      this.#taken -= 1;
      return;
    }
    this.#onLeft(next);
    next.resolve();
  }

  /** Turns away all who wait. */
  turnAway(makeError: () => unknown): void {
    for (const waiting of this.#queue.takeAll()) {
      this.#onLeft(waiting);
      waiting.reject(makeError() as Error);
    }
  }

  #onLeft({ options, watch }: Waiting): void {
    this.#queued -= 1;
    if (options.signal !== undefined && watch !== undefined) unwatchAbort(options.signal, watch);
    if (this.#queued === 0) this.#clearTimer();
  }

  #onTimer(): void {
    const now = this.#clock.now();
    this.#clearTimer();
    let nextAt = Infinity;
    for (const waiting of this.#queue) {
      if (waiting.dueAt > now) {
        nextAt = Math.min(nextAt, waiting.dueAt);
        continue;
      }
      LinkedList.remove(waiting);
      this.#onLeft(waiting);
      waiting.reject(waiting.options.onLimit() as Error);
    }
    if (nextAt < this.#timerAt) this.#setTimer(nextAt);
  }

  #setTimer(dueAt: number): void {
    this.#clearTimer();
    this.#timerAt = dueAt;
    const delayMs = Math.max(0, Math.ceil(dueAt - this.#clock.now()));
    this.#timer = this.#clock.setTimer(() => this.#onTimer(), delayMs);
  }

  #clearTimer(): void {
    if (this.#timer !== undefined) this.#clock.clearTimer(this.#timer);
    this.#timer = undefined;
    this.#timerAt = Infinity;
  }
}

class Waiting extends ListItem {
  readonly options: QueueOptions;
  /** On the clock. */
  readonly dueAt: number;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
  watch: AbortWatch | undefined;

  constructor(
    options: QueueOptions,
    dueAt: number,
    resolve: () => void,
    reject: (error: Error) => void,
  ) {
    super();
    this.options = options;
    this.dueAt = dueAt;
    this.resolve = resolve;
    this.reject = reject;
  }
}
