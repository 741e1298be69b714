// URLs that a server wants a person to visit: refused before anybody sees one that cannot be what it seems.
// https://modelcontextprotocol.io/specification/2025-11-25/client/elicitation#safe-url-handling

import { domainToUnicode } from "node:url";
import { isPrintable, printable } from "../core/printable.ts";

/** A longer URL cannot be read by the person who is to agree to it, characters. */
const MAX_URL_CHARS = 4_096;

const LOOPBACK: ReadonlySet<string> = new Set(["localhost", "127.0.0.1", "[::1]"]);

/** Scripts that are written together; a label that mixes others imitates another one. */
const WRITTEN_TOGETHER: readonly RegExp[] = [
  /^[\p{Script=Latin}\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{N}ー・-]*$/u,
  /^[\p{Script=Latin}\p{Script=Han}\p{Script=Hangul}\p{N}-]*$/u,
  /^[\p{Script=Latin}\p{Script=Han}\p{Script=Bopomofo}\p{N}-]*$/u,
];

/** Letters that look like Latin ones; a label of these alone is read as another. */
const LOOKS_LATIN = /^[асԁеһіјӏорԛѕԝхуъЬҽпгѵѡοαιυνρτκωⲟ\d-]+$/u;

const SCRIPTS: readonly RegExp[] = [
  ...[
    "Latin",
    "Cyrillic",
    "Greek",
    "Armenian",
    "Hebrew",
    "Arabic",
    "Thai",
    "Devanagari",
    "Georgian",
  ],
  ...["Bengali", "Tamil", "Cherokee", "Coptic", "Han", "Hiragana", "Katakana", "Hangul", "Lisu"],
].map((script) => new RegExp(`\\p{Script=${script}}`, "u"));

/** Why a URL is refused, for the server; undefined: it may be shown. */
export function problemOfUrl(given: unknown): string | undefined {
  if (typeof given !== "string") return "url must be a string";
  if (given.length > MAX_URL_CHARS) return `url is longer than ${MAX_URL_CHARS} characters`;
  // A parser drops or turns these, so that the person would read another URL than the one that opens.
  if (!isPrintable(given, MAX_URL_CHARS) || /[\s\\]/.test(given)) {
    return "url holds blanks, backslashes or characters that cannot be seen";
  }
  if (!/^https?:\/\//i.test(given) || !URL.canParse(given)) {
    const scheme = /^[A-Za-z][A-Za-z0-9+.-]*:/.exec(given)?.[0];
    const why = scheme === undefined ? "is malformed" : `with ${printable(scheme, 40)} is refused`;
    return `url ${why}: an absolute https: URL is needed`;
  }
  const { protocol, hostname, username, password } = new URL(given);
  if (protocol !== "https:" && !LOOPBACK.has(hostname)) {
    return "a URL with http: is refused, but for this machine: an https: URL is needed";
  }
  if (username !== "" || password !== "") return "url holds user info";
  if (isLookalike(hostname)) return "the host in url mixes scripts, and looks like another one";
  return undefined;
}

/** Whether a label of the host is made to be read as another one. */
export function isLookalike(hostname: string): boolean {
  if (!hostname.includes("xn--")) return false;
  const shown = domainToUnicode(hostname);
  // What cannot be decoded cannot be judged.
  if (shown === "") return true;
  return shown
    .split(".")
    .some((label) => isMixed(label) || (LOOKS_LATIN.test(label) && !isAscii(label)));
}

function isMixed(label: string): boolean {
  const count = SCRIPTS.filter((script) => script.test(label)).length;
  return count > 1 && !WRITTEN_TOGETHER.some((together) => together.test(label));
}

function isAscii(text: string): boolean {
  return /^[\x20-\x7e]*$/.test(text);
}
