// One page of a list as servers write it: its items, and whether another page follows.
// https://modelcontextprotocol.io/specification/2025-11-25/server/utilities/pagination

import { isObject } from "../core/is-object.ts";

export interface PageItems {
  readonly items: readonly unknown[];
  /** What stands where the array belongs, if there is no array. */
  readonly odd?: string;
}

/** `undefined` if nothing in the result can be taken for a list. */
export function readItems(
  result: { readonly [key: string]: unknown },
  key: string,
): PageItems | undefined {
  const value = result[key];
  if (Array.isArray(value)) return { items: value };
  // A Go slice without elements is written as null, or left out.
  if (value === undefined) return { items: [], odd: `"${key}" is absent` };
  if (value === null) return { items: [], odd: `"${key}" is null` };
  if (!isObject(value)) return undefined;
  // PHP writes an array with gaps as an object with its indices, and Lua an empty array as an empty object.
  if (Object.keys(value).every((name) => /^\d+$/.test(name))) {
    return { items: Object.values(value), odd: `"${key}" is an object` };
  }
  // Converters from XML write a list of one as the one.
  const isItem = typeof (value as { name?: unknown }).name === "string";
  return isItem ? { items: [value], odd: `"${key}" is one item` } : undefined;
}

/**
 * - `end`: the list is complete.
 * - `follow`: there is another page.
 * - `try`: there may be another page; the list was complete if that one brings nothing new, or is refused.
 * - `endless`: the server leads in a circle.
 */
export type Step = "end" | "follow" | "try" | "endless";

/** What is known of a page and of the way to it. */
export interface PageFacts {
  /** `nextCursor` as the server wrote it. */
  readonly next: unknown;
  /** The cursor that this page was asked for with; `undefined` for the first page. */
  readonly cursor: string | number | undefined;
  /** Whether `next` was followed before. */
  readonly wasFollowed: boolean;
  /** How often `cursor` was followed in a row. */
  readonly askedInRow: number;
  /** Items on the page that no page before had. */
  readonly newCount: number;
  /** Pages so far, this one included. */
  readonly page: number;
  readonly isStateless: boolean;
  readonly strict: boolean;
}

export type CursorQuirk = "empty-cursor" | "cursor-not-string" | "cursor-repeated";

/** What to do after a page. A pure function: the table is in its test. */
export function stepAfter(facts: PageFacts): {
  readonly step: Step;
  readonly quirk?: CursorQuirk;
} {
  const { next, wasFollowed, strict } = facts;
  if (next === undefined || next === null) return { step: "end" };
  if (strict) {
    return { step: typeof next === "string" && !wasFollowed ? "follow" : "endless" };
  }
  if (typeof next !== "string" && typeof next !== "number") {
    return { step: "end", quirk: "cursor-not-string" };
  }
  // From 2026-07-28 on an empty string is a cursor like any other; zero is one in no revision.
  const isEmptyMark = next === 0 || (next === "" && !facts.isStateless);
  if (isEmptyMark) return wasFollowed ? { step: "end", quirk: "empty-cursor" } : { step: "try" };
  if (!wasFollowed) {
    return typeof next === "number"
      ? { step: "follow", quirk: "cursor-not-string" }
      : { step: "follow" };
  }
  return afterRepeated(facts);
}

/** A page that names itself as the next one is the last, if there is nothing new on it the second time. */
function afterRepeated({ next, cursor, askedInRow, newCount }: PageFacts): {
  readonly step: Step;
  readonly quirk?: CursorQuirk;
} {
  if (next !== cursor) return { step: "endless" };
  // Also where it is the first page again, for a cursor that the server does not look at: no client gets more of it.
  if (newCount === 0) return { step: "end", quirk: "cursor-repeated" };
  return { step: newCount > 0 && askedInRow === 1 ? "follow" : "endless" };
}
