// Texts that are kept, apart from the longer texts that they were cut out of.

/**
 * A copy of a text. V8 cuts a text without copying: the piece, however short, keeps the whole alive. For short texts:
 * two bytes each character.
 */
export function flatCopy(text: string): string {
  return Buffer.from(text, "utf16le").toString("utf16le");
}

/** Longest text of a server that an error keeps, characters. */
const MAX_KEPT_CHARS = 65_536;

/** A text that an error keeps: cut where it is longer than any reader would read. */
export function keptText(text: string): string {
  return text.length > MAX_KEPT_CHARS ? flatCopy(`${text.slice(0, MAX_KEPT_CHARS)}…`) : text;
}
