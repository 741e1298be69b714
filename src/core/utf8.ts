// Bytes to text, fast also where the text is long and not all ASCII.

import { isAscii, isUtf8, transcode } from "node:buffer";

/**
 * Up to Node 22, `toString("utf8")` takes 3 ms for a megabyte with one character in a hundred that is not ASCII, and the
 * detour over UTF-16 1 ms; from 24 on it is the faster of the two.
 */
const IS_SLOW = Number.parseInt(process.versions.v8, 10) < 13;

/** Below this many bytes the detour saves nothing. */
const DETOUR_BYTES = 4_096;

/** Gives what `bytes.toString("utf8")` gives. */
export function decodeUtf8(bytes: Buffer): string {
  if (!IS_SLOW || bytes.length < DETOUR_BYTES || isAscii(bytes) || !isUtf8(bytes)) {
    return bytes.toString("utf8");
  }
  return transcode(bytes, "utf8", "utf16le").toString("utf16le");
}

/** The same for bytes that come in chunks, which may be cut inside of a character. */
export class Utf8Decoder {
  /** The beginning of a character. */
  #rest: Buffer | undefined;

  write(chunk: Buffer): string {
    const bytes = this.#rest === undefined ? chunk : Buffer.concat([this.#rest, chunk]);
    const end = bytes.length - unfinished(bytes);
    this.#rest = end === bytes.length ? undefined : bytes.subarray(end);
    return decodeUtf8(end === bytes.length ? bytes : bytes.subarray(0, end));
  }
}

/** How many bytes at the end begin a character that is longer. */
function unfinished(bytes: Buffer): number {
  for (let count = 1; count <= 3 && count <= bytes.length; count++) {
    const byte = bytes[bytes.length - count] ?? 0;
    if (byte < 0x80) return 0;
    if (byte >= 0xc0) return count < (byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2) ? count : 0;
  }
  return 0;
}
