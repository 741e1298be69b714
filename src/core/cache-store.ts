// Where the pool keeps what it may use again: any store of strings, and the one it has of its own.

import { LRUCache } from "lru-cache";

/**
 * A store of strings by key. A `Map` fits; so does a file or a shared server, because every method may be
 * asynchronous.
 *
 * A method that throws, rejects, or gives no answer within a second is reported as a `warning`, once for each
 * method, and the pool goes on as if the store were empty. What comes back is checked: what the pool did not write,
 * it ignores.
 *
 * Values hold what servers answered, private data included, so protect the store as you would protect that data.
 * Keys are opaque: they say nothing of credentials, but may hold the URI of a resource or a cursor.
 */
export interface CacheStore {
  /** The value, or `undefined` or `null` if there is none. */
  get(key: string): string | undefined | null | Promise<string | undefined | null>;
  /** `ttlMs`: a hint. After as many milliseconds, an integer of at least 1, the entry may be dropped. */
  set(key: string, value: string, ttlMs: number): unknown;
  /** Not an error if there is none. */
  delete(key: string): unknown;
}

const MAX_ENTRIES = 1_000;

const MAX_CHARS = 32 * 1024 * 1024;

/** A larger entry is not kept: it would push out too many others. */
const MAX_ENTRY_CHARS = 8 * 1024 * 1024;

/**
 * The default store, in memory. It holds 1,000 entries and 32 Mi characters in all, keys included; beyond that the
 * least recently used go first. An entry of more than 8 Mi characters is not kept.
 */
export function createMemoryStore(): CacheStore {
  const entries = new LRUCache<string, string>({
    max: MAX_ENTRIES,
    maxSize: MAX_CHARS,
    maxEntrySize: MAX_ENTRY_CHARS,
    sizeCalculation: (value, key) => Math.max(1, key.length + value.length),
  });
  return {
    get: (key) => entries.get(key),
    set: (key, value) => {
      entries.set(key, value);
    },
    delete: (key) => entries.delete(key),
  };
}
