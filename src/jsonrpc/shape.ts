// How deep and how dense a text of JSON is, told before it is parsed: five million brackets are ten megabytes of text,
// and a gigabyte and seconds once they are objects.
// Hot path: a few searches for a byte, in texts of some length.

/** How deep one message may nest, in arrays and objects. Beyond it the message is refused. */
export const MAX_DEPTH = 512;

/** Arrays, objects and members of one message. Parsing so many takes 150 ms; a message of more is refused. */
export const MAX_VALUES = 1_000_000;

/** Members of a message that has hardly more than one object: each name that is new costs as much as four objects. */
export const MAX_MEMBERS = 250_000;

/** Shorter texts cannot have so many members. */
const MEMBERS_CHARS = MAX_MEMBERS * 4;

const QUOTE = 0x22;
const COMMA = 0x2c;
const BACKSLASH = 0x5c;
/** `[` and `{`, and `]` and `}`, are the same but for this bit. */
const BRACE_BIT = 0x20;
const OPEN = 0x7b;
const CLOSE = 0x7d;

/** Why a text is not parsed; undefined if it is in order, as far as it is JSON. */
export function shapeFailure(text: string): "too-deep" | "too-many" | undefined {
  // A text nests no deeper than it has brackets, those in strings included.
  if (text.length < MAX_DEPTH * 2) return undefined;
  const left = MAX_DEPTH - countOf(text, "{", MAX_DEPTH);
  if (left < 0 || countOf(text, "[", left) > left) return scan(text, MAX_VALUES);
  if (text.length < MEMBERS_CHARS || countOf(text, '":', MAX_MEMBERS) <= MAX_MEMBERS) {
    return undefined;
  }
  return scan(text, MAX_MEMBERS);
}

/** Counts no further than one beyond `max`. */
function countOf(text: string, part: string, max: number): number {
  let count = 0;
  for (let at = text.indexOf(part); at !== -1 && count <= max; at = text.indexOf(part, at + 1)) {
    count += 1;
  }
  return count;
}

function scan(text: string, maxValues: number): "too-deep" | "too-many" | undefined {
  let depth = 0;
  let values = 0;
  let isInString = false;
  for (let at = 0; at < text.length; at++) {
    const char = text.charCodeAt(at);
    if (isInString) {
      if (char === BACKSLASH) at += 1;
      else if (char === QUOTE) isInString = false;
    } else if (char === QUOTE) isInString = true;
    else if (char === COMMA) values += 1;
    else if ((char | BRACE_BIT) === OPEN) {
      if (++depth > MAX_DEPTH) return "too-deep";
      values += 1;
    } else if ((char | BRACE_BIT) === CLOSE) depth -= 1;
  }
  return values > maxValues ? "too-many" : undefined;
}
