// A response cache over a store, a clock and a server that counts how often it is asked.

import type { CacheableMethod } from "../../../src/catalog/cache-entry.ts";
import { ResponseCache } from "../../../src/catalog/response-cache.ts";
import type { CachedServer, CacheMode } from "../../../src/catalog/response-cache.ts";
import type { CacheStore } from "../../../src/core/cache-store.ts";
import { ManualClock } from "../../support/manual-clock.ts";

export const VERSION = "2026-07-28";

/** A clock whose wall time can be set, as by its owner. */
export class TwoClocks extends ManualClock {
  #shift = 0;

  shiftWall(ms: number): void {
    this.#shift += ms;
  }

  override wallTime(): number {
    return super.wallTime() + this.#shift;
  }
}

export function serverOf(name: string, place: string, principal: string): CachedServer {
  return { name, cacheKeys: { public: `at-${place}`, private: `at-${place}-as-${principal}` } };
}

export const SERVER: CachedServer = serverOf("s", "here", "me");

export interface Asking {
  readonly server?: CachedServer;
  readonly version?: string;
  readonly method?: CacheableMethod;
  readonly part?: string | undefined;
  readonly mode?: CacheMode;
  /** What the server's answer says, should it be asked. */
  readonly ttlMs?: unknown;
  readonly cacheScope?: unknown;
  readonly resultType?: unknown;
  readonly nextCursor?: string;
  readonly error?: Error;
  /** The answer needed inputs. */
  readonly withInputs?: boolean;
  /** Happens while the server is being asked. */
  readonly during?: () => unknown;
}

export interface Harness {
  readonly cache: ResponseCache;
  /** The n-th request to the server is answered with `answer: n`. */
  readonly ask: (asking?: Asking) => Promise<object>;
}

export function cacheOver(custom?: CacheStore) {
  const store = new Map<string, string>();
  const clock = new TwoClocks();
  const warnings: string[] = [];
  const log: string[] = [];
  let count = 0;

  function harness(over: CacheStore, at: TwoClocks): Harness {
    const cache = new ResponseCache({
      store: over,
      clock: at,
      onWarning: (server, message) => warnings.push(`${server}: ${message}`),
    });
    const ask = (asking: Asking = {}): Promise<object> => {
      const { server = SERVER, version = VERSION, method = "tools/list", part } = asking;
      return cache.request(
        server,
        version,
        method,
        part,
        asking.mode ?? "default",
        async (doNotStore) => {
          const answer = ++count;
          log.push(part === undefined ? method : `${method} ${part}`);
          await asking.during?.();
          if (asking.error !== undefined) throw asking.error;
          if (asking.withInputs === true) doNotStore();
          const { ttlMs, cacheScope, resultType, nextCursor } = asking;
          const hints = Object.entries({ ttlMs, cacheScope, resultType, nextCursor });
          return {
            answer,
            deep: { list: [1, 2, 3] },
            ...Object.fromEntries(hints.filter(([, value]) => value !== undefined)),
          };
        },
      );
    };
    return { cache, ask };
  }

  return {
    ...harness(custom ?? store, clock),
    store,
    clock,
    warnings,
    /** What the server was asked, in order. */
    log,
    asked: () => count,
    /** Another process, or another pool, over the same store; `change` alters what it reads. */
    cacheOf: (change: (text: string) => string = (text) => text, at: TwoClocks = clock): Harness =>
      harness(
        {
          get: (key) => {
            const value = store.get(key);
            return value === undefined ? undefined : change(value);
          },
          set: (key, value) => store.set(key, value),
          delete: (key) => store.delete(key),
        },
        at,
      ),
  };
}
