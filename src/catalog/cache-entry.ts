// A cached answer as the store holds it: one string that says what it answers, and when it came.
// https://modelcontextprotocol.io/specification/2026-07-28/server/utilities/caching

import { createHash } from "node:crypto";
import { isObject } from "../core/is-object.ts";
import type { CacheKeys } from "../connection/identity.ts";
import type { Clock } from "../core/clock.ts";

export type CacheableMethod =
  | "tools/list"
  | "prompts/list"
  | "resources/list"
  | "resources/templates/list"
  | "resources/read";

/** Where the answer to a request may be. */
export interface CachePlace {
  /** In the store. */
  readonly key: string;
  /** One of the server's {@link CacheKeys}. */
  readonly owner: string;
  readonly isPublic: boolean;
  readonly method: CacheableMethod;
  /** Cursor or URI; `undefined` for the first page. */
  readonly part: string | undefined;
}

export interface CacheEntry {
  /** The place's: so that a store which alters or mixes up keys gives nobody another's answer. */
  readonly key: string;
  /** Whose clock and whose order `receivedAt` and `began` are. */
  readonly epoch: string;
  /** How many invalidations there had been when the request began. */
  readonly began: number;
  /** Monotonic, milliseconds. */
  readonly receivedAt: number;
  /** Milliseconds since the Unix epoch: what another process can compare with. */
  readonly receivedWall: number;
  readonly ttlMs: number;
  readonly result: object;
}

/** Longer hints are cut to this, milliseconds: what is wrong for a day, no server can take back. */
const MAX_TTL_MS = 24 * 60 * 60 * 1_000;

/** Parts that any store keeps apart from all others; the rest is hashed. */
const PLAIN = /^[\x21-\x7e]{0,64}$/;

/** The private place, which is looked at first, and the public one. */
export function placesOf(
  keys: CacheKeys,
  version: string,
  method: CacheableMethod,
  part: string | undefined,
): { readonly private: CachePlace; readonly public: CachePlace } {
  const rest = `${version}:${method}:${tokenOf(part)}`;
  const placeOf = (owner: string, isPublic: boolean): CachePlace => {
    return { key: `${owner}:${rest}`, owner, isPublic, method, part };
  };
  return { private: placeOf(keys.private, false), public: placeOf(keys.public, true) };
}

/** The entry in a value from the store; `undefined` if the value is none of ours, or of another place. */
export function parseEntry(value: string | undefined, place: CachePlace): CacheEntry | undefined {
  if (value === undefined) return undefined;
  let entry: Partial<CacheEntry> | null;
  try {
    entry = JSON.parse(value) as Partial<CacheEntry> | null;
  } catch {
    return undefined;
  }
  if (typeof entry !== "object" || entry === null || entry.key !== place.key) return undefined;
  const { epoch, began, receivedAt, receivedWall, ttlMs, result } = entry;
  const isWhole =
    typeof epoch === "string" &&
    [began, receivedAt, receivedWall, ttlMs].every(Number.isFinite) &&
    isObject(result) &&
    // Callers without credentials may have one key for both.
    (!place.isPublic || saysPublic(result));
  return isWhole ? (entry as CacheEntry) : undefined;
}

/** `undefined` if the result cannot be written: then it did not come as JSON. */
export function writeEntry(entry: CacheEntry): string | undefined {
  try {
    return JSON.stringify(entry);
  } catch {
    return undefined;
  }
}

/** By the monotonic clock if the entry is of this epoch; one that comes from the future is not fresh. */
export function isFresh(entry: CacheEntry, epoch: string, clock: Clock): boolean {
  const age =
    entry.epoch === epoch ? clock.now() - entry.receivedAt : clock.wallTime() - entry.receivedWall;
  return age >= 0 && age < Math.min(entry.ttlMs, MAX_TTL_MS);
}

/** Interim results (`input_required`, `task`) are none (9.5). Absent means complete: older servers do not say. */
export function isComplete(result: unknown): result is object {
  if (!isObject(result)) return false;
  const type = ownValue(result, "resultType");
  return type === undefined || type === "complete";
}

/** How long the result is fresh, milliseconds; 0 for every hint that is none. */
export function ttlOf(result: object): number {
  const ttlMs = ownValue(result, "ttlMs");
  const isHint = typeof ttlMs === "number" && Number.isFinite(ttlMs) && ttlMs > 0;
  return isHint ? Math.min(ttlMs, MAX_TTL_MS) : 0;
}

/** Private is whatever does not say exactly `"public"` (9.4). */
export function saysPublic(result: object): boolean {
  return ownValue(result, "cacheScope") === "public";
}

export function nextCursorOf(result: object): string | undefined {
  const next = ownValue(result, "nextCursor");
  return typeof next === "string" ? next : undefined;
}

/** The marks `=` and `#` keep apart: no part, an empty one, a plain one and a hashed one. */
function tokenOf(part: string | undefined): string {
  if (part === undefined) return "";
  if (PLAIN.test(part)) return `=${part}`;
  // UTF-16, because UTF-8 would make one of all unpaired surrogates.
  return `#${createHash("sha256").update(Buffer.from(part, "utf16le")).digest("hex")}`;
}

function ownValue(object: object, key: string): unknown {
  return Object.hasOwn(object, key) ? (object as { [key: string]: unknown })[key] : undefined;
}
