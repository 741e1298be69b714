// What may be printed of things that can hold secrets.

import { flatCopy } from "./flat.ts";

/** The address without user info, query values and fragment: safe in messages, logs and status. */
export function redactUrl(url: URL | string): string {
  let parsed: URL;
  try {
    parsed = new URL(url);
  } catch {
    return "<invalid URL>";
  }
  return `${parsed.origin === "null" ? `${parsed.protocol}//` : parsed.origin}${parsed.pathname}${parsed.search === "" ? "" : "?…"}`;
}

/** A piece of foreign text fit for a message: control and bidirectional characters removed, cut to `maxChars`. */
export function excerpt(text: string, maxChars = 512): string {
  const cut = text.slice(0, maxChars * 2);
  const clean = cut.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, " ").trim();
  // A piece is kept in errors and warnings: it must not keep the whole text with it.
  return clean.length > maxChars || cut.length < text.length
    ? flatCopy(`${clean.slice(0, maxChars)}…`)
    : clean;
}
