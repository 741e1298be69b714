// Names that every LLM provider accepts, that never clash, and that lead back to server and tool.

import { createHash } from "node:crypto";
import { McpConfigError } from "../core/errors.ts";
import { excerpt } from "../core/redact.ts";

/** Stands between the server's name and the tool's. */
export const SEPARATOR = "__";

/** What providers accept: `^[A-Za-z0-9_-]{1,64}$`. */
export const MAX_NAME_CHARS = 64;

/** Longest name of a server, so that at least 30 characters are left for its tools. */
export const MAX_SERVER_NAME_CHARS = 32;

const FITS = /^[A-Za-z0-9_-]+$/;

/** The mark of a name that was made to fit: `_` and the first 8 hex digits of a hash of the original. */
const HASHED = /_[0-9a-f]{8}$/;
const HASH_CHARS = 9;

/**
 * @throws {McpConfigError} unless the name is 1 to 32 of `A-Za-z0-9_-`, without `__`, not ending in `_`:
 *   so the first `__` of a tool's name always is the separator.
 */
export function checkServerName(name: unknown): string {
  if (typeof name !== "string") {
    throw new McpConfigError(`the name of a server must be a string, not ${typeof name}`);
  }
  const rule =
    name.length === 0 || name.length > MAX_SERVER_NAME_CHARS
      ? `must have 1 to ${MAX_SERVER_NAME_CHARS} characters`
      : !FITS.test(name)
        ? "may only have letters, digits, _ and -"
        : name.includes(SEPARATOR)
          ? `must not contain "${SEPARATOR}", which separates it from the tool's name`
          : name.endsWith("_")
            ? 'must not end in "_"'
            : undefined;
  if (rule === undefined) return name;
  const shown = excerpt(name, MAX_SERVER_NAME_CHARS + 8);
  throw new McpConfigError(`server name "${shown}" ${rule}`, { path: `servers.${shown}` });
}

/**
 * The name in the pool of a server's tool or prompt: `server__tool`. Same input, same name, always.
 * A name that does not fit, or that could be taken for one that was made to fit, is sanitised, cut and
 * given a hash; so different tools have different names.
 */
export function toPoolName(server: string, original: string): string {
  const prefix = server + SEPARATOR;
  const plain = prefix + original;
  if (plain.length <= MAX_NAME_CHARS && FITS.test(original) && !HASHED.test(original)) return plain;
  const room = MAX_NAME_CHARS - prefix.length - HASH_CHARS;
  const readable = original.replace(/[^A-Za-z0-9_-]/gu, "_").slice(0, room);
  return `${prefix}${readable}_${hashOf(original)}`;
}

/** Whether the server's own name cannot be read off this one: only a catalogue knows it. */
export function isHashed(poolName: string): boolean {
  return HASHED.test(poolName);
}

/**
 * Takes a name apart at the first `__`. `tool` is the server's own name unless the name was made to fit.
 * `undefined` if it has no separator.
 */
export function splitToolName(name: string): { server: string; tool: string } | undefined {
  const at = name.indexOf(SEPARATOR);
  if (at <= 0) return undefined;
  return { server: name.slice(0, at), tool: name.slice(at + SEPARATOR.length) };
}

function hashOf(original: string): string {
  // UTF-16, because UTF-8 would make one of all unpaired surrogates.
  return createHash("sha256").update(Buffer.from(original, "utf16le")).digest("hex").slice(0, 8);
}
