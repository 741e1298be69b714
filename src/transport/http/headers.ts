// Who may set which header. https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#streamable-http

import { VERSION } from "../../core/version.ts";
import type { HeaderList } from "../../jsonrpc/transport.ts";

/** Headers that belong to the protocol or to the connection: the user's own are dropped. */
const RESERVED: ReadonlySet<string> = new Set([
  "accept",
  "accept-encoding",
  "content-type",
  "mcp-protocol-version",
  "mcp-session-id",
  "last-event-id",
  "mcp-method",
  "mcp-name",
  "host",
  "content-length",
  "connection",
  "transfer-encoding",
  "keep-alive",
  "upgrade",
  "expect",
]);
const RESERVED_PREFIX = "mcp-param-";

/** Servers and caches that compress unasked take the absence of this for leave. */
const NO_CODING: HeaderList = ["accept-encoding", "identity"];

/** Firewalls refuse requests that name no program. */
const USER_AGENT: HeaderList = [
  "user-agent",
  `mcp-client-pool/${VERSION} node/${process.versions.node.split(".", 1)[0]}`,
];

const POST_BASE: HeaderList = [
  "content-type",
  "application/json",
  "accept",
  "application/json, text/event-stream",
  ...NO_CODING,
];
const GET_BASE: HeaderList = ["accept", "text/event-stream", ...NO_CODING];

/** The complete header lists of one server's requests. */
export class RequestHeaders {
  readonly #configured: HeaderList;
  /** The configured ones, with the session's cookies. */
  #user: HeaderList;
  #post: string[];
  /** An era passes the same few arrays again and again: one list is built for each. */
  #postByEra = new WeakMap<HeaderList, string[]>();
  #lastEra: HeaderList | undefined;
  #lastPost: string[];

  constructor(user: Readonly<Record<string, string>>) {
    const allowed = allowedHeaders(user);
    const namesAgent = Object.keys(user).some((name) => name.toLowerCase() === "user-agent");
    this.#configured = namesAgent ? allowed : [...USER_AGENT, ...allowed];
    this.#user = this.#configured;
    this.#post = [...POST_BASE, ...this.#user];
    this.#lastPost = this.#post;
  }

  /** Goes with every request from here on, after a `cookie` header of the user's own. */
  set cookie(value: string | undefined) {
    this.#user = value === undefined ? this.#configured : withCookie(this.#configured, value);
    this.#post = [...POST_BASE, ...this.#user];
    this.#postByEra = new WeakMap();
    this.#lastEra = undefined;
    this.#lastPost = this.#post;
  }

  post(era: HeaderList | undefined): string[] {
    if (era === this.#lastEra) return this.#lastPost;
    let list = era === undefined ? this.#post : this.#postByEra.get(era);
    if (list === undefined) {
      list = this.#post.concat(era ?? []);
      if (era !== undefined) this.#postByEra.set(era, list);
    }
    this.#lastEra = era;
    this.#lastPost = list;
    return list;
  }

  /** For a GET that opens or, with a cursor, resumes a stream. */
  get(era: HeaderList, lastEventId: string | undefined): string[] {
    const list = [...GET_BASE, ...this.#user, ...era];
    if (lastEventId !== undefined) list.push("last-event-id", encodeCursor(lastEventId));
    return list;
  }

  delete(era: HeaderList): string[] {
    return [...NO_CODING, ...this.#user, ...era];
  }
}

/** The user's headers as a flat list, without the reserved ones. */
export function allowedHeaders(user: Readonly<Record<string, string>>): HeaderList {
  const list: string[] = [];
  for (const [name, value] of Object.entries(user)) {
    const lower = name.toLowerCase();
    if (!RESERVED.has(lower) && !lower.startsWith(RESERVED_PREFIX)) list.push(name, value);
  }
  return list;
}

function withCookie(user: HeaderList, value: string): HeaderList {
  const list: string[] = [];
  let own: string | undefined;
  for (let index = 0; index < user.length; index += 2) {
    const name = user[index] ?? "";
    const given = user[index + 1] ?? "";
    if (name.toLowerCase() === "cookie") own = given;
    else list.push(name, given);
  }
  return [...list, "cookie", own === undefined ? value : `${own}; ${value}`];
}

/** An event id is any text: its UTF-8 bytes travel as they are, as in a browser's EventSource. */
function encodeCursor(id: string): string {
  return Buffer.from(id, "utf8").toString("latin1");
}
