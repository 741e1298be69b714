// Walks a paginated list to its end, guarded against lists that have none.
// https://modelcontextprotocol.io/specification/2025-11-25/server/utilities/pagination

import { McpProtocolError, McpResponseError } from "../core/errors.ts";
import type { CallOptions } from "../connection/call.ts";
import type { Connection } from "../connection/connection.ts";
import { INVALID_PARAMS } from "../jsonrpc/messages.ts";

/**
 * All items of a list.
 *
 * @param key the property of each page that holds its items
 * @throws {McpProtocolError} on a repeated cursor, more than `limits.pages` pages, or a page without items.
 */
export async function listAll<T>(
  connection: Connection,
  method: string,
  key: string,
  options: CallOptions = {},
): Promise<T[]> {
  // A cursor may expire while we walk: then from the start, once (8.28).
  for (let isLast = false; ; isLast = true) {
    try {
      return await walk<T>(connection, method, key, isLast ? withoutId(options) : options);
    } catch (error) {
      if (!(error instanceof StaleCursor)) throw error;
      if (isLast) throw error.cause;
    }
  }
}

/** The server no longer knows a cursor that it gave. */
class StaleCursor extends Error {}

async function walk<T>(
  connection: Connection,
  method: string,
  key: string,
  options: CallOptions,
): Promise<T[]> {
  const { name, limits } = connection.server;
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
    const result = (await connection
      .request(method, cursor === undefined ? {} : { cursor }, page === 1 ? options : rest)
      .catch((error: unknown) => {
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
function withoutId(options: CallOptions): CallOptions {
  return options.requestId === undefined ? options : { ...options, requestId: undefined };
}

function limit(server: string, method: string, message: string): McpProtocolError {
  return new McpProtocolError(message, { code: "LIMIT_EXCEEDED", server, method, sent: "yes" });
}
