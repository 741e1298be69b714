// Walks a paginated list to its end, guarded against lists that have none.
// https://modelcontextprotocol.io/specification/2026-07-28/server/utilities/pagination

import { McpProtocolError, McpResponseError } from "../core/errors.ts";
import type { CallOptions } from "../connection/call.ts";
import type { Connection } from "../connection/connection.ts";
import { INVALID_PARAMS } from "../jsonrpc/messages.ts";
import type { CacheableMethod } from "./cache-entry.ts";
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
 * @throws {McpProtocolError} on a repeated cursor, more than `limits.pages` pages, or a page without items.
 */
export async function listAll<T>(
  source: CachedSource,
  method: CacheableMethod,
  key: string,
  options: CachedCallOptions = {},
): Promise<T[]> {
  try {
    return await walk<T>(source, method, key, options);
  } catch (error) {
    if (!(error instanceof StaleCursor)) throw error;
  }
  // A cursor may expire while we walk: then from the start, once (8.28, 9.7).
  source.cache.dropList(source.connection.server, method);
  try {
    return await walk<T>(source, method, key, withoutId(options));
  } catch (error) {
    throw error instanceof StaleCursor ? error.cause : error;
  }
}

/** The server no longer knows a cursor that it gave. */
class StaleCursor extends Error {}

async function walk<T>(
  source: CachedSource,
  method: CacheableMethod,
  key: string,
  options: CachedCallOptions,
): Promise<T[]> {
  const { name, limits } = source.connection.server;
  const rest = withoutId(options);
  const items: T[] = [];
  const seen = new Set<string>();
  let cursor: string | undefined;
  for (let page = 1; ; page++) {
    if (page > limits.pages) {
      throw limit(
        name,
        method,
        `server "${name}" answered ${method} with more than ${limits.pages} pages; raise limits.pages if that is right`,
      );
    }
    const params = cursor === undefined ? {} : { cursor };
    const result = (await askCached(
      source,
      method,
      cursor,
      params,
      page === 1 ? options : rest,
    ).catch((error: unknown) => {
      const isStale = error instanceof McpResponseError && error.rpcCode === INVALID_PARAMS;
      throw cursor !== undefined && isStale ? new StaleCursor("", { cause: error }) : error;
    })) as { [key: string]: unknown };
    const pageItems = result[key];
    if (!Array.isArray(pageItems)) {
      throw new McpProtocolError(`server "${name}" answered ${method} without an array "${key}"`, {
        server: name,
        method,
        sent: "yes",
      });
    }
    for (const item of pageItems) items.push(item as T);
    const next = result["nextCursor"];
    // Only an absent cursor ends the list: an empty string is a cursor (8.27).
    if (next === undefined || next === null) return items;
    if (typeof next !== "string" || seen.has(next)) {
      throw limit(
        name,
        method,
        `server "${name}" repeats a cursor of ${method}: its list has no end`,
      );
    }
    seen.add(next);
    cursor = next;
  }
}

/** The caller's id is for the first request: no id is used twice (1.3). */
function withoutId(options: CachedCallOptions): CachedCallOptions {
  return options.requestId === undefined ? options : { ...options, requestId: undefined };
}

function limit(server: string, method: string, message: string): McpProtocolError {
  return new McpProtocolError(message, { code: "LIMIT_EXCEEDED", server, method, sent: "yes" });
}
