// Foreign text made fit to be quoted: nothing in it moves the cursor, turns the line round or hides.

import { flatCopy } from "./flat.ts";

/** White space that a quotation needs no more than once; line breaks would forge lines of a log. */
const BLANKS = /[\t\n\v\f\r ]+/g;

/**
 * Control characters (C0, C1, so ANSI escapes too), line separators, bidirectional controls, characters that no font
 * draws, halves of surrogate pairs. The two variation selectors of emoji stay.
 */
const UNPRINTABLE =
  /(?![\u{FE0E}\u{FE0F}])[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\u{2800}]/gu;

const ASCII = /^[\x20-\x7e]*$/;

/** Longer texts are cut, with their length behind the cut. */
const DEFAULT_MAX_CHARS = 512;

/**
 * A piece of foreign text fit for a message: white space is one blank, an unprintable character is shown as `\u{…}`, and
 * a text longer than `maxChars` is cut: "the beginning… (1000000 characters)".
 *
 * The result is a copy. A slice of V8's would keep the whole text alive for as long as the message.
 */
export function printable(text: string, maxChars: number = DEFAULT_MAX_CHARS): string {
  const head = text.slice(0, maxChars * 2).replace(BLANKS, " ");
  const clean = (ASCII.test(head) ? head : head.replace(UNPRINTABLE, escape)).trim();
  const isCut = clean.length > maxChars || text.length > maxChars * 2;
  const shown = isCut ? `${cut(clean, maxChars)}… (${text.length} characters)` : clean;
  return flatCopy(shown);
}

/** Whether `printable` would change a text of at most `maxChars`. */
export function isPrintable(text: string, maxChars: number): boolean {
  if (text.length > maxChars) return false;
  return ASCII.test(text) || text.search(UNPRINTABLE) === -1;
}

function escape(character: string): string {
  return `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;
}

/** Never inside of a pair or of an escape. */
function cut(text: string, maxChars: number): string {
  const head = text.slice(0, maxChars);
  return head.replace(/[\u{D800}-\u{DBFF}]$|\\(?:u(?:\{[0-9a-f]{0,5})?)?$/u, "").trimEnd();
}
