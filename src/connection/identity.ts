// What tells one server, and one user of it, from another: as hashes, because credentials are part of it.

import { createHash, randomUUID } from "node:crypto";
import { resolve } from "node:path";
import type { ResolvedTarget } from "./target.ts";

/** Whose answers may be used again by whom. */
export interface CacheKeys {
  /** Where the server is. */
  readonly public: string;
  /** The same, and as whom it is asked. */
  readonly private: string;
}

/** A dispatcher may bring credentials of its own, a certificate above all: nobody else's are known to be the same. */
const dispatchers: WeakMap<object, string> = new WeakMap();

export function cacheKeysOf(target: ResolvedTarget): CacheKeys {
  switch (target.kind) {
    case "http": {
      const { url, headers, dispatcher } = target;
      const where = `http ${url.origin}${url.pathname}${url.search}`;
      const given = Object.entries(headers).map(
        ([name, value]) => [name.toLowerCase(), value] as const,
      );
      const who = [sorted(given), dispatcher === undefined ? "" : idOf(dispatcher)];
      return { public: hash(where), private: hash([where, who]) };
    }
    case "stdio": {
      const { command, args, env, cwd } = target;
      const where = ["stdio", command, args, resolve(cwd ?? "")];
      return { public: hash(where), private: hash([where, sorted(Object.entries(env))]) };
    }
    case "custom": {
      const id = randomUUID();
      return { public: id, private: id };
    }
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
