// How much may be under way at once, and a bounded queue for those who wait: first come, first served.
// Hot path under load: whoever waits is in the queue himself, and there is one timer for all of them.

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

/** Somebody who waits for a place: one of the two methods is called, once. Neither may throw. */
export abstract class Waiting extends ListItem {
  readonly signal: AbortSignal | undefined;
  /** Until when, on the clock, and what listens to the signal meanwhile; the limiter's. */
  dueAt: number = Infinity;
  watch: AbortWatch | undefined;

  constructor(signal: AbortSignal | undefined) {
    super();
    this.signal = signal;
  }

  /** The place is there, and to be given back. Called on the stack of whoever has left, and may leave itself. */
  abstract onPlace(): void;
  /** There is none: the limit has passed, the signal was aborted, or all were turned away. */
  abstract onRefused(error: unknown): void;
}

export class Limiter<W extends Waiting = Waiting> {
  readonly #options: LimiterOptions;
  readonly #clock: Clock;
  readonly #onLimit: (waiting: W) => unknown;
  readonly #queue: LinkedList<W> = new LinkedList();
  #queued = 0;
  #taken = 0;
  /** Places that were given back and not handed on yet. */
  #free = 0;
  #isHandingOn = false;
  /** For the one whose limit comes first, or came first when it was set. */
  #timer: Timer | undefined;
  #timerAt = Infinity;

  /** @param onLimit gives the error of whoever has waited too long */
  constructor(options: LimiterOptions, clock: Clock, onLimit: (waiting: W) => unknown) {
    this.#options = options;
    this.#clock = clock;
    this.#onLimit = onLimit;
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

  /**
   * Waits for a place, no longer than `limitMs`. Whoever aborts, or waits too long, leaves nothing behind.
   *
   * @throws {TypeError} if the signal is none; then nobody waits.
   */
  enter(waiting: W, limitMs: number): void {
    const { signal } = waiting;
    if (signal?.aborted === true) return waiting.onRefused(signal.reason);
    if (signal !== undefined) {
      waiting.watch = watchAbort(signal, () => {
        if (!LinkedList.remove(waiting)) return;
        this.#onLeft(waiting);
        waiting.onRefused(signal.reason);
      });
    }
    waiting.dueAt = this.#clock.now() + limitMs;
    this.#queue.add(waiting);
    this.#queued += 1;
    if (waiting.dueAt < this.#timerAt) this.#setTimer(waiting.dueAt);
  }

  /** Gives a place back: to the one who has waited longest, if anybody waits. Hot path. */
  leave(): void {
    this.#free += 1;
    // Whoever gets it may give it back at once: a thousand who are refused must not stand on each other's stack.
    if (this.#isHandingOn) return;
    this.#isHandingOn = true;
    try {
      while (this.#free > 0) {
        this.#free -= 1;
        this.#handOn();
      }
    } finally {
      this.#isHandingOn = false;
    }
  }

  #handOn(): void {
    const next = this.#queue.takeFirst();
    if (next === undefined) {
      this.#taken -= 1;
      return;
    }
    this.#onLeft(next);
    next.onPlace();
  }

  /** Turns away all who wait. */
  turnAway(makeError: () => unknown): void {
    for (const waiting of this.#queue.takeAll()) {
      this.#onLeft(waiting);
      waiting.onRefused(makeError());
    }
  }

  #onLeft({ signal, watch }: W): void {
    this.#queued -= 1;
    if (signal !== undefined && watch !== undefined) unwatchAbort(signal, watch);
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
      waiting.onRefused(this.#onLimit(waiting));
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

/** As a promise, for those of whom there are few. */
export function waitForPlace(
  limiter: Limiter,
  limitMs: number,
  signal?: AbortSignal,
): Promise<void> {
  return new Promise((resolve, reject) => {
    limiter.enter(new Visitor(signal, resolve, reject), limitMs);
  });
}

class Visitor extends Waiting {
  readonly #resolve: () => void;
  readonly #reject: (error: Error) => void;

  constructor(
    signal: AbortSignal | undefined,
    resolve: () => void,
    reject: (error: Error) => void,
  ) {
    super(signal);
    this.#resolve = resolve;
    this.#reject = reject;
  }

  onPlace(): void {
    this.#resolve();
  }

  onRefused(error: unknown): void {
    this.#reject(error as Error);
  }
}
