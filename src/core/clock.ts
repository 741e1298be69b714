// Injectable time and randomness: nothing else in the package reads a clock.

import { unwatchAbort, watchAbort } from "./abort.ts";

/** An armed timer; give it back to `clearTimer`. */
export type Timer = object;

export interface Clock {
  /** Monotonic milliseconds, origin unspecified. */
  now(): number;
  /** Milliseconds since the Unix epoch. */
  wallTime(): number;
  /** Calls `callback` once, after `delayMs`. `background` timers do not keep the process alive. */
  setTimer(callback: () => void, delayMs: number, background?: boolean): Timer;
  clearTimer(timer: Timer): void;
  /** Uniform in [0, 1). */
  random(): number;
}

/** Node's longest timer: a longer one would fire at once, with a warning on the console. */
export const MAX_TIMER_MS: number = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => performance.now(),
  wallTime: () => Date.now(),
  setTimer(callback, delayMs, background = false) {
    // Of NaN, too.
    const timer = setTimeout(callback, delayMs < MAX_TIMER_MS ? delayMs : MAX_TIMER_MS);
    return background ? timer.unref() : timer;
  },
  clearTimer(timer) {
    clearTimeout(timer as NodeJS.Timeout);
  },
  random: () => Math.random(),
};

/** Resolves after `delayMs`, or rejects with `signal.reason` as soon as it is aborted; leaves nothing behind. */
export function delay(
  clock: Clock,
  delayMs: number,
  options: { signal?: AbortSignal | undefined; background?: boolean | undefined } = {},
): Promise<void> {
  const { signal, background } = options;
  if (signal?.aborted) return Promise.reject(signal.reason as Error);
  return new Promise((resolve, reject) => {
    const timer = clock.setTimer(
      () => {
        if (signal !== undefined && watch !== undefined) unwatchAbort(signal, watch);
        resolve();
      },
      delayMs,
      background,
    );
    const watch =
      signal &&
      watchAbort(signal, () => {
        clock.clearTimer(timer);
        reject(signal.reason as Error);
      });
  });
}
