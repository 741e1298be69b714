// The virtual clock: a heap of timers. The pool's timers are counted apart from those of the world around it.

import type { Clock, Timer } from "../../../src/core/clock.ts";
import type { Random } from "../../support/random.ts";

/** Node fires a longer timer at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

export class VirtualTimer {
  readonly dueAt: number;
  /** Timers that are due together fire in the order in which they were armed. */
  readonly order: number;
  readonly isOfPool: boolean;
  callback: (() => void) | undefined;

  constructor(dueAt: number, order: number, isOfPool: boolean, callback: () => void) {
    this.dueAt = dueAt;
    this.order = order;
    this.isOfPool = isOfPool;
    this.callback = callback;
  }
}

export class VirtualClock {
  /** Given to the pool under test. */
  readonly forPool: Clock;
  /** Delays that Node would not keep: not a number, or so long that Node fires at once. */
  readonly badDelays: number[] = [];
  readonly #heap: VirtualTimer[] = [];
  #now = 0;
  #wallAheadMs = 0;
  #armedByPool = 0;
  #count = 0;

  constructor(random: Random) {
    this.forPool = {
      now: () => this.#now,
      wallTime: () => 1_700_000_000_000 + this.#now + this.#wallAheadMs,
      setTimer: (callback, delayMs) => this.#arm(callback, this.#checked(delayMs), true),
      clearTimer: (timer: Timer) => this.cancel(timer as VirtualTimer),
      random: () => random.next(),
    };
  }

  /** Milliseconds since the beginning of the world. */
  get now(): number {
    return this.#now;
  }

  /** Timers of the pool that have neither fired nor been cleared, background timers included. */
  get armedByPool(): number {
    return this.#armedByPool;
  }

  /** A timer of the world itself. */
  schedule(delayMs: number, callback: () => void): VirtualTimer {
    return this.#arm(callback, delayMs, false);
  }

  cancel(timer: VirtualTimer): void {
    if (timer.callback === undefined) return;
    timer.callback = undefined;
    if (timer.isOfPool) this.#armedByPool -= 1;
  }

  sleep(delayMs: number): Promise<void> {
    return new Promise((resolve) => this.schedule(delayMs, resolve));
  }

  /** Time passes and no timer is served, as while a laptop sleeps; what became due fires late. */
  jump(ms: number): void {
    this.#now += ms;
  }

  /** The same where the monotonic clock sleeps too: only the wall clock has moved on. */
  jumpWall(ms: number): void {
    this.#wallAheadMs += ms;
  }

  /** Moves on to the next timer and fires it. False: none is armed. */
  fireNext(): boolean {
    for (let timer = this.#pop(); timer !== undefined; timer = this.#pop()) {
      const { callback } = timer;
      if (callback === undefined) continue;
      this.cancel(timer);
      this.#now = Math.max(this.#now, timer.dueAt);
      callback();
      return true;
    }
    return false;
  }

  #checked(delayMs: number): number {
    if (Number.isFinite(delayMs) && delayMs <= MAX_TIMER_MS) return Math.max(0, delayMs);
    this.badDelays.push(delayMs);
    return 1;
  }

  #arm(callback: () => void, delayMs: number, isOfPool: boolean): VirtualTimer {
    const timer = new VirtualTimer(this.#now + delayMs, this.#count++, isOfPool, callback);
    if (isOfPool) this.#armedByPool += 1;
    const heap = this.#heap;
    heap.push(timer);
    for (let at = heap.length - 1; at > 0;) {
      const above = (at - 1) >> 1;
      if (!isSooner(heap[at], heap[above])) break;
      swap(heap, at, above);
      at = above;
    }
    return timer;
  }

  #pop(): VirtualTimer | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined || heap.length === 0) return first;
    heap[0] = last;
    for (let at = 0; ;) {
      const left = 2 * at + 1;
      const right = left + 1;
      let least = at;
      if (isSooner(heap[left], heap[least])) least = left;
      if (isSooner(heap[right], heap[least])) least = right;
      if (least === at) return first;
      swap(heap, at, least);
      at = least;
    }
  }
}

function isSooner(one: VirtualTimer | undefined, other: VirtualTimer | undefined): boolean {
  if (one === undefined || other === undefined) return false;
  return one.dueAt < other.dueAt || (one.dueAt === other.dueAt && one.order < other.order);
}

function swap(heap: VirtualTimer[], one: number, other: number): void {
  const [a, b] = [heap[one], heap[other]];
  if (a === undefined || b === undefined) return;
  heap[one] = b;
  heap[other] = a;
}
