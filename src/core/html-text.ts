// The words of an HTML page, for messages: error pages say little in much markup.

import { excerpt } from "./redact.ts";

/** Elements whose content nobody sees. */
const HIDDEN: ReadonlySet<string> = new Set(["script", "style", "template", "svg", "noscript"]);
const ENTITIES: Readonly<Record<string, string>> = {
  amp: "&",
  lt: "<",
  gt: ">",
  quot: '"',
  apos: "'",
  nbsp: " ",
  copy: "©",
  middot: "·",
  ndash: "–",
  mdash: "—",
  hellip: "…",
};
const BLANKS = /\s+/g;
const TAG_NAME = /^\/?([a-zA-Z][a-zA-Z0-9]*)/;
const ENTITY = /&(?:#(\d{1,7})|#[xX]([0-9a-fA-F]{1,6})|([a-zA-Z]{2,8}));/g;
const HTML_START = /^\s*<(?:!doctype\s+html|html|head|body|title|h[1-6]|p|div|center|pre)\b/i;

/** Longest piece of a page that is looked at, UTF-16 units. */
const MAX_CHARS = 65_536;

export interface PageText {
  readonly title: string;
  /** All that is seen, without a repetition of the title. */
  readonly text: string;
}

/** Whether a text is an HTML page or a piece of one. */
export function isHtml(text: string): boolean {
  // Most bodies are JSON, and cost no copy.
  if (text.startsWith("{")) return false;
  return HTML_START.test(text.slice(0, 512));
}

/** A body for a message, at most `maxChars` of it: of a page the title and the text, of anything else the beginning. */
export function describeBody(body: string, maxChars = 200): string {
  if (!isHtml(body)) return excerpt(body, maxChars);
  const { title, text } = pageText(body);
  if (title === "") return excerpt(text, maxChars);
  const quoted = `"${excerpt(title, maxChars)}"`;
  const left = maxChars - quoted.length;
  return text === "" || left < 10 ? quoted : `${quoted} (${excerpt(text, left)})`;
}

/** Reads a page in one pass, whatever is in it. */
export function pageText(page: string): PageText {
  const html = page.slice(0, MAX_CHARS);
  let title = "";
  let text = "";
  let isInTitle = false;
  let at = 0;
  while (at < html.length) {
    const open = html.indexOf("<", at);
    const end = open === -1 ? html.length : open;
    if (isInTitle) title += html.slice(at, end);
    else text += html.slice(at, end);
    if (open === -1) break;
    if (html.startsWith("<!--", open)) {
      at = after(html, "-->", open);
      continue;
    }
    const spelled = TAG_NAME.exec(html.slice(open + 1, open + 20))?.[1] ?? "";
    const name = spelled.toLowerCase();
    const isEnd = html[open + 1] === "/";
    at = after(html, ">", open);
    if (name === "title") isInTitle = !isEnd;
    else if (HIDDEN.has(name) && !isEnd) at = afterElement(html, spelled, at);
    // Words of two elements are two words.
    if (!isInTitle) text += " ";
  }
  const cleanTitle = clean(title);
  return { title: cleanTitle, text: withoutRepetition(clean(text), cleanTitle) };
}

/** Behind the next `mark`, or at the end: each is looked for once. */
function after(html: string, mark: string, from: number): number {
  const found = html.indexOf(mark, from);
  return found === -1 ? html.length : found + mark.length;
}

function afterElement(html: string, name: string, from: number): number {
  const found = html.indexOf(`</${name}`, from);
  return found === -1 ? html.length : after(html, ">", found);
}

function clean(text: string): string {
  return text.replaceAll(ENTITY, decodeEntity).replaceAll(BLANKS, " ").trim();
}

function decodeEntity(
  entity: string,
  decimal: string | undefined,
  hex: string | undefined,
  name: string | undefined,
): string {
  if (name !== undefined) return ENTITIES[name] ?? entity;
  const code = decimal === undefined ? Number.parseInt(hex ?? "", 16) : Number(decimal);
  return code > 0 && code <= 0x10ffff ? String.fromCodePoint(code) : entity;
}

/** Error pages repeat their title as a heading. */
function withoutRepetition(text: string, title: string): string {
  return title !== "" && text.startsWith(title) ? text.slice(title.length).trim() : text;
}
