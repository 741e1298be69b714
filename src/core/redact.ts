// What may be printed of things that can hold secrets.

import { printable } from "./printable.ts";
import { isTokenSegment } from "./secret-forms.ts";

/** The address without user info, query values, fragment and tokens in its path: safe in messages, logs and status. */
export function redactUrl(url: URL | string): string {
  let parsed: URL;
  try {
    parsed = new URL(url);
  } catch {
    return "<invalid URL>";
  }
  const origin = parsed.origin === "null" ? `${parsed.protocol}//` : parsed.origin;
  const path = parsed.pathname
    .split("/")
    .map((segment, index, all) => (isTokenSegment(segment, all[index - 1] ?? "") ? "…" : segment))
    .join("/");
  return `${origin}${path}${parsed.search === "" ? "" : "?…"}`;
}

/** A piece of foreign text fit for a message: see {@link printable}. */
export const excerpt: typeof printable = printable;
