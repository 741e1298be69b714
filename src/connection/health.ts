// When a connection that is ready is looked after without a call: after the machine slept, and regularly if asked.

import type { Clock, Timer } from "../core/clock.ts";
import type { SleepWatch } from "../core/sleep-watch.ts";
import type { Supervisor } from "./supervisor.ts";

/** After a sleep all servers are asked anew, spread over so long: nobody wants all of them at once. Milliseconds. */
const SPREAD_MS = 1_000;

export interface HealthOptions {
  readonly clock: Clock;
  readonly sleepWatch: SleepWatch;
  readonly supervisor: Supervisor;
  /** `false`: only after a sleep. */
  readonly intervalMs: number | false;
  /** No call is under way, which would itself be a sign of life. */
  readonly isIdle: () => boolean;
}

export class Health {
  readonly #options: HealthOptions;
  #unwatch: (() => void) | undefined;
  #timer: Timer | undefined;

  constructor(options: HealthOptions) {
    this.#options = options;
  }

  /** The connection is ready. */
  start(): void {
    const { sleepWatch, clock, supervisor, intervalMs, isIdle } = this.#options;
    this.stop();
    this.#unwatch = sleepWatch.watch(() => {
      supervisor.suspect();
      // Only who has not been asked by a call by then.
      this.#checkIn(clock.random() * SPREAD_MS, () => false);
    });
    if (intervalMs !== false) this.#checkIn(intervalMs, isIdle);
  }

  /** It is not, any more. */
  stop(): void {
    this.#unwatch?.();
    this.#unwatch = undefined;
    this.#disarm();
  }

  #checkIn(delayMs: number, alsoGood: () => boolean): void {
    const { clock, sleepWatch, supervisor, intervalMs, isIdle } = this.#options;
    this.#disarm();
    this.#timer = clock.setTimer(
      () => {
        this.#timer = undefined;
        sleepWatch.look();
        // Late, because the machine slept: what that sets off is asked over new sockets, in a moment.
        if (this.#timer !== undefined) return;
        supervisor.check(alsoGood());
        if (intervalMs !== false) this.#checkIn(intervalMs, isIdle);
      },
      delayMs,
      true,
    );
  }

  #disarm(): void {
    if (this.#timer !== undefined) this.#options.clock.clearTimer(this.#timer);
    this.#timer = undefined;
  }
}
