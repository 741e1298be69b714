// What tells one server, and one user of it, from another: as hashes, because credentials are part of it.

import { createHash, randomUUID } from "node:crypto";
import { resolve } from "node:path";
import { proxyFor } from "../transport/http/proxy-environment.ts";
import { childEnvironment } from "../transport/stdio/environment.ts";
import type { ResolvedTarget } from "./target.ts";

/** Whose answers may be used again by whom. */
export interface CacheKeys {
  /**
   * Which server it is: everything that decides who answers. One server must not be able to answer for another, so two
   * configurations that could reach two servers never share a key.
   */
  readonly public: string;
  /** The same, and as whom it is asked. */
  readonly private: string;
}

/**
 * Whose answer it is, and not which server's, by the definition of HTTP caches for shared answers. All other headers may
 * choose the server behind an address, a tenant's for example.
 * https://www.rfc-editor.org/rfc/rfc9111#section-3.5
 */
const CREDENTIALS: ReadonlySet<string> = new Set(["authorization", "cookie"]);

/** A dispatcher decides where the requests go, and may bring credentials of its own: nobody can look into it. */
const dispatchers: WeakMap<object, string> = new WeakMap();

export function cacheKeysOf(target: ResolvedTarget): CacheKeys {
  switch (target.kind) {
    case "http": {
      const { url, headers, dispatcher } = target;
      const way = dispatcher === undefined ? proxyOf(url) : idOf(dispatcher);
      const given = sorted(
        Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value] as const),
      );
      const where = [
        `http ${url.origin}${url.pathname}${url.search}`,
        way,
        given.filter(([name]) => !CREDENTIALS.has(name)),
      ];
      return { public: hash(where), private: hash([where, given]) };
    }
    case "stdio": {
      const { command, args, env, cwd } = target;
      const own = sorted(Object.entries(childEnvironment(env)));
      const where = ["stdio", command, args, resolve(cwd ?? ""), own];
      return { public: hash(where), private: hash([where]) };
    }
    case "custom": {
      const id = randomUUID();
      return { public: id, private: id };
    }
  }
}

/** The proxy that the environment names: another process may reach another server through another one. */
function proxyOf(url: URL): string {
  try {
    return proxyFor(url)?.url.href ?? "";
  } catch {
    // Reported with the first request, which fails for it.
    return "unusable";
  }
}

function idOf(dispatcher: object): string {
  let id = dispatchers.get(dispatcher);
  if (id === undefined) dispatchers.set(dispatcher, (id = randomUUID()));
  return id;
}

/** However a user orders them. */
function sorted(entries: readonly (readonly [string, string])[]): (readonly [string, string])[] {
  return entries.toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
}

function hash(value: unknown): string {
  return createHash("sha256").update(JSON.stringify(value)).digest("base64url");
}
