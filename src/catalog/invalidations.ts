// What is not fresh any more, whatever its time to live says: told by notifications, kept in memory.

import type { CacheableMethod, CachePlace } from "./cache-entry.ts";

/** Beyond as many servers and principals at once, everything counts as invalidated. */
const MAX_OWNERS = 1_000;

/** Beyond as many resources of one owner, all that was read of it counts as invalidated. */
const MAX_URIS = 1_000;

/** A longer URI is not kept: all reads count as invalidated instead. */
const MAX_URI_CHARS = 4_096;

/** Each mark is the number of the invalidation that made it. */
interface Marks {
  /** Of all that the owner has. */
  readonly all: number;
  readonly methods: Map<CacheableMethod, number>;
  readonly uris: Map<string, number>;
}

/** Counted, not timed: two events of the same millisecond have an order. */
export class Invalidations {
  readonly #marks: Map<string, Marks> = new Map();
  /** Of everything of everybody. */
  #floor = 0;
  #count = 0;

  /** How many there were so far. What begins now is older than the next one. */
  get count(): number {
    return this.#count;
  }

  /** The last that concerns the place; 0 if none does. */
  last(place: CachePlace): number {
    const marks = this.#marks.get(place.owner);
    if (marks === undefined) return this.#floor;
    let last = Math.max(this.#floor, marks.all, marks.methods.get(place.method) ?? 0);
    if (place.method !== "resources/read") return last;
    for (const [uri, mark] of marks.uris) {
      if (mark > last && isRelated(uri, place.part ?? "")) last = mark;
    }
    return last;
  }

  markAll(owner: string): void {
    this.#marks.delete(owner);
    this.#marksOf(owner, ++this.#count);
  }

  /** All parts of what the method gives. */
  markMethod(owner: string, method: CacheableMethod): void {
    this.#marksOf(owner).methods.set(method, ++this.#count);
  }

  /** The resource, and what lies below or above it. */
  markResource(owner: string, uri: string): void {
    const { methods, uris } = this.#marksOf(owner);
    if (uri.length > MAX_URI_CHARS || (uris.size >= MAX_URIS && !uris.has(uri))) {
      uris.clear();
      methods.set("resources/read", ++this.#count);
    } else {
      uris.set(uri, ++this.#count);
    }
  }

  #marksOf(owner: string, all = 0): Marks {
    let marks = this.#marks.get(owner);
    if (marks === undefined) {
      if (this.#marks.size >= MAX_OWNERS) {
        this.#marks.clear();
        this.#floor = ++this.#count;
      }
      this.#marks.set(owner, (marks = { all, methods: new Map(), uris: new Map() }));
    }
    return marks;
  }
}

function isRelated(a: string, b: string): boolean {
  return isWithin(a, b) || isWithin(b, a);
}

/** Whether `uri` is the resource `above`, or one below it (8.12). */
export function isWithin(uri: string, above: string): boolean {
  return uri === above || uri.startsWith(above.endsWith("/") ? above : `${above}/`);
}
