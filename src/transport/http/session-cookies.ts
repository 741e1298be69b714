// The cookies of one session. A load balancer that keeps a client on one replica by cookie gives it with the handshake.
// https://www.rfc-editor.org/rfc/rfc6265

import type { SetCookie } from "cookie";
import type { Clock } from "../../core/clock.ts";
import { flatCopy } from "../../core/flat.ts";
import { bounded, SERVER_NUMBERS } from "../../core/server-number.ts";

/** A server may set so many; RFC 6265, section 6.1, asks for at least 50. One more replaces the oldest. */
const MAX_COOKIES = 50;

/** Characters of one cookie's name and value together; a longer one is not kept. RFC 6265 asks for at least 4,096. */
const MAX_COOKIE_CHARS = 4_096;

interface Kept {
  readonly value: string;
  /** Milliseconds since the Unix epoch. */
  readonly expiresAt: number;
}

/** Kept in memory only, and sent to the very URL that set them and to no other. */
export class SessionCookies {
  readonly #url: URL;
  readonly #clock: Clock;
  readonly #onChange: (header: string | undefined) => void;
  readonly #kept: Map<string, Kept> = new Map();
  #isListening = false;
  /** When the first of those in the header is over; `Infinity` for none. */
  #endsAt = Infinity;
  /** Lines that came before the parser was loaded. */
  #unread: string[] = [];
  #parse: ((line: string) => SetCookie) | undefined;
  #loading: Promise<void> | undefined;

  /** @param onChange gets the value of the `cookie` header, each time that it is another */
  constructor(url: URL, clock: Clock, onChange: (header: string | undefined) => void) {
    this.#url = url;
    this.#clock = clock;
    this.#onChange = onChange;
  }

  get isEmpty(): boolean {
    return this.#kept.size === 0;
  }

  /** Whether anybody looks at `set-cookie`: during a handshake, and for as long as a cookie is kept. Hot path. */
  get isWanted(): boolean {
    return this.#isListening;
  }

  /** A handshake begins: the last session's cookies belong to a replica that may be gone. */
  begin(): void {
    this.#isListening = true;
    this.#unread = [];
    if (this.isEmpty) return;
    this.#kept.clear();
    this.#endsAt = Infinity;
    this.#onChange(undefined);
  }

  /** The values of the `set-cookie` lines of one response, most often none. */
  take(lines: readonly string[]): void {
    if (lines.length === 0) return this.#dropEnded();
    this.#unread.push(...lines);
    if (this.#parse !== undefined) this.#read(this.#parse);
    else this.#loading ??= this.#load();
  }

  /** Resolves when every cookie of the handshake is there, to be sent with the next request. */
  async settled(): Promise<void> {
    await this.#loading;
    this.#isListening = !this.isEmpty;
  }

  async #load(): Promise<void> {
    const { parseSetCookie } = await import("cookie");
    this.#parse = (line) => parseSetCookie(line, { decode: (value) => value });
    this.#read(this.#parse);
  }

  #read(parse: (line: string) => SetCookie): void {
    const before = this.#header();
    for (const line of this.#unread) this.#keep(parse(line));
    this.#unread = [];
    const after = this.#header();
    this.#endsAt = Math.min(...Array.from(this.#kept.values(), ({ expiresAt }) => expiresAt));
    if (after !== before) this.#onChange(after);
  }

  /** Looked at with every response, so that at most the request before it carries a cookie that is over. */
  #dropEnded(): void {
    if (this.#clock.wallTime() < this.#endsAt) return;
    for (const [name, { expiresAt }] of this.#kept) {
      if (expiresAt <= this.#clock.wallTime()) this.#kept.delete(name);
    }
    this.#endsAt = Math.min(...Array.from(this.#kept.values(), ({ expiresAt }) => expiresAt));
    this.#onChange(this.#header());
  }

  #keep({ name, value = "", path, secure, maxAge, expires }: SetCookie): void {
    this.#kept.delete(name);
    const expiresAt = expiryOf(maxAge, expires, this.#clock.wallTime());
    const isOver = expiresAt <= this.#clock.wallTime();
    const isForHere = isWithin(this.#url.pathname, path) && !(secure && !isSafe(this.#url));
    if (name === "" || isOver || !isForHere) return;
    if (name.length + value.length > MAX_COOKIE_CHARS) return;
    if (!isSendable(name) || !isSendable(value)) return;
    const oldest = this.#kept.size < MAX_COOKIES ? undefined : this.#kept.keys().next().value;
    if (oldest !== undefined) this.#kept.delete(oldest);
    this.#kept.set(flatCopy(name), { value: flatCopy(value), expiresAt });
  }

  #header(): string | undefined {
    const now = this.#clock.wallTime();
    const pairs: string[] = [];
    for (const [name, { value, expiresAt }] of this.#kept) {
      if (expiresAt > now) pairs.push(`${name}=${value}`);
    }
    return pairs.length === 0 ? undefined : pairs.join("; ");
  }
}

function expiryOf(maxAge: number | undefined, expires: Date | undefined, now: number): number {
  if (maxAge !== undefined) return now + bounded(maxAge * 1_000, SERVER_NUMBERS.cookieAge);
  const at = expires?.getTime();
  return now + bounded(at === undefined ? undefined : at - now, SERVER_NUMBERS.cookieAge);
}

/** RFC 6265, section 5.1.4; without a path, a cookie is for the folder of the URL that set it. */
function isWithin(pathname: string, cookiePath: string | undefined): boolean {
  if (cookiePath === undefined || !cookiePath.startsWith("/")) return true;
  if (pathname === cookiePath) return true;
  return pathname.startsWith(cookiePath.endsWith("/") ? cookiePath : `${cookiePath}/`);
}

function isSafe({ protocol, hostname }: URL): boolean {
  return protocol === "https:" || ["localhost", "127.0.0.1", "[::1]"].includes(hostname);
}

/** What a header cannot carry, or what would end the pair early, is not sent back. */
function isSendable(text: string): boolean {
  return /^[\x20-\x3a\x3c-\x7e]*$/.test(text);
}
