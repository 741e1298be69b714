// How patient both eras are with the stream on which a server reports changes.

import type { Clock, Timer } from "../core/clock.ts";
import type { BackoffOptions } from "../resilience/backoff.ts";

/** Between attempts to open it again, unless the server names a time of its own. */
export const REOPEN: BackoffOptions = { initialMs: 1_000, factor: 1.5, maxMs: 30_000, jitter: 0.2 };

/** After so many attempts in a row that opened nothing the stream is given up; calls go on without it. */
export const MAX_FAILURES = 20;

/** After so many refusals in a row a stream that was never open is given up: its server has none. */
export const MAX_REFUSALS = 5;

/** A stream that was open this long was a good one: its end is the first of a new series, milliseconds. */
export const STABLE_MS = 5_000;

/** After so many streams in a row that ended at once without anything, it is the server's way, and no accident. */
export const VAIN_IN_ROW = 3;

/** How long a sign of life may take: callers who wait for it have time left for another connection. Milliseconds. */
export const PING_MS = 20_000;

/** How long a connection waits for it, so that a first call finds it open; then it goes on without, milliseconds. */
export const OPENING_MS = 1_000;

/** How long the head of a stream may take, until it is said that something holds it back, milliseconds. */
export const HELD_BACK_MS = 15_000;

/** Pauses between reports of gaps while streams are short: the first, and the longest. Milliseconds. */
const FIRST_PAUSE_MS = 5_000;
const MAX_PAUSE_MS = 60_000;

/**
 * When a gap between two change streams is reported, which has every list fetched again: as soon as the next stream
 * is open, if the one before was a good one; otherwise once, and then when a stream has become stable. While streams
 * are short, the pause between reports grows.
 */
export class GapReports {
  readonly #clock: Clock;
  readonly #isEager: boolean;
  readonly #report: () => void;
  #hasGap = false;
  /** The last stream was stable, or brought something. */
  #wasGood = true;
  #reportedAt: number | undefined;
  #pauseMs = FIRST_PAUSE_MS;
  /** Armed while a gap waits for the stream to become stable. */
  #timer: Timer | undefined;

  constructor(options: {
    readonly clock: Clock;
    /** With `strict`: every gap is reported as soon as a stream is open. */
    readonly isEager: boolean;
    readonly report: () => void;
  }) {
    this.#clock = options.clock;
    this.#isEager = options.isEager;
    this.#report = options.report;
  }

  /** Nobody listens: something may happen that nobody hears. */
  onGap(): void {
    this.#hasGap = true;
  }

  /** A stream is open. */
  onOpen(): void {
    this.stop();
    if (!this.#hasGap) return;
    if (this.#mayReport()) return this.#close(this.#pauseMs * 2);
    this.#timer = this.#clock.setTimer(() => this.#close(FIRST_PAUSE_MS), STABLE_MS, true);
  }

  /** The stream has ended that was open for so long, and brought something or not. */
  onEnd(openMs: number, broughtSomething: boolean): void {
    this.stop();
    const isStable = openMs >= STABLE_MS;
    this.#hasGap = true;
    this.#wasGood = isStable || broughtSomething;
    if (isStable) this.#pauseMs = FIRST_PAUSE_MS;
  }

  /** Reports nothing until the next stream is open. */
  stop(): void {
    if (this.#timer !== undefined) this.#clock.clearTimer(this.#timer);
    this.#timer = undefined;
  }

  #mayReport(): boolean {
    if (this.#isEager || this.#reportedAt === undefined) return true;
    return this.#wasGood && this.#clock.now() - this.#reportedAt >= this.#pauseMs;
  }

  #close(pauseMs: number): void {
    this.#timer = undefined;
    this.#hasGap = false;
    this.#pauseMs = Math.min(MAX_PAUSE_MS, pauseMs);
    this.#reportedAt = this.#clock.now();
    this.#report();
  }
}
