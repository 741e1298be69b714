// Notices that the machine was asleep, or this process stopped: connections may be dead without having ended.

import type { Clock, Timer } from "./clock.ts";

/** How often it looks while nobody calls, milliseconds. */
export const LOOK_MS: number = 10_000;

/** A look that is later by this much was kept from happening, milliseconds. */
const LATE_MS = 15_000;

export class SleepWatch {
  readonly #clock: Clock;
  readonly #listeners: Set<() => void> = new Set();
  #timer: Timer | undefined;
  #lookedAt = 0;
  #wallLookedAt = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Calls `onWake` after each sleep from now on. Returns the function that ends it. */
  watch(onWake: () => void): () => void {
    if (this.#listeners.size === 0) this.#restart();
    this.#listeners.add(onWake);
    return () => {
      this.#listeners.delete(onWake);
      if (this.#listeners.size > 0 || this.#timer === undefined) return;
      this.#clock.clearTimer(this.#timer);
      this.#timer = undefined;
    };
  }

  /**
   * Looks now: a call must not wait for the next look. Some systems stop the monotonic clock while they sleep and
   * only the wall clock has moved on; others do not, and the look itself is late. Hot path.
   */
  look(now: number = this.#clock.now()): void {
    if (this.#timer === undefined) return;
    const sinceMs = now - this.#lookedAt;
    const wallSinceMs = this.#clock.wallTime() - this.#wallLookedAt;
    if (sinceMs < LOOK_MS + LATE_MS && wallSinceMs < LOOK_MS + LATE_MS) return;
    this.#restart();
    for (const onWake of [...this.#listeners]) onWake();
  }

  #restart(): void {
    if (this.#timer !== undefined) this.#clock.clearTimer(this.#timer);
    this.#lookedAt = this.#clock.now();
    this.#wallLookedAt = this.#clock.wallTime();
    this.#timer = this.#clock.setTimer(
      () => {
        this.look();
        if (this.#listeners.size > 0) this.#restart();
      },
      LOOK_MS,
      true,
    );
  }
}
