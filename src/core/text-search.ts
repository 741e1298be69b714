// Many texts looked for in one pass, whatever their number. After Wu and Manber, "A Fast Algorithm for Multi-Pattern
// Searching", 1994: three characters at every fourth place say whether one of them can stand there.

/** A pattern is at least so long, UTF-16 units. */
export const MIN_PATTERN_CHARS = 6;

const GRAM_CHARS = 3;
/** Every occurrence has one of its first grams at a multiple of this. */
const STEP = MIN_PATTERN_CHARS - GRAM_CHARS + 1;

/** From, and behind the end. */
export type Range = readonly [from: number, to: number];

interface Candidate {
  readonly pattern: string;
  /** Where the gram stands in it. */
  readonly offset: number;
}

/** Behind a text that was cut, and at its end. */
const CUT = "…";

/** The beginning of a pattern of so many characters is no chance any more: somebody has cut the rest. */
const MIN_BEGINNING_CHARS = 10;

export class TextSearch {
  readonly #candidates: ReadonlyMap<number, readonly Candidate[]>;
  readonly #known: Uint8Array = new Uint8Array(0x1_0000);

  constructor(patterns: Iterable<string>) {
    const candidates = new Map<number, Candidate[]>();
    for (const pattern of new Set(patterns)) {
      if (pattern.length < MIN_PATTERN_CHARS) continue;
      for (let offset = 0; offset < STEP; offset++) {
        const hash = gramAt(pattern, offset);
        const those = candidates.get(hash) ?? [];
        those.push({ pattern, offset });
        candidates.set(hash, those);
        this.#known[hash] = 1;
      }
    }
    this.#candidates = candidates;
  }

  /**
   * Where patterns stand, in order, joined where they overlap. The beginning of one counts too, if it is long, or if the
   * text was cut behind it.
   */
  find(text: string): readonly Range[] {
    const found: (readonly [number, number])[] = [];
    const last = text.length - GRAM_CHARS;
    for (let at = 0; at <= last; at += STEP) {
      const hash = gramAt(text, at);
      if (this.#known[hash] === 0) continue;
      for (const { pattern, offset } of this.#candidates.get(hash) ?? []) {
        const from = at - offset;
        const to = from < 0 ? undefined : endOf(text, pattern, from);
        if (to !== undefined) found.push([from, to]);
      }
    }
    return found.length < 2 ? found : joined(found);
  }
}

function endOf(text: string, pattern: string, from: number): number | undefined {
  if (text.startsWith(pattern, from)) return from + pattern.length;
  let length = 0;
  while (length < pattern.length && text[from + length] === pattern[length]) length += 1;
  const end = from + length;
  const isCut = end === text.length || text[end] === CUT;
  return length >= (isCut ? MIN_PATTERN_CHARS : MIN_BEGINNING_CHARS) ? end : undefined;
}

function joined(ranges: (readonly [number, number])[]): Range[] {
  const result: [number, number][] = [];
  for (const [from, to] of ranges.toSorted((one, other) => one[0] - other[0])) {
    const before = result.at(-1);
    if (before !== undefined && from <= before[1]) before[1] = Math.max(before[1], to);
    else result.push([from, to]);
  }
  return result;
}

function gramAt(text: string, at: number): number {
  const sum = text.charCodeAt(at) * 961 + text.charCodeAt(at + 1) * 31 + text.charCodeAt(at + 2);
  return sum & 0xffff;
}
