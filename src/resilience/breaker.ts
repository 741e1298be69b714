// A circuit breaker: after failures in a row nothing more is tried for a while, then one probe decides.

import type { Clock } from "../core/clock.ts";

export interface BreakerOptions {
  /** So many in a row open it. */
  readonly failures: number;
  /** The first time, milliseconds; each further time in a row this much longer. */
  readonly openMs: number;
  /** Milliseconds. */
  readonly maxOpenMs: number;
}

type State =
  | { readonly name: "closed"; readonly failures: number }
  /** `probeSince`: the probe is under way, since then. */
  | {
      readonly name: "open";
      readonly times: number;
      readonly until: number;
      readonly probeSince: number | undefined;
    };

export type CircuitState = "closed" | "open" | "half-open";

export class Breaker {
  readonly #options: BreakerOptions;
  readonly #clock: Clock;
  #state: State = { name: "closed", failures: 0 };
  #lastFailureAt = -Infinity;

  constructor(options: BreakerOptions, clock: Clock) {
    this.#options = options;
    this.#clock = clock;
  }

  get state(): CircuitState {
    if (this.#state.name === "closed") return "closed";
    return this.#clock.now() < this.#state.until ? "open" : "half-open";
  }

  get isClosed(): boolean {
    return this.#state.name === "closed";
  }

  /** How long it will be before anything is tried again, milliseconds. */
  get openForMs(): number {
    return this.#state.name === "closed" ? 0 : Math.max(0, this.#state.until - this.#clock.now());
  }

  /** Whether a call that begins `now` may go. When the time of waiting is over one may: the probe. Hot path. */
  tryPass(now: number): boolean {
    const state = this.#state;
    if (state.name === "closed") return true;
    if (now < state.until) return false;
    // A probe that takes its time says nothing, and must not keep the others out: then another one goes.
    const { openMs } = this.#options;
    if (state.probeSince !== undefined && now - state.probeSince < openMs) return false;
    this.#state = { ...state, probeSince: now };
    return true;
  }

  /** There was an answer, of whatever kind. Returns true if that closed it. Hot path. */
  onAnswer(): boolean {
    const state = this.#state;
    if (state.name === "closed" && state.failures === 0) return false;
    this.#state = { name: "closed", failures: 0 };
    return state.name !== "closed";
  }

  /**
   * What began at `startedAt` failed. What was under way together when something broke is one failure, not many.
   * Returns true if that opened it.
   */
  onFailure(startedAt: number): boolean {
    const state = this.#state;
    if (state.name === "open") {
      if (state.probeSince === undefined || startedAt < state.probeSince) return false;
      this.#open(state.times + 1);
      return true;
    }
    if (startedAt < this.#lastFailureAt) return false;
    this.#lastFailureAt = this.#clock.now();
    const failures = state.failures + 1;
    if (failures < this.#options.failures) {
      this.#state = { name: "closed", failures };
      return false;
    }
    this.#open(1);
    return true;
  }

  /** Somebody decided to try again: the past does not count. Returns true if that closed it. */
  reset(): boolean {
    return this.onAnswer();
  }

  /** What began at `startedAt` ended without saying anything about the other side: another may probe. */
  onNothing(startedAt: number): void {
    const state = this.#state;
    if (state.name === "closed" || state.probeSince === undefined) return;
    if (startedAt >= state.probeSince) this.#state = { ...state, probeSince: undefined };
  }

  #open(times: number): void {
    const { openMs, maxOpenMs } = this.#options;
    const now = this.#clock.now();
    this.#lastFailureAt = now;
    const until = now + Math.min(openMs * times, maxOpenMs);
    this.#state = { name: "open", times, until, probeSince: undefined };
  }
}
