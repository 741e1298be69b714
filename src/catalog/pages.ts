// Walks a paginated list to its end, guarded against lists that have none.
// https://modelcontextprotocol.io/specification/2026-07-28/server/utilities/pagination

import { McpHttpError, McpProtocolError, McpResponseError } from "../core/errors.ts";
import type { CallOptions } from "../connection/call.ts";
import type { Connection } from "../connection/connection.ts";
import { INVALID_PARAMS } from "../jsonrpc/messages.ts";
import type { CacheableMethod } from "./cache-entry.ts";
import { GatheredItems } from "./gathered-items.ts";
import type { ListReader } from "./gathered-items.ts";
import { readItems, stepAfter } from "./list-page.ts";
import type { CacheMode, ResponseCache } from "./response-cache.ts";

/** For lists and reads. */
export interface CachedCallOptions extends CallOptions {
  /**
   * Whether an earlier answer will do, as long as its server said that it holds (`ttlMs`, from 2026-07-28 on):
   * `default`; `reload` asks the server and keeps the answer; `no-store` asks and keeps nothing.
   */
  readonly cache?: CacheMode | undefined;
}

/** A server, and where its answers are kept. */
export interface CachedSource {
  readonly connection: Connection;
  readonly cache: ResponseCache;
}

/** What only an answer to this very request can say: the caller's own `_meta` may matter to it. */
export function cacheModeOf({ cache, meta }: CachedCallOptions): CacheMode {
  return meta === undefined ? (cache ?? "default") : "no-store";
}

/** A request whose answer may be kept; servers with sessions give no leave to keep anything. */
export async function askCached(
  { connection, cache }: CachedSource,
  method: CacheableMethod,
  part: string | undefined,
  params: object,
  options: CachedCallOptions,
): Promise<object> {
  options.signal?.throwIfAborted();
  const { era, protocolVersion } = connection.description ?? {};
  if (era !== "stateless" || protocolVersion === undefined) {
    return connection.request(method, params, options);
  }
  return cache.request(
    connection.server,
    protocolVersion,
    method,
    part,
    cacheModeOf(options),
    (doNotStore) => connection.request(method, params, options, { onContinued: doNotStore }),
  );
}

/**
 * All items of a list.
 *
 * @param key the property of each page that holds its items
 * @throws {McpProtocolError} on a circle of cursors, a cursor that is too long, more than `limits.pages` pages or
 *   `limits.listBytes` of items, or a page without a list.
 */
export async function listAll<T>(
  source: CachedSource,
  method: CacheableMethod,
  key: string,
  options: CachedCallOptions = {},
  reader?: () => ListReader,
): Promise<T[]> {
  try {
    return await walk<T>(source, method, key, options, reader?.());
  } catch (error) {
    if (!(error instanceof StaleCursor)) throw error;
  }
  // A cursor may expire while we walk: then from the start, once (8.28, 9.7).
  source.cache.dropList(source.connection.server, method);
  try {
    return await walk<T>(source, method, key, withoutId(options), reader?.());
  } catch (error) {
    throw error instanceof StaleCursor ? error.cause : error;
  }
}

/** The server no longer knows a cursor that it gave. */
class StaleCursor extends Error {}

type Cursor = string | number;

/** The longest cursor that is sent back, characters: it may hold a state, but it is no page. */
const MAX_CURSOR_CHARS = 64 * 1024;

async function walk<T>(
  source: CachedSource,
  method: CacheableMethod,
  key: string,
  options: CachedCallOptions,
  reader: ListReader | undefined,
): Promise<T[]> {
  const { connection } = source;
  const { server, quirks } = connection;
  const { name, limits } = server;
  const { strict } = quirks;
  const isStateless = connection.description?.era === "stateless";
  const rest = withoutId(options);
  const tooLong = (what: string): McpProtocolError =>
    limit(name, method, `server "${name}" answered ${method} with ${what}`);
  const items = new GatheredItems({
    reader,
    maxCount: limits.listItems,
    maxBytes: limits.listBytes,
    keepsTwins: strict,
    tooLarge: () =>
      tooLong(
        `items of more than ${limits.listBytes} bytes in all; raise limits.listBytes if that is right`,
      ),
  });
  const followed = new Set<Cursor>();
  let cursor: Cursor | undefined;
  let askedInRow = 0;
  let isTrial = false;
  for (let page = 1; ; page++) {
    if (page > limits.pages) {
      throw tooLong(`more than ${limits.pages} pages; raise limits.pages if that is right`);
    }
    const params = cursor === undefined ? {} : { cursor };
    const part = cursor === undefined ? undefined : String(cursor);
    let result: { [key: string]: unknown };
    try {
      const answer = await askCached(source, method, part, params, page === 1 ? options : rest);
      result = answer as { [key: string]: unknown };
    } catch (error) {
      if (isTrial && isRefusal(error)) {
        quirks.repair("empty-cursor", method);
        return items.kept as T[];
      }
      const isStale = error instanceof McpResponseError && error.rpcCode === INVALID_PARAMS;
      throw cursor !== undefined && isStale ? new StaleCursor("", { cause: error }) : error;
    }
    const found = readItems(result, key);
    const isOdd = found?.odd !== undefined;
    if (found === undefined || (isOdd && !quirks.repair("list-not-array", found.odd))) {
      throw new McpProtocolError(`server "${name}" answered ${method} without an array "${key}"`, {
        server: name,
        method,
        sent: "yes",
      });
    }
    const next = result["nextCursor"];
    if (typeof next === "string" && next.length > MAX_CURSOR_CHARS) {
      throw tooLong(`a cursor of ${next.length} characters; it may have ${MAX_CURSOR_CHARS}`);
    }
    const listed = found.items;
    const newCount = await items.add(listed);
    if (items.isFull) {
      if (items.isCut) {
        const most = `more than ${limits.listItems} items in ${method}; raise limits.listItems`;
        quirks.note("list-too-long", most);
      }
      return items.kept as T[];
    }
    if (isTrial && newCount === 0) {
      quirks.repair("empty-cursor", method);
      return items.kept as T[];
    }
    if (newCount < listed.length) quirks.repair("item-on-two-pages", method);
    const { step, quirk } = stepAfter({
      next,
      cursor,
      wasFollowed: followed.has(next as Cursor),
      askedInRow,
      newCount,
      page,
      isStateless,
      strict,
    });
    if (quirk !== undefined) quirks.repair(quirk, method);
    if (step === "end") return items.kept as T[];
    if (step === "endless") {
      throw limit(
        name,
        method,
        `server "${name}" repeats a cursor of ${method}: its list has no end`,
      );
    }
    askedInRow = next === cursor ? askedInRow + 1 : 1;
    cursor = next as Cursor;
    followed.add(cursor);
    isTrial = step === "try";
  }
}

/** The server answered, and said no. */
function isRefusal(error: unknown): boolean {
  return (
    error instanceof McpResponseError ||
    error instanceof McpHttpError ||
    error instanceof McpProtocolError
  );
}

/** The caller's id is for the first request: no id is used twice (1.3). */
function withoutId(options: CachedCallOptions): CachedCallOptions {
  return options.requestId === undefined ? options : { ...options, requestId: undefined };
}

function limit(server: string, method: string, message: string): McpProtocolError {
  return new McpProtocolError(message, { code: "LIMIT_EXCEEDED", server, method, sent: "yes" });
}
