// The lists of one server: those that it declared, and those that it may have although it did not say so.

import type { CacheableMethod } from "../catalog/cache-entry.ts";
import type { ListReader } from "../catalog/gathered-items.ts";
import { listAll } from "../catalog/pages.ts";
import type { CachedCallOptions, CachedSource } from "../catalog/pages.ts";
import { McpClosedError, McpResponseError, McpTimeoutError } from "../core/errors.ts";
import { METHOD_NOT_FOUND } from "../jsonrpc/messages.ts";

/** How long a server may take for a list that it did not declare: it may be one that ignores such a request. Milliseconds. */
const UNDECLARED_MS = 3_000;

/** The property of a list's pages that holds its items. */
const KEYS = {
  "tools/list": "tools",
  "prompts/list": "prompts",
  "resources/list": "resources",
  "resources/templates/list": "resourceTemplates",
} as const;

export type ListMethod = keyof typeof KEYS & CacheableMethod;

export class OfferedLists {
  readonly #source: CachedSource;
  /** Not declared, and there. */
  readonly #offered: Set<ListMethod> = new Set();
  /** Declared, and the method that lists it is not there. */
  readonly #missing: Set<ListMethod> = new Set();
  /** Not declared, and asked for in vain. */
  readonly #refused: Set<ListMethod> = new Set();

  constructor(source: CachedSource) {
    this.#source = source;
  }

  /** Whether the server has given the list although it did not declare it. */
  isOffered(method: ListMethod): boolean {
    return this.#offered.has(method);
  }

  /** Whether the server has declared the capability, and said last that it cannot list it. */
  isMissing(method: ListMethod): boolean {
    return this.#missing.has(method);
  }

  /** Whether the server did not declare the list, and does not have it either. */
  isRefused(method: ListMethod): boolean {
    return this.#refused.has(method);
  }

  /** The server speaks of the list: it is asked again although it had refused. */
  reconsider(method: ListMethod): void {
    this.#refused.delete(method);
  }

  /** A list that the server declared. */
  async declared<T>(
    method: ListMethod,
    options: CachedCallOptions,
    reader?: () => ListReader,
  ): Promise<T[]> {
    try {
      const items = await listAll<T>(this.#source, method, KEYS[method], options, reader);
      this.#missing.delete(method);
      return items;
    } catch (error) {
      const isUnknown = error instanceof McpResponseError && error.rpcCode === METHOD_NOT_FOUND;
      const { quirks } = this.#source.connection;
      if (!isUnknown || !quirks.repair("list-not-found", method)) throw error;
      this.#missing.add(method);
      return [];
    }
  }

  /** A list that the server did not declare: empty if it does not come, and then not asked for again. */
  async undeclared<T>(
    method: ListMethod,
    options: CachedCallOptions,
    reader?: () => ListReader,
  ): Promise<T[]> {
    const { connection } = this.#source;
    const { quirks, server } = connection;
    if (quirks.strict || this.#refused.has(method)) return [];
    const { timeoutMs = server.timeouts.timeoutMs } = options;
    const { totalTimeoutMs = server.timeouts.totalTimeoutMs } = options;
    try {
      const limited: CachedCallOptions = {
        ...options,
        timeoutMs: Math.min(timeoutMs, UNDECLARED_MS),
        totalTimeoutMs: Math.min(totalTimeoutMs, UNDECLARED_MS),
        // A process may end on a request that it does not expect.
        replay: "never",
      };
      const items = await listAll<T>(this.#source, method, KEYS[method], limited, reader);
      if (items.length > 0) {
        quirks.repair("undeclared-capability", method);
        this.#offered.add(method);
      }
      return items;
    } catch (error) {
      options.signal?.throwIfAborted();
      if (error instanceof McpClosedError) throw error;
      // A caller in a hurry has learnt nothing of the server.
      const isHurried = Math.min(timeoutMs, totalTimeoutMs) < UNDECLARED_MS;
      if (!(isHurried && error instanceof McpTimeoutError)) this.#refused.add(method);
      return [];
    }
  }
}
