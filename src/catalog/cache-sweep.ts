// Takes out of the store what was invalidated, so that a later process does not find it. Best effort, behind the calls.

import type { CacheKeys } from "../connection/identity.ts";
import type { GuardedStore } from "../core/guarded-store.ts";
import { nextCursorOf, parseEntry, placesOf } from "./cache-entry.ts";
import type { CacheableMethod, CacheEntry, CachePlace } from "./cache-entry.ts";

/** Further pages of a list are left to their time to live. */
const MAX_PAGES = 1_000;

/** How many levels above a resource are looked at. */
const MAX_LEVELS = 4;

/** Beyond as many waiting sweeps, further ones are not done. */
const MAX_WAITING = 1_000;

export class CacheSweep {
  readonly #store: GuardedStore;
  readonly #isOutdated: (entry: CacheEntry, place: CachePlace) => boolean;
  /** Revisions under which something may be stored: at most those that this package speaks. */
  readonly #versions: Set<string> = new Set();
  /** One at a time, and of the same kind one waits at most: a flood of notifications is none for the store. */
  readonly #waiting: Map<string, () => Promise<void>> = new Map();
  #isRunning = false;

  /** An entry that `isOutdated` does not confirm stays: it was stored since. */
  constructor(store: GuardedStore, isOutdated: (entry: CacheEntry, place: CachePlace) => boolean) {
    this.#store = store;
    this.#isOutdated = isOutdated;
  }

  addVersion(version: string): void {
    this.#versions.add(version);
  }

  /** All pages, as far as each leads to the next. */
  list(server: string, keys: CacheKeys, method: CacheableMethod): void {
    this.#add(`${keys.private}:${method}`, () => this.#take(server, keys, method, [undefined]));
  }

  /** The resource and those above it; those below cannot be told from the store. */
  resource(server: string, keys: CacheKeys, uri: string): void {
    this.#add(`${keys.private}:=${uri}`, () =>
      this.#take(server, keys, "resources/read", [uri, ...above(uri)]),
    );
  }

  #add(id: string, sweep: () => Promise<void>): void {
    if (this.#waiting.size < MAX_WAITING) this.#waiting.set(id, sweep);
    if (!this.#isRunning) void this.#run();
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    try {
      // Entries that are added meanwhile are visited too.
      for (const [id, sweep] of this.#waiting) {
        this.#waiting.delete(id);
        await sweep();
      }
    } finally {
      this.#isRunning = false;
    }
  }

  async #take(
    server: string,
    keys: CacheKeys,
    method: CacheableMethod,
    known: readonly (string | undefined)[],
  ): Promise<void> {
    for (const version of this.#versions) {
      const parts = new Set(known);
      for (const part of parts) {
        for (const place of Object.values(placesOf(keys, version, method, part))) {
          const entry = parseEntry(await this.#store.get(server, place.key), place);
          if (entry === undefined) continue;
          if (this.#isOutdated(entry, place)) await this.#store.delete(server, place.key);
          const next = nextCursorOf(entry.result);
          const isList = method !== "resources/read";
          if (isList && next !== undefined && parts.size < MAX_PAGES) parts.add(next);
        }
      }
    }
  }
}

/** The nearest levels above a URI, each with and without its slash. */
function above(uri: string): string[] {
  const levels: string[] = [];
  const scheme = uri.indexOf("://");
  const root = scheme === -1 ? 0 : scheme + 2;
  let at = uri.lastIndexOf("/");
  for (let level = 0; at > root && level < MAX_LEVELS; level++) {
    levels.push(uri.slice(0, at), uri.slice(0, at + 1));
    at = uri.lastIndexOf("/", at - 1);
  }
  return levels;
}
