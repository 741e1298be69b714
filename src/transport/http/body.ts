// A response body, whole: decoded, bounded. https://www.rfc-editor.org/rfc/rfc9110#section-8.4
// Hot path.

import { brotliDecompressSync, gunzipSync, inflateRawSync, inflateSync } from "node:zlib";
import { decodeUtf8 } from "../../core/utf8.ts";

export type DecodedBody =
  | { readonly kind: "text"; readonly text: string }
  /** More than the limit after decompression. */
  | { readonly kind: "too-large" }
  /** An encoding that was not asked for and is not known, or data that it does not fit. */
  | { readonly kind: "undecodable"; readonly encoding: string; readonly cause: unknown };

/** Decodes a complete body; `limitBytes` bounds what decompression may produce. */
export function decodeBody(
  raw: Buffer,
  encoding: string | undefined,
  limitBytes: number,
): DecodedBody {
  if (encoding === undefined || encoding === "identity") return { kind: "text", text: text(raw) };
  try {
    const decoded = decompress(raw, encoding, limitBytes);
    if (decoded === undefined) return { kind: "undecodable", encoding, cause: undefined };
    return { kind: "text", text: text(decoded) };
  } catch (cause) {
    if (codeOf(cause) === "ERR_BUFFER_TOO_LARGE") return { kind: "too-large" };
    return { kind: "undecodable", encoding, cause };
  }
}

/** No accept-encoding is ever sent, so that this runs only for servers that compress unasked. */
function decompress(raw: Buffer, encoding: string, maxOutputLength: number): Buffer | undefined {
  switch (encoding.trim().toLowerCase()) {
    case "gzip":
    case "x-gzip":
      return gunzipSync(raw, { maxOutputLength });
    case "deflate":
      // Some servers send deflate without the zlib wrapper; its first byte tells.
      return ((raw[0] ?? 0) & 0x0f) === 0x08
        ? inflateSync(raw, { maxOutputLength })
        : inflateRawSync(raw, { maxOutputLength });
    case "br":
      return brotliDecompressSync(raw, { maxOutputLength });
    default:
      return undefined;
  }
}

/** JSON.parse refuses the byte order mark that some servers put first. */
function text(raw: Buffer): string {
  const decoded = decodeUtf8(raw);
  return decoded.charCodeAt(0) === 0xfeff ? decoded.slice(1) : decoded;
}

function codeOf(error: unknown): unknown {
  return error instanceof Error ? Reflect.get(error, "code") : undefined;
}
