// The size of a JSON value, counted only up to a bound: an estimate that costs no more than the bound.

/** Deeper values are not looked at: every message of a server is bounded far below. */
const MAX_DEPTH = 500;

/** What each value costs, besides the length of its text, in characters. */
const VALUE_CHARS = 2;

/** Characters that the value takes as JSON, roughly; `undefined` beyond `maxChars`, `maxValues` or any sane depth. */
export function weigh(value: unknown, maxChars: number, maxValues: number): number | undefined {
  let [chars, values] = [0, 0];
  const isWithin = (part: unknown, depth: number): boolean => {
    chars += VALUE_CHARS;
    if (++values > maxValues || depth > MAX_DEPTH) return false;
    if (typeof part === "string") chars += part.length;
    else if (Array.isArray(part)) {
      for (const item of part) if (!isWithin(item, depth + 1)) return false;
    } else if (typeof part === "object" && part !== null) {
      for (const key of Object.keys(part)) {
        chars += key.length + VALUE_CHARS;
        if (!isWithin((part as { [key: string]: unknown })[key], depth + 1)) return false;
      }
    } else chars += VALUE_CHARS;
    return chars <= maxChars;
  };
  return isWithin(value, 0) ? chars : undefined;
}
