// One function owns a call's signal, timers and cleanup: whatever ends it, nothing is left behind.
// Hot path: one timer and, only if a signal is given, one listener per call.

import type { Clock, Timer } from "../core/clock.ts";

export interface CallLimits {
  /** Longest wait without any sign of life, milliseconds. */
  readonly silenceMs: number;
  /** Longest wait in all, milliseconds. */
  readonly totalMs: number;
}

/** Why a call was given up before its answer came. */
export type Abandoned =
  | { readonly why: "aborted"; readonly reason: unknown }
  | { readonly why: "timeout"; readonly limit: "silence" | "total"; readonly timeoutMs: number };

/** What the body of a call can do to it. Each method has no effect once the call is settled. */
export interface CallControl<T> {
  resolve(value: T): void;
  reject(error: unknown): void;
  /** The other side is alive: the silence starts anew. */
  touch(): void;
}

/**
 * Runs `start` and settles when it says so, when the signal aborts, or when a limit passes.
 * On the last two `abandon` is called exactly once and its value is what the call rejects with.
 */
export function runCall<T>(
  options: {
    clock: Clock;
    limits: CallLimits;
    signal?: AbortSignal | undefined;
    /** True while the other side waits for us (a person answers its question): that is no silence. */
    isOurTurn?: (() => boolean) | undefined;
  },
  start: (control: CallControl<T>) => void,
  abandon: (cause: Abandoned) => unknown,
): Promise<T> {
  const { clock, limits, signal } = options;
  if (signal?.aborted) {
    return Promise.reject(abandon({ why: "aborted", reason: signal.reason }) as Error);
  }
  return new Promise<T>((resolve, reject) => {
    const startedAt = clock.now();
    let lastSignOfLife = startedAt;
    let settled = false;
    let timer: Timer;

    const settle = (): boolean => {
      if (settled) return false;
      settled = true;
      clock.clearTimer(timer);
      signal?.removeEventListener("abort", onAbort);
      return true;
    };
    const onAbort = (): void => {
      if (settle()) reject(abandon({ why: "aborted", reason: signal?.reason }) as Error);
    };
    // The timer is not re-armed on every sign of life: it looks at the time when it fires.
    const onTimer = (): void => {
      const now = clock.now();
      if (options.isOurTurn?.() === true) lastSignOfLife = now;
      const totalLeft = startedAt + limits.totalMs - now;
      const silenceLeft = lastSignOfLife + limits.silenceMs - now;
      const left = Math.min(totalLeft, silenceLeft);
      if (left > 0) {
        timer = clock.setTimer(onTimer, Math.ceil(left));
        return;
      }
      const limit = totalLeft <= 0 ? "total" : "silence";
      const timeoutMs = limit === "total" ? limits.totalMs : limits.silenceMs;
      if (settle()) reject(abandon({ why: "timeout", limit, timeoutMs }) as Error);
    };

    timer = clock.setTimer(onTimer, Math.min(limits.silenceMs, limits.totalMs));
    signal?.addEventListener("abort", onAbort, { once: true });
    start({
      resolve(value) {
        if (settle()) resolve(value);
      },
      reject(error) {
        if (settle()) reject(error as Error);
      },
      touch() {
        lastSignOfLife = clock.now();
      },
    });
  });
}
