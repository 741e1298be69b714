// Reports of what fits nothing, and of callbacks that threw: a few a minute, however many a server brings about.

import type { Clock } from "../core/clock.ts";

/** Reports in one minute; the rest of its strays is counted by nobody but the repair log. */
const MAX_REPORTS = 20;
const WINDOW_MS = 60_000;

export class Strays {
  readonly #clock: Clock;
  readonly #onStray: (what: string, cause?: unknown) => void;
  #count = 0;
  #since = -Infinity;

  constructor(clock: Clock, onStray: (what: string, cause?: unknown) => void) {
    this.#clock = clock;
    this.#onStray = onStray;
  }

  /** @param describe is only asked if the report is made */
  report(describe: () => string, cause?: unknown): void {
    const now = this.#clock.now();
    if (now - this.#since > WINDOW_MS) {
      this.#since = now;
      this.#count = 0;
    }
    if (++this.#count > MAX_REPORTS) return;
    const last = this.#count === MAX_REPORTS ? "; more in this minute is not reported" : "";
    this.#onStray(`${describe()}${last}`, cause);
  }
}
