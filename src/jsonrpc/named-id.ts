// The id in a text that is no message: cut off in the middle, or broken. https://www.jsonrpc.org/specification#response_object

import { isId } from "./messages.ts";
import type { RequestId } from "./messages.ts";

/** An id with what ends it: a number that is cut off would be another one. */
const VALUE = /^\s*("(?:[^"\\]|\\.){0,256}"|-?\d{1,16})\s*[,}\]]/u;
/** An id is looked for in so many characters from its colon on. */
const VALUE_CHARS = 600;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COLON = 0x3a;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;

/**
 * The id that a broken text names, if it can only be that of a response: an object that has an `id`, no `method`, and
 * `jsonrpc`, or no members but those of a response. Reads the members of the outermost object only.
 */
export function namedId(text: string): RequestId | undefined {
  // Almost all noise ends here.
  if (text.charCodeAt(0) !== OPEN_BRACE || !text.includes('"id"')) return undefined;
  let id: RequestId | undefined;
  let isResponse = false;
  let isForeign = false;
  let isMarked = false;
  for (const { name, end } of outerMembers(text)) {
    switch (name) {
      case "method":
        return undefined;
      case "id":
        id = valueAt(text, end);
        break;
      case "jsonrpc":
        isMarked = true;
        break;
      case "result":
      case "error":
        isResponse = true;
        break;
      default:
        isForeign = true;
    }
  }
  return isMarked || (isResponse && !isForeign) ? id : undefined;
}

interface Member {
  readonly name: string;
  /** Where its colon is. */
  readonly end: number;
}

/** Walks without recursion and without copies, as far as brackets and quotes can be told apart. */
function* outerMembers(text: string): Generator<Member> {
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    const char = text.charCodeAt(at);
    if (char === OPEN_BRACE || char === OPEN_BRACKET) depth += 1;
    else if (char === CLOSE_BRACE || char === CLOSE_BRACKET) depth -= 1;
    else if (char === QUOTE) {
      const start = at + 1;
      at = endOfString(text, start);
      if (depth !== 1) continue;
      const colon = skipSpace(text, at + 1);
      if (text.charCodeAt(colon) === COLON) yield { name: text.slice(start, at), end: colon };
    }
    if (depth === 0) return;
  }
}

/** Where the quote is that ends a string. */
export function endOfString(text: string, start: number): number {
  for (let at = start; at < text.length; at++) {
    const char = text.charCodeAt(at);
    if (char === BACKSLASH) at += 1;
    else if (char === QUOTE) return at;
  }
  return text.length;
}

function skipSpace(text: string, start: number): number {
  let at = start;
  while (text.charCodeAt(at) <= 0x20) at += 1;
  return at;
}

function valueAt(text: string, colon: number): RequestId | undefined {
  const value = VALUE.exec(text.slice(colon + 1, colon + 1 + VALUE_CHARS))?.[1];
  if (value === undefined) return undefined;
  try {
    const id: unknown = JSON.parse(value);
    return isId(id) ? id : undefined;
  } catch {
    return undefined;
  }
}
