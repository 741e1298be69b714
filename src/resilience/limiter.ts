// How much may be under way at once, and a bounded queue for those who wait: first come, first served.
// Hot path under load: whoever waits is in the queue himself, and there is one timer for all of them. A server that
// refuses calls as too many gets an adaptive limit, and until then costs nothing.

import { unwatchAbort, watchAbort } from "../core/abort.ts";
import type { AbortWatch } from "../core/abort.ts";
import type { Clock, Timer } from "../core/clock.ts";
import { LinkedList, ListItem } from "../core/linked-list.ts";
import { AdaptiveLimit } from "./adaptive-limit.ts";
import type { Throttle } from "./adaptive-limit.ts";

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
  /** The same, if the server refuses calls as too many when `dueAt` comes. */
  throttledDueAt: number | undefined;
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
  /** Those whom the server refused: they go before all who have not been sent yet. */
  readonly #refused: LinkedList<W> = new LinkedList();
  /** In both. */
  #queued = 0;
  #taken = 0;
  /** Places that were given back and not handed on yet. */
  #free = 0;
  #isHandingOn = false;
  /** Places that `tryEnter` gives away without a further look: none while the server is throttled. */
  #openPlaces: number;
  /** Since the server has refused calls as too many. */
  #throttle: AdaptiveLimit | undefined;
  /** For the moment when the throttled server may be asked again. */
  #paceTimer: Timer | undefined;
  #paceAt = Infinity;
  /** Such a moment has come by the word of its timer, which may be a little early by the clock. */
  #passedAt = -Infinity;
  /** For the one whose limit comes first, or came first when it was set. */
  #timer: Timer | undefined;
  #timerAt = Infinity;

  /** @param onLimit gives the error of whoever has waited too long */
  constructor(options: LimiterOptions, clock: Clock, onLimit: (waiting: W) => unknown) {
    this.#options = options;
    this.#clock = clock;
    this.#onLimit = onLimit;
    this.#openPlaces = options.inFlight;
  }

  get queuedCount(): number {
    return this.#queued;
  }

  get isFull(): boolean {
    return this.#queued >= this.#options.queued;
  }

  /** Undefined: the server takes all that is asked of it. */
  get throttle(): Throttle | undefined {
    if (this.#throttle === undefined) return undefined;
    const { inFlight, pauseMs } = this.#throttle;
    return { inFlight, pauseMs };
  }

  /** How long nothing at all is to be sent, milliseconds: the server has just refused a call. */
  get heldForMs(): number {
    if (this.#throttle === undefined) return 0;
    return Math.max(0, this.#throttle.heldUntil - this.#clock.now());
  }

  /** Takes a place, if one is free. Who waits is given the next that comes free, so that nobody overtakes. Hot path. */
  tryEnter(): boolean {
    if (this.#taken >= this.#openPlaces) return this.#tryEnterThrottled();
    this.#taken += 1;
    return true;
  }

  #tryEnterThrottled(): boolean {
    const throttle = this.#throttle;
    if (throttle === undefined || this.#queued > 0) return false;
    const now = this.#clock.now();
    if (this.#taken >= throttle.inFlight || now < throttle.nextAt) return false;
    throttle.onSent(now);
    this.#taken += 1;
    return true;
  }

  /**
   * Waits for a place, no longer than `limitMs`, or than `throttledLimitMs` if the server refuses calls as too many.
   * Whoever aborts, or waits too long, leaves nothing behind.
   *
   * @throws {TypeError} if the signal is none; then nobody waits.
   */
  enter(waiting: W, limitMs: number, throttledLimitMs: number = limitMs): void {
    this.#wait(this.#queue, waiting, limitMs, throttledLimitMs);
  }

  /**
   * Gives the place of a call back that the server refused, and waits for another, no longer than `limitMs`, before all
   * who have not been sent yet. Whoever is refused here has no place any more.
   *
   * @param isLast it waits behind all others instead: they may well be taken where it is refused
   * @throws {TypeError} if the signal is none; then nobody waits, and the place is given back.
   */
  enterAgain(waiting: W, limitMs: number, isLast = false): void {
    try {
      this.#wait(isLast ? this.#queue : this.#refused, waiting, limitMs, limitMs);
    } finally {
      this.leave();
    }
  }

  #wait(queue: LinkedList<W>, waiting: W, limitMs: number, throttledLimitMs: number): void {
    const { signal } = waiting;
    if (signal?.aborted === true) return waiting.onRefused(signal.reason);
    if (signal !== undefined) {
      waiting.watch = watchAbort(signal, () => {
        if (!LinkedList.remove(waiting)) return;
        this.#onLeft(waiting);
        waiting.onRefused(signal.reason);
      });
    }
    const now = this.#clock.now();
    const throttledDueAt = now + throttledLimitMs;
    waiting.throttledDueAt = throttledDueAt;
    waiting.dueAt = this.#throttle === undefined ? now + limitMs : throttledDueAt;
    queue.add(waiting);
    this.#queued += 1;
    if (waiting.dueAt < this.#timerAt) this.#setTimer(waiting.dueAt);
    if (this.#throttle !== undefined) this.#admit();
  }

  /** The server refused a call as one too many, which was sent at `startedAt` and still has its place. */
  onThrottled(startedAt: number, retryAfterMs?: number): void {
    this.#throttle ??= new AdaptiveLimit(this.#options.inFlight, this.#clock);
    this.#openPlaces = 0;
    // Upkeep has no place.
    this.#throttle.onRefused(startedAt, Math.max(1, this.#taken), retryAfterMs);
  }

  /** The server took a call that was sent at `startedAt`. Hot path. */
  onAccepted(startedAt: number): void {
    if (this.#throttle?.onAccepted(startedAt, this.#queued > 0) === true) this.unthrottle();
  }

  /** What the server refused does not count any more. */
  unthrottle(): void {
    if (this.#throttle === undefined) return;
    this.#throttle = undefined;
    this.#openPlaces = this.#options.inFlight;
    this.#clearPaceTimer();
    this.#admit();
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
    this.#taken -= 1;
    for (;;) {
      const throttle = this.#throttle;
      if (this.#taken >= (throttle ?? this.#options).inFlight) return;
      if (throttle !== undefined && !this.#isTimeFor(throttle)) return;
      const next = this.#refused.takeFirst() ?? this.#queue.takeFirst();
      if (next === undefined) return;
      this.#taken += 1;
      this.#onLeft(next);
      next.onPlace();
    }
  }

  /** Whether the first who waits, if anybody does, may go to a server that is throttled; otherwise sees to it later. */
  #isTimeFor(throttle: AdaptiveLimit): boolean {
    if (this.#queued === 0) return false;
    const now = this.#clock.now();
    const { nextAt } = throttle;
    if (now < nextAt && nextAt > this.#passedAt) {
      this.#setPaceTimer(nextAt, now);
      return false;
    }
    throttle.onSent(now);
    return true;
  }

  /** Lets those in who may go by now, although nobody gave a place back. */
  #admit(): void {
    // A place for nobody, given back at once: the same loop as for all others.
    this.#taken += 1;
    this.leave();
  }

  /** Turns away all who wait. */
  turnAway(makeError: () => unknown): void {
    for (const waiting of [...this.#refused.takeAll(), ...this.#queue.takeAll()]) {
      this.#onLeft(waiting);
      waiting.onRefused(makeError());
    }
  }

  #onLeft({ signal, watch }: W): void {
    this.#queued -= 1;
    if (signal !== undefined && watch !== undefined) unwatchAbort(signal, watch);
    if (this.#queued > 0) return;
    this.#clearTimer();
    this.#clearPaceTimer();
  }

  #onTimer(): void {
    const now = this.#clock.now();
    this.#clearTimer();
    const nextAt = Math.min(this.#endWaits(this.#refused, now), this.#endWaits(this.#queue, now));
    if (nextAt < this.#timerAt) this.#setTimer(nextAt);
  }

  /** Ends the waits that have lasted too long; gives the time when the next will have. */
  #endWaits(queue: LinkedList<W>, now: number): number {
    let nextAt = Infinity;
    for (const waiting of queue) {
      if (this.#throttle !== undefined) waiting.dueAt = waiting.throttledDueAt ?? Infinity;
      if (waiting.dueAt > now) {
        nextAt = Math.min(nextAt, waiting.dueAt);
        continue;
      }
      LinkedList.remove(waiting);
      this.#onLeft(waiting);
      waiting.onRefused(this.#onLimit(waiting));
    }
    return nextAt;
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

  #setPaceTimer(dueAt: number, now: number): void {
    if (dueAt >= this.#paceAt) return;
    this.#clearPaceTimer();
    this.#paceAt = dueAt;
    this.#paceTimer = this.#clock.setTimer(
      () => {
        this.#passedAt = this.#paceAt;
        this.#clearPaceTimer();
        this.#admit();
      },
      Math.ceil(dueAt - now),
    );
  }

  #clearPaceTimer(): void {
    if (this.#paceTimer !== undefined) this.#clock.clearTimer(this.#paceTimer);
    this.#paceTimer = undefined;
    this.#paceAt = Infinity;
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
