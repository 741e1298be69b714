// The headers of an answer, read when they are asked for: of most answers only two or three are looked at.
// Hot path.

import type { IncomingHttpHeaders } from "undici/types/header.js";

/** Names and values by turns, as they came; or what undici has made of them. */
export type HeaderSource = readonly Buffer[] | IncomingHttpHeaders;

/** Of a name's letters, in bytes: upper case differs from lower case in this bit only. */
const LOWER_CASE = 0x20;

export class AnswerHeaders {
  readonly #source: HeaderSource;

  constructor(source: HeaderSource) {
    this.#source = source;
  }

  /** Value of the first line of that name, which is to be given in lower case. */
  first(name: string): string | undefined {
    const source = this.#source;
    if (!isRaw(source)) {
      const value = source[name];
      return typeof value === "string" ? value : value?.[0];
    }
    for (let index = 0; index < source.length; index += 2) {
      if (isNamed(source[index], name)) return source[index + 1]?.toString("latin1");
    }
    return undefined;
  }

  /** Values of all lines of that name, which is to be given in lower case. */
  lines(name: string): string[] {
    const source = this.#source;
    if (!isRaw(source)) {
      const value = source[name];
      if (value === undefined) return [];
      return typeof value === "string" ? [value] : value;
    }
    const lines: string[] = [];
    for (let index = 0; index < source.length; index += 2) {
      if (isNamed(source[index], name)) lines.push(source[index + 1]?.toString("latin1") ?? "");
    }
    return lines;
  }

  /** Characters of that value: cheaper than the value itself. 0 if there is none. */
  lengthOf(name: string): number {
    const source = this.#source;
    if (!isRaw(source)) return this.first(name)?.length ?? 0;
    for (let index = 0; index < source.length; index += 2) {
      if (isNamed(source[index], name)) return source[index + 1]?.length ?? 0;
    }
    return 0;
  }

  /** The same, with all lines of that name joined. */
  all(name: string): string | undefined {
    const source = this.#source;
    if (!isRaw(source)) {
      const value = source[name];
      return typeof value === "string" ? value : value?.join(", ");
    }
    let lines: string | undefined;
    for (let index = 0; index < source.length; index += 2) {
      if (!isNamed(source[index], name)) continue;
      const line = source[index + 1]?.toString("latin1") ?? "";
      lines = lines === undefined ? line : `${lines}, ${line}`;
    }
    return lines;
  }
}

/** The value of a header of which one is meant: equal ones count once. */
export function withoutRepetition(value: string | undefined): string | undefined {
  if (value?.includes(", ") !== true) return value;
  const [first, ...others] = value.split(/,[ \t]+/);
  return others.every((other) => other === first) ? first : value;
}

export const NO_HEADERS: AnswerHeaders = new AnswerHeaders([]);

function isRaw(source: HeaderSource): source is readonly Buffer[] {
  return Array.isArray(source);
}

function isNamed(bytes: Buffer | undefined, name: string): boolean {
  if (bytes === undefined || bytes.length !== name.length) return false;
  for (let index = 0; index < name.length; index++) {
    if (((bytes[index] ?? 0) | LOWER_CASE) !== name.charCodeAt(index)) return false;
  }
  return true;
}
