// A store that a user gave us: whatever it does or fails to do, no call fails or hangs by it.

import type { CacheStore } from "./cache-store.ts";
import type { Clock } from "./clock.ts";
import { withLimit } from "./limit.ts";

/** How long a call waits for the store, milliseconds. */
const PATIENCE_MS = 1_000;

/** After a wait in vain the store is left alone for so long, so that not every call waits, milliseconds. */
const REST_MS = 10_000;

type Operation = "get" | "set" | "delete";

export class GuardedStore {
  readonly #store: CacheStore;
  readonly #clock: Clock;
  readonly #onWarning: (server: string, message: string, cause: unknown) => void;
  readonly #warned: Set<Operation> = new Set();
  readonly #closed: AbortController = new AbortController();
  #restsUntil = -Infinity;

  /** `onWarning` is called once for each of get, set and delete, with the server that was asked for at the time. */
  constructor(
    store: CacheStore,
    clock: Clock,
    onWarning: (server: string, message: string, cause: unknown) => void,
  ) {
    this.#store = store;
    this.#clock = clock;
    this.#onWarning = onWarning;
  }

  /** The store is neither asked nor waited for any more: from now on it is empty. */
  close(): void {
    this.#closed.abort(new Error("the pool was closed"));
  }

  /** `undefined` also if the store failed, or gave what is no string. */
  async get(server: string, key: string): Promise<string | undefined> {
    let value: unknown;
    await this.#attempt(server, "get", async () => {
      value = await this.#within("get", this.#store.get(key));
    });
    return typeof value === "string" ? value : undefined;
  }

  /** Whether the store took it. */
  set(server: string, key: string, value: string, ttlMs: number): Promise<boolean> {
    return this.#attempt(server, "set", () =>
      this.#within("set", this.#store.set(key, value, ttlMs)),
    );
  }

  /** Whether the store let go of it. */
  delete(server: string, key: string): Promise<boolean> {
    return this.#attempt(server, "delete", () => this.#within("delete", this.#store.delete(key)));
  }

  async #attempt(
    server: string,
    operation: Operation,
    work: () => Promise<unknown>,
  ): Promise<boolean> {
    const { signal } = this.#closed;
    if (signal.aborted || this.#clock.now() < this.#restsUntil) return false;
    try {
      await work();
      return true;
    } catch (cause) {
      if (!signal.aborted && !this.#warned.has(operation)) {
        this.#warned.add(operation);
        this.#onWarning(
          server,
          `cacheStore.${operation} failed: the pool goes on as if nothing were stored (reported once)`,
          cause,
        );
      }
      return false;
    }
  }

  /** No timer for a store that answers at once. */
  #within(operation: Operation, outcome: unknown): Promise<unknown> {
    if (!isThenable(outcome)) return Promise.resolve(outcome);
    const onLimit = (): Error => {
      this.#restsUntil = this.#clock.now() + REST_MS;
      return new Error(`cacheStore.${operation} gave no answer within ${PATIENCE_MS} ms`);
    };
    const { signal } = this.#closed;
    return withLimit({ clock: this.#clock, limitMs: PATIENCE_MS, onLimit, signal }, () =>
      Promise.resolve(outcome),
    );
  }
}

function isThenable(value: unknown): boolean {
  return typeof (value as PromiseLike<unknown> | undefined | null)?.then === "function";
}
