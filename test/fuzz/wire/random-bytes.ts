// Random bytes, as strings of one character each, and random damage to them.

import type { Random } from "../../support/random.ts";

export function junk(random: Random, maxLength: number): string {
  const length = random.int(0, maxLength);
  const low = random.chance(0.5) ? 0x20 : 0;
  const high = low === 0 ? 0xff : 0x7e;
  return String.fromCharCode(...Array.from({ length }, () => random.int(low, high)));
}

/** Cuts it into pieces, of one byte now and then. */
export function cut(random: Random, bytes: string): string[] {
  const parts: string[] = [];
  const longest = random.pick([1, 3, 20, 200, 5_000]);
  for (let at = 0; at < bytes.length && parts.length < 400;) {
    const end = parts.length === 399 ? bytes.length : at + random.int(1, longest);
    parts.push(bytes.slice(at, end));
    at = end;
  }
  return parts;
}

/** One to three pieces of it are changed, left out, repeated or moved. */
export function damage(random: Random, bytes: string): string {
  let damaged = bytes;
  for (let count = random.int(1, 3); count > 0; count--) {
    const at = random.int(0, damaged.length);
    const end = Math.min(damaged.length, at + random.int(0, 12));
    const [before, piece, after] = [
      damaged.slice(0, at),
      damaged.slice(at, end),
      damaged.slice(end),
    ];
    const put = random.draw({ junk: 3, none: 2, twice: 2, many: 1 });
    if (put === "junk") damaged = before + junk(random, 12) + after;
    else if (put === "none") damaged = before + after;
    else if (put === "twice") damaged = before + piece + piece + after;
    else damaged = before + piece.repeat(random.int(2, 2_000)) + after;
  }
  return damaged;
}
