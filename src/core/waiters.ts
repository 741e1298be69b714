// Callers who wait for the same thing, each with a limit and a signal of its own.

import { unwatchAbort, watchAbort } from "./abort.ts";
import type { Clock } from "./clock.ts";

interface Waiter<T> {
  resolve(value: T): void;
  reject(error: unknown): void;
}

export class Waiters<T> {
  readonly #waiting: Set<Waiter<T>> = new Set();

  get size(): number {
    return this.#waiting.size;
  }

  /** Waits at most `limitMs`; then, and on abort, rejects and leaves nothing behind. */
  wait(options: {
    clock: Clock;
    limitMs: number;
    signal?: AbortSignal | undefined;
    onLimit: () => unknown;
  }): Promise<T> {
    const { clock, signal } = options;
    if (signal?.aborted) return Promise.reject(signal.reason as Error);
    return new Promise((resolve, reject) => {
      const timer = clock.setTimer(() => waiter.reject(options.onLimit()), options.limitMs);
      const leave = (): void => {
        this.#waiting.delete(waiter);
        clock.clearTimer(timer);
        if (signal !== undefined && watch !== undefined) unwatchAbort(signal, watch);
      };
      const waiter: Waiter<T> = {
        resolve(value) {
          leave();
          resolve(value);
        },
        reject(error) {
          leave();
          reject(error as Error);
        },
      };
      const watch = signal && watchAbort(signal, () => waiter.reject(signal.reason));
      this.#waiting.add(waiter);
    });
  }

  resolveAll(value: T): void {
    for (const waiter of [...this.#waiting]) waiter.resolve(value);
  }

  /** Each waiter gets an error of its own: its stack and its context are its own. */
  rejectAll(makeError: () => unknown): void {
    for (const waiter of [...this.#waiting]) waiter.reject(makeError());
  }
}
