// An adaptive limit (AIMD) for a server that refuses calls as too many: calls at once, and the pause between two.
// https://en.wikipedia.org/wiki/Additive_increase/multiplicative_decrease

import type { Clock } from "../core/clock.ts";

/** How much a server takes at present, as far as its refusals have shown. */
export interface Throttle {
  /** Calls under way at once. */
  readonly inFlight: number;
  /** From the beginning of one call to the beginning of the next, milliseconds; 0: none. */
  readonly pauseMs: number;
}

/** The longest `Retry-After` for which everything is held back, milliseconds. */
export const MAX_HELD_MS = 30_000;

/** The first pause; nothing is sent for at least so long after a refusal. Milliseconds. */
const MIN_PAUSE_MS = 25;

const MAX_PAUSE_MS = 5_000;

/** Upper bound of the random time that is added after a refusal, milliseconds. */
const MAX_JITTER_MS = 300;

/** A shorter pause is none: timers are no finer. */
const NO_PAUSE_MS = 1;

/**
 * After so many successes the pace at which they came is known to be about right, and the next pause is this much longer
 * than theirs; after fewer it is doubled. A server that refuses a share of its calls by chance would otherwise be asked
 * ever more slowly, to no avail.
 */
const KNOWN_PACE = { successCount: 2, margin: 1.1 };

/** Each success takes this share off the pause: a small one where the server refused the last time. */
const PAUSE_SHRINKS_BY = { far: 1 / 8, near: 1 / 40 };

/** Near is a pause shorter than this many times the one at which the server refused. */
const NEAR_PAUSE = 1.1;

/** Windows of successes that add a place: many where the server refused the last time. */
const WINDOWS_PER_PLACE = { far: 1, near: 16 };

/** A limit so many times as high as the one at which the server refused is not near it any more. */
const BEYOND_LIMIT = 4;

/** Without a refusal for so long, and with nobody waiting, the past does not count. Milliseconds. */
const QUIET_MS = 60_000;

export class AdaptiveLimit implements Throttle {
  readonly #maxInFlight: number;
  readonly #clock: Clock;
  /** Its fraction is how much of the next place the successes have earned. */
  #limit: number;
  #pauseMs = 0;
  #heldUntil = -Infinity;
  #sentAt = -Infinity;
  #refusedAt = -Infinity;
  /** What was sent before that is of the round trip whose refusal was counted. */
  #decreasedAt = -Infinity;
  /** Calls of that round trip that have not been refused. */
  #unrefused = 0;
  /** Calls that the server has taken since. */
  #acceptedCount = 0;
  /** Where the server refused the last time. */
  #refusedLimit = Infinity;
  #refusedPauseMs = 0;

  constructor(maxInFlight: number, clock: Clock) {
    this.#maxInFlight = maxInFlight;
    this.#clock = clock;
    this.#limit = maxInFlight;
  }

  get inFlight(): number {
    return Math.floor(this.#limit);
  }

  get pauseMs(): number {
    return Math.round(this.#pauseMs);
  }

  /** When the next call may be sent, on the clock. */
  get nextAt(): number {
    return Math.max(this.#heldUntil, this.#sentAt + this.#pauseMs);
  }

  /** Until when the last refusal holds everything back, on the clock. */
  get heldUntil(): number {
    return this.#heldUntil;
  }

  onSent(now: number): void {
    this.#sentAt = now;
  }

  /**
   * A call that was sent at `startedAt` was refused, when `underWay` were under way with it. A longer `Retry-After`
   * than {@link MAX_HELD_MS} holds nobody back: no caller waits for it.
   */
  onRefused(startedAt: number, underWay: number, retryAfterMs = 0): void {
    const now = this.#clock.now();
    this.#refusedAt = now;
    if (startedAt < this.#decreasedAt) this.#onRefusedTogether();
    else this.#decrease(now, underWay, retryAfterMs <= MAX_HELD_MS);
    const ownMs = Math.max(MIN_PAUSE_MS, this.#pauseMs);
    const waitMs = retryAfterMs > MAX_HELD_MS ? ownMs : Math.max(ownMs, retryAfterMs);
    // Other processes were refused at the same moment, and told the same.
    const jitterMs = this.#clock.random() * Math.min(MAX_JITTER_MS, Math.max(MIN_PAUSE_MS, waitMs));
    this.#heldUntil = Math.max(this.#heldUntil, now + waitMs + jitterMs);
  }

  /** A call that was sent at `startedAt` was taken, whatever became of it. True: the limit has served its time. */
  onAccepted(startedAt: number, isAnyoneWaiting: boolean): boolean {
    // It was sent under the earlier limit, and says nothing about this one.
    if (startedAt < this.#decreasedAt) return false;
    this.#acceptedCount += 1;
    if (this.#pauseMs > 0) this.#shortenPause();
    else this.#addPlace();
    if (this.#pauseMs > 0) return false;
    if (this.#limit >= this.#maxInFlight) return true;
    return !isAnyoneWaiting && this.#clock.now() - this.#refusedAt >= QUIET_MS;
  }

  /** @param isAwaited refused calls wait; otherwise a longer pause would only delay what their callers are told */
  #decrease(now: number, underWay: number, isAwaited: boolean): void {
    const limit = Math.min(this.inFlight, underWay);
    if (limit === 1) {
      // Fewer at once are none.
      this.#limit = 1;
      if (isAwaited) {
        this.#refusedPauseMs = this.#pauseMs;
        this.#pauseMs = this.#longerPauseMs(now);
      }
    } else {
      this.#refusedLimit = limit;
      this.#refusedPauseMs = 0;
      this.#limit = Math.floor(limit / 2);
    }
    this.#decreasedAt = now;
    this.#acceptedCount = 0;
    this.#unrefused = underWay - 1;
  }

  #longerPauseMs(now: number): number {
    const { successCount, margin } = KNOWN_PACE;
    const doubledMs = Math.min(MAX_PAUSE_MS, Math.max(MIN_PAUSE_MS, this.#pauseMs * 2));
    if (this.#acceptedCount < successCount) return doubledMs;
    const takenEveryMs = (now - this.#heldUntil) / this.#acceptedCount;
    return Math.max(this.#pauseMs, Math.min(doubledMs, takenEveryMs * margin));
  }

  /** The same overload again. The server takes no more than what it has not refused. */
  #onRefusedTogether(): void {
    this.#unrefused -= 1;
    this.#limit = Math.max(1, Math.min(this.#limit, this.#unrefused));
  }

  #shortenPause(): void {
    const { far, near } = PAUSE_SHRINKS_BY;
    const isNear = this.#pauseMs * (1 - far) < this.#refusedPauseMs * NEAR_PAUSE;
    this.#pauseMs *= 1 - (isNear ? near : far);
    if (this.#pauseMs < NO_PAUSE_MS) this.#pauseMs = 0;
  }

  #addPlace(): void {
    const { far, near } = WINDOWS_PER_PLACE;
    const refusedLimit = this.#refusedLimit;
    const isNear = this.#limit + 1 >= refusedLimit && this.#limit < refusedLimit * BEYOND_LIMIT;
    const earned = 1 / (this.inFlight * (isNear ? near : far));
    this.#limit = Math.min(this.#maxInFlight, this.#limit + earned);
  }
}
