// The forms in which a secret comes back: as it is, in parts, and encoded as messages encode it.

import { printable } from "./printable.ts";
import { canBeSecret, isOrdinary, looksSecret, saysSecret } from "./secret-words.ts";

const SCHEME = /^(?:Basic|Bearer|Token|Digest|ApiKey|Api-Key|Negotiate|DPoP)\s+(.+)$/i;
const MAX_JSON_DEPTH = 8;

/** A value whose name calls it a secret, with its parts: credentials behind a scheme, lines of a key, cookies. */
export function namedSecret(value: string): string[] {
  const whole = value.trim();
  const parts = [
    whole,
    ...linesOf(whole),
    ...pairsOf(whole),
    ...jsonSecrets(whole),
    ...urlSecrets(whole),
  ];
  const credentials = SCHEME.exec(whole)?.[1];
  if (credentials !== undefined) {
    parts.push(credentials);
    if (/^basic/i.test(whole)) parts.push(...userInfo(decodeBase64(credentials)));
  }
  return parts.filter(canBeSecret);
}

/** A value of which only the looks can tell; a URL and a JSON text hold others. */
export function secretsIn(value: string): string[] {
  if (looksSecret(value)) return [value];
  return [...urlSecrets(value), ...jsonSecrets(value)].filter(canBeSecret);
}

/** A value that was given for the server alone: masked, unless it is words or numbers that any text may hold. */
export function givenSecret(name: string, value: string): string[] {
  if (saysSecret(name) || SCHEME.test(value.trim())) return namedSecret(value);
  return isOrdinary(value) ? [] : [value, ...secretsIn(value)].filter(canBeSecret);
}

/** Of a URL: the password, values of the query, tokens in the path. */
export function urlSecrets(text: string): string[] {
  if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(text)) return [];
  const credentials = /^[^:]+:\/\/([^/?#]*)@/.exec(text)?.[1] ?? "";
  const found = userInfo(credentials);
  if (!URL.canParse(text)) return found;
  const url = new URL(text);
  for (const pair of url.search.slice(1).split("&")) {
    const [[name, value] = ["", ""]] = new URLSearchParams(pair);
    const secrets = givenSecret(name, value);
    // As it stands in the URL, too: there are several ways to encode one value.
    if (secrets.length > 0) found.push(...secrets, pair.slice(pair.indexOf("=") + 1));
  }
  found.push(
    ...pathSecrets(url.pathname),
    ...(looksSecret(url.hash.slice(1)) ? [url.hash.slice(1)] : []),
  );
  return found;
}

/** Segments that look like tokens, and those behind a segment that announces one: `/token/abcdef/mcp`. */
export function pathSecrets(path: string): string[] {
  const segments = path.split("/");
  return segments.filter((segment, index) => isTokenSegment(segment, segments[index - 1] ?? ""));
}

export function isTokenSegment(segment: string, before: string): boolean {
  if (segment.length < 6) return false;
  return looksSecret(decoded(segment)) || (saysSecret(before) && !isOrdinary(segment));
}

/** All forms that are looked for. */
export function encodingsOf(secret: string): string[] {
  const percent = encodeURIComponent(wellFormed(secret));
  const json = escapedJson(secret);
  const hex = Buffer.from(secret).toString("hex");
  return [
    ...[secret, json, escapedJson(json), printable(secret, secret.length)],
    ...[percent, percent.replaceAll(/%[0-9A-F]{2}/g, (byte) => byte.toLowerCase())],
    ...[percent.replaceAll("%20", "+"), encodeURI(wellFormed(secret)), decoded(secret)],
    new URLSearchParams([["", secret]]).toString().slice(1),
    ...[escapedHtml(secret), hex, hex.toUpperCase()],
    ...[0, 1, 2].flatMap((shift) => base64Within(secret, shift)),
  ].filter((form) => form.length >= 6);
}

/** What base64 makes of it inside of a longer text: `shift` bytes stand before it, or three times as many. */
function base64Within(secret: string, shift: number): string[] {
  const bytes = Buffer.concat([Buffer.alloc(shift), Buffer.from(secret)]);
  const whole = Math.floor((bytes.length * 8) / 6);
  const text = bytes.toString("base64").slice(Math.ceil((shift * 8) / 6), whole);
  return [text, text.replaceAll("+", "-").replaceAll("/", "_")];
}

/** `user:password`, as in a URL. */
function userInfo(credentials: string): string[] {
  const colon = credentials.indexOf(":");
  if (colon === -1) return credentials === "" ? [] : [decoded(credentials)];
  const [user, password] = [credentials.slice(0, colon), credentials.slice(colon + 1)];
  const text = `${decoded(user)}:${decoded(password)}`;
  // In `Authorization` a percent sign is a percent sign.
  const asGiven = password === decoded(password) ? [] : [credentials, password];
  // A token may be given as the user, with no password or a dummy.
  const isToken = looksSecret(decoded(user));
  return [text, decoded(password), ...asGiven, ...(isToken ? [decoded(user)] : [])];
}

/** Keys in PEM come line by line. */
function linesOf(text: string): string[] {
  const lines = text.split(/\r?\n|\\n/);
  return lines.length === 1
    ? []
    : lines.filter((line) => looksSecret(line) || /^\S{40,}$/.test(line));
}

/** Of a cookie, or of `key=value` credentials. */
function pairsOf(text: string): string[] {
  if (!/^[^\s=;]+=/.test(text)) return [];
  return text.split(/;\s*/).flatMap((pair) => {
    const value = pair.slice(pair.indexOf("=") + 1);
    return isOrdinary(value) ? [] : [value];
  });
}

function jsonSecrets(text: string): string[] {
  if (!/^\s*[[{]/.test(text)) return [];
  try {
    return secretsOfJson("", JSON.parse(text), 0);
  } catch {
    return [];
  }
}

function secretsOfJson(name: string, value: unknown, depth: number): string[] {
  if (typeof value === "string") {
    if (saysSecret(name)) return [value, ...linesOf(value)];
    return looksSecret(value) ? [value] : [];
  }
  if (typeof value !== "object" || value === null || depth > MAX_JSON_DEPTH) return [];
  return Object.entries(value).flatMap(([key, item]) => secretsOfJson(key, item, depth + 1));
}

function decodeBase64(text: string): string {
  return Buffer.from(text, "base64").toString("utf8");
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Encoding throws at half a surrogate pair. */
function wellFormed(text: string): string {
  return text.replaceAll(/\p{Cs}/gu, "\u{FFFD}");
}

function escapedJson(text: string): string {
  return JSON.stringify(text).slice(1, -1);
}

const HTML: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

function escapedHtml(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => HTML[character] ?? character);
}
