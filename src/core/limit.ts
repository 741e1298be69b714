// Work under a limit and a signal: whichever comes first ends it, for the caller at least.

import { unwatchAbort, watchAbort } from "./abort.ts";
import type { Clock } from "./clock.ts";

/**
 * What `work` gives; or, when the signal aborts or `limitMs` passes, the signal's reason or `onLimit`'s error.
 * The signal that `work` gets is aborted with the same. What heeds it may take `graceMs` (default 0) to tidy up.
 */
export async function withLimit<T>(
  options: {
    readonly clock: Clock;
    readonly limitMs: number;
    readonly onLimit: () => Error;
    readonly signal?: AbortSignal | undefined;
    readonly graceMs?: number;
  },
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const { clock, limitMs, onLimit, signal, graceMs = 0 } = options;
  const ended = new AbortController();
  let timer = clock.setTimer(() => ended.abort(onLimit()), limitMs);
  if (signal?.aborted) ended.abort(signal.reason);
  const watch = signal && watchAbort(signal, () => ended.abort(signal.reason));
  try {
    const given = new Promise<never>((_, reject) => {
      const fail = (): void => reject(ended.signal.reason as Error);
      const onEnded = (): void => {
        if (graceMs === 0) return fail();
        clock.clearTimer(timer);
        timer = clock.setTimer(fail, graceMs);
      };
      if (ended.signal.aborted) onEnded();
      else ended.signal.addEventListener("abort", onEnded, { once: true });
    });
    return await Promise.race([work(ended.signal), given]);
  } finally {
    clock.clearTimer(timer);
    if (signal !== undefined && watch !== undefined) unwatchAbort(signal, watch);
  }
}
