// Answers that their server lets us use again: as long as it said, for whom it said, and not after it took them back.
// https://modelcontextprotocol.io/specification/2026-07-28/server/utilities/caching

import { randomUUID } from "node:crypto";
import type { CacheKeys } from "../connection/identity.ts";
import type { CacheStore } from "../core/cache-store.ts";
import type { Clock } from "../core/clock.ts";
import { GuardedStore } from "../core/guarded-store.ts";
import {
  isComplete,
  isFresh,
  parseEntry,
  placesOf,
  saysPublic,
  ttlOf,
  writeEntry,
} from "./cache-entry.ts";
import type { CacheableMethod, CacheEntry, CachePlace } from "./cache-entry.ts";
import { CacheSweep } from "./cache-sweep.ts";
import { Invalidations } from "./invalidations.ts";

/**
 * - `"default"`: what is stored and fresh, otherwise the server.
 * - `"reload"`: always the server; its answer replaces what is stored.
 * - `"no-store"`: always the server; the store is neither read nor written.
 */
export type CacheMode = "default" | "reload" | "no-store";

/** What the cache must know of a server. */
export interface CachedServer {
  /** In the pool. */
  readonly name: string;
  readonly cacheKeys: CacheKeys;
}

/**
 * Asks the server. Whoever learns while asking that the answer depends on more than method and part, because it was
 * got with `inputResponses` or `requestState`, calls `doNotStore` (9.5).
 */
export type Ask = (doNotStore: () => void) => Promise<object>;

/** One list by its notification. */
type ListKind = "tools" | "resources" | "prompts";

const METHODS_OF: { readonly [kind in ListKind]: readonly CacheableMethod[] } = {
  tools: ["tools/list"],
  prompts: ["prompts/list"],
  resources: ["resources/list", "resources/templates/list"],
};

/** One per pool. */
export class ResponseCache {
  /** Guarded once for all that the pool keeps: its failures are reported once. */
  readonly store: GuardedStore;
  readonly #clock: Clock;
  readonly #invalidations = new Invalidations();
  readonly #sweep: CacheSweep;
  /** Tells our entries from those of other processes and other pools, whose clocks and counts are not ours. */
  readonly #epoch: string = randomUUID();

  constructor(options: {
    readonly store: CacheStore;
    readonly clock: Clock;
    /** Called once for each method of the store that fails. */
    readonly onWarning: (server: string, message: string, cause: unknown) => void;
  }) {
    this.store = new GuardedStore(options.store, options.clock, options.onWarning);
    this.#clock = options.clock;
    this.#sweep = new CacheSweep(this.store, (entry, place) => this.#isOutdated(entry, place));
  }

  /**
   * What is stored and fresh in mode `"default"`, a new object each time; otherwise what `ask` gives, or rejects with.
   * `part` is the cursor or the URI: `""` is another than none.
   */
  async request(
    server: CachedServer,
    version: string,
    method: CacheableMethod,
    part: string | undefined,
    mode: CacheMode,
    ask: Ask,
  ): Promise<object> {
    if (mode === "no-store") return await ask(() => {});
    this.#sweep.addVersion(version);
    const keys = server.cacheKeys;
    const places = placesOf(keys, version, method, part);
    const superseded: CachePlace[] = [];
    for (const place of [places.private, places.public]) {
      // Unread, so it may be there.
      const found = mode === "reload" || (await this.#find(server, place));
      if (found === false) continue;
      if (typeof found === "object" && this.#isUsable(found, place)) return found.result;
      superseded.push(place);
    }
    const began = this.#invalidations.count;
    let isStorable = true;
    const result = await ask(() => (isStorable = false));
    // Who logged in or out meanwhile: whose answer this is cannot be told (9.4).
    const isSamePrincipal = server.cacheKeys.private === keys.private;
    if (isStorable && isSamePrincipal && isComplete(result)) {
      const place = saysPublic(result) ? places.public : places.private;
      await this.#replace(server.name, superseded, place, began, result);
    }
    return result;
  }

  /** Everything of this list, all pages, is stale from now on. Of `"resources"` the templates too (9.6). */
  listChanged(server: CachedServer, kind: ListKind): void {
    for (const method of METHODS_OF[kind]) this.dropList(server, method);
  }

  /** The resource, and what lies below or above it, is stale from now on: an update may name a sub-resource. */
  resourceUpdated(server: CachedServer, uri: string): void {
    const keys = server.cacheKeys;
    for (const owner of ownersOf(keys)) this.#invalidations.markResource(owner, uri);
    this.#sweep.resource(server.name, keys, uri);
  }

  /** Nothing stored so far of this server is fresh any more: notifications may have been missed. */
  missed(server: CachedServer): void {
    const keys = server.cacheKeys;
    for (const owner of ownersOf(keys)) this.#invalidations.markAll(owner);
    for (const method of Object.values(METHODS_OF).flat()) {
      this.#sweep.list(server.name, keys, method);
    }
  }

  /** All pages of the list are stale from now on: the server refused a cursor of it (9.7). */
  dropList(server: CachedServer, method: CacheableMethod): void {
    const keys = server.cacheKeys;
    for (const owner of ownersOf(keys)) this.#invalidations.markMethod(owner, method);
    this.#sweep.list(server.name, keys, method);
  }

  /** The store is neither asked nor waited for any more. */
  close(): void {
    this.store.close();
  }

  async #find(server: CachedServer, place: CachePlace): Promise<CacheEntry | false> {
    return parseEntry(await this.store.get(server.name, place.key), place) ?? false;
  }

  #isUsable(entry: CacheEntry, place: CachePlace): boolean {
    return isFresh(entry, this.#epoch, this.#clock) && !this.#isOutdated(entry, place);
  }

  /** An entry of another epoch cannot be put in order: it may be older than any invalidation. */
  #isOutdated(entry: CacheEntry, place: CachePlace): boolean {
    const last = this.#invalidations.last(place);
    return entry.epoch === this.#epoch ? entry.began < last : last > 0;
  }

  /** A newer answer takes the place of older ones, in both scopes, also if it may not be stored itself. */
  async #replace(
    server: string,
    superseded: readonly CachePlace[],
    place: CachePlace,
    began: number,
    result: object,
  ): Promise<void> {
    // Invalidated while under way: this may be the state before the change (9.6).
    if (this.#invalidations.last(place) > began) return;
    const ttlMs = ttlOf(result);
    const entry: CacheEntry = {
      key: place.key,
      epoch: this.#epoch,
      began,
      receivedAt: this.#clock.now(),
      receivedWall: this.#clock.wallTime(),
      ttlMs,
      result,
    };
    const value = ttlMs > 0 ? writeEntry(entry) : undefined;
    for (const old of superseded) {
      if (value !== undefined && old.key === place.key) continue;
      if (!(await this.store.delete(server, old.key))) this.#mark(old);
    }
    if (value === undefined) return;
    const isStored = await this.store.set(server, place.key, value, Math.ceil(ttlMs));
    if (!isStored) {
      // What was there may still be, and would pass for the newest.
      if (superseded.includes(place)) this.#mark(place);
    } else if (this.#isOutdated(entry, place)) {
      await this.store.delete(server, place.key);
    }
  }

  #mark({ owner, method, part }: CachePlace): void {
    if (method === "resources/read") this.#invalidations.markResource(owner, part ?? "");
    else this.#invalidations.markMethod(owner, method);
  }
}

/** What a notification to one user says about a public answer, it says for all. */
function ownersOf(keys: CacheKeys): readonly string[] {
  return [keys.private, keys.public];
}
