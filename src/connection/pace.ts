// How long to wait before the next attempt to connect: soon after a good connection, ever longer otherwise.

import type { Clock } from "../core/clock.ts";
import { Backoff } from "../resilience/backoff.ts";
import type { ReconnectOptions } from "./config-types.ts";

/** After the budget a caller starts an attempt, but not within this time of the last, milliseconds. */
export const MIN_PAUSE_MS = 1_000;

/** After a refused authorization callers fail at once, and one may try again this much later, milliseconds. */
export const AUTH_PAUSE_MS = 30_000;

/** A connection that lasted this long was a good one: its loss is the first of a new series, milliseconds. */
const STABLE_MS = 5_000;

export class Pace {
  readonly #clock: Clock;
  readonly #jitterMs: number;
  /** While callers wait. */
  readonly #foreground: Backoff;
  readonly #background: Backoff;
  #readySince = -Infinity;
  /** Since the last connection that was a good one. */
  #losses = 0;

  constructor(options: Readonly<ReconnectOptions>, clock: Clock) {
    const { initialMs, factor, maxMs, backgroundMaxMs, jitterMs } = options;
    this.#clock = clock;
    this.#jitterMs = jitterMs;
    this.#foreground = new Backoff({ initialMs, factor, maxMs, jitter: 0.2 }, clock);
    this.#background = new Backoff(
      { initialMs: maxMs, factor, maxMs: backgroundMaxMs, jitter: 0.2 },
      clock,
    );
  }

  onReady(): void {
    this.#readySince = this.#clock.now();
  }

  /** At once, but for the jitter; unless it keeps being lost as soon as it is made. */
  afterLoss(): number {
    if (this.#clock.now() - this.#readySince >= STABLE_MS) {
      this.#foreground.reset();
      this.#background.reset();
      this.#losses = 0;
    }
    this.#losses += 1;
    return this.#losses > 1 ? this.#foreground.next() : this.#clock.random() * this.#jitterMs;
  }

  /** `isAwaited`: callers still wait, so that their budget is worth more attempts. */
  afterFailure(isAwaited: boolean): number {
    return isAwaited ? this.#foreground.next() : this.#background.next();
  }
}
