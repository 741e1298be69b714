// A clock that moves only when a test says so, and knows what is still armed.

import type { Clock, Timer } from "../../src/core/clock.ts";

interface Armed {
  readonly callback: () => void;
  readonly dueAt: number;
  /** Order of arming: timers due at the same time fire in it. */
  readonly order: number;
  readonly background: boolean;
}

/** Everything that is ready to run has run, microtasks and what they began included. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

export class ManualClock implements Clock {
  /** What `random()` gives: a fixed value, or a function asked each time. */
  nextRandom: number | (() => number) = 0.5;
  readonly #timers: Set<Armed> = new Set();
  #now: number;
  #sleptMs = 0;
  #count = 0;

  constructor(startMs = 1_000_000) {
    this.#now = startMs;
  }

  now(): number {
    return this.#now;
  }

  wallTime(): number {
    return 1_700_000_000_000 + this.#now + this.#sleptMs;
  }

  setTimer(callback: () => void, delayMs: number, background = false): Timer {
    // A delay that is no number fires at once in Node: in a test it is a mistake to be seen.
    if (!Number.isFinite(delayMs) || delayMs < 0) throw new Error(`timer armed with ${delayMs} ms`);
    const timer: Armed = { callback, dueAt: this.#now + delayMs, order: this.#count++, background };
    this.#timers.add(timer);
    return timer;
  }

  clearTimer(timer: Timer): void {
    this.#timers.delete(timer as Armed);
  }

  random(): number {
    return typeof this.nextRandom === "number" ? this.nextRandom : this.nextRandom();
  }

  /** Timers that are armed, background ones included. */
  get armedCount(): number {
    return this.#timers.size;
  }

  /** Timers that keep the process alive. */
  get holdingCount(): number {
    return [...this.#timers].filter((timer) => !timer.background).length;
  }

  /** Milliseconds until each armed timer, soonest first. */
  get dueIn(): number[] {
    return [...this.#timers].map((timer) => timer.dueAt - this.#now).toSorted((a, b) => a - b);
  }

  /** Moves on by `ms` in one go: due timers run in order, also those that they arm. */
  advance(ms: number): void {
    const until = this.#now + ms;
    for (let timer = this.#nextDue(until); timer !== undefined; timer = this.#nextDue(until)) {
      this.#fire(timer);
    }
    this.#now = until;
  }

  /** As `advance`, and lets everything that a timer set off run before the next one fires. */
  async run(ms: number): Promise<void> {
    const until = this.#now + ms;
    await settled();
    for (let timer = this.#nextDue(until); timer !== undefined; timer = this.#nextDue(until)) {
      this.#fire(timer);
      await settled();
    }
    this.#now = until;
    await settled();
  }

  /** Time passes without any timer being served, as while a laptop sleeps. */
  jump(ms: number): void {
    this.#now += ms;
  }

  /** The same where the monotonic clock sleeps too, as on Linux: only the wall clock has moved on. */
  sleep(ms: number): void {
    this.#sleptMs += ms;
  }

  #fire(timer: Armed): void {
    this.#timers.delete(timer);
    this.#now = Math.max(this.#now, timer.dueAt);
    timer.callback();
  }

  #nextDue(until: number): Armed | undefined {
    let next: Armed | undefined;
    for (const timer of this.#timers) {
      if (timer.dueAt > until) continue;
      const isSooner =
        next === undefined ||
        timer.dueAt < next.dueAt ||
        (timer.dueAt === next.dueAt && timer.order < next.order);
      if (isSooner) next = timer;
    }
    return next;
  }
}
