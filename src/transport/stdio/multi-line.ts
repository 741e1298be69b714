// An object that a server has printed over several lines, put together again.

import { endOfString } from "../../jsonrpc/named-id.ts";

const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const QUOTE = 0x22;

/** A line with nothing but the brace may have blanks and a byte order mark around it. */
const MAX_START_CHARS = 16;

/** A line of printed JSON: a member, a string, brackets, or a scalar. Messages on one line begin otherwise. */
const INNER_LINE =
  /^\s*(?:"|[{[]?[\]}]?,?\s*$|-?\d[\d.eE+-]{0,40},?\s*$|(?:true|false|null),?\s*$)/;

export class MultiLine {
  readonly #maxChars: number;
  #lines: string[] = [];
  #chars = 0;
  #depth = 0;

  /** @param maxChars longest object; a longer one is noise */
  constructor(maxChars: number) {
    this.#maxChars = maxChars;
  }

  get isOpen(): boolean {
    return this.#lines.length > 0;
  }

  /** How many lines are held. */
  get lineCount(): number {
    return this.#lines.length;
  }

  static isStart(line: string): boolean {
    return line.length <= MAX_START_CHARS && line.trim() === "{";
  }

  /** False if the line cannot belong to the object, or makes it too long: it was not taken. */
  add(line: string): boolean {
    const chars = this.#chars + line.length + 1;
    if (chars > this.#maxChars || (this.isOpen && !INNER_LINE.test(line))) return false;
    this.#lines.push(this.isOpen ? line : line.trim());
    this.#chars = chars;
    this.#depth += depthOf(line);
    return true;
  }

  /** The braces are closed. */
  get isComplete(): boolean {
    return this.isOpen && this.#depth <= 0;
  }

  /** Gives all that is held, and holds nothing any more. */
  take(): string {
    const text = this.#lines.join("\n");
    this.#lines = [];
    this.#chars = 0;
    this.#depth = 0;
    return text;
  }
}

/** By how much a line is deeper at its end. No string of JSON goes on in the next line. */
function depthOf(line: string): number {
  let depth = 0;
  for (let at = 0; at < line.length; at++) {
    const char = line.charCodeAt(at);
    if (char === QUOTE) at = endOfString(line, at + 1);
    else if (char === OPEN_BRACE || char === OPEN_BRACKET) depth += 1;
    else if (char === CLOSE_BRACE || char === CLOSE_BRACKET) depth -= 1;
  }
  return depth;
}
