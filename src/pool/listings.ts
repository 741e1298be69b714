// Lists over one server, or over all that can be asked.

import { isHashed, splitToolName, toPoolName } from "../catalog/names.ts";
import type { CachedCallOptions } from "../catalog/pages.ts";
import { MAX_ITEM_NAME_CHARS } from "../catalog/pool-tool.ts";
import type {
  PoolPrompt,
  PoolResource,
  PoolResourceTemplate,
  PoolTool,
} from "../catalog/pool-tool.ts";
import type { CallOptions } from "../connection/call.ts";
import { BoundedMap } from "../core/bounded-map.ts";
import { McpConfigError } from "../core/errors.ts";
import { Turns } from "../core/turns.ts";
import type { QuirkCode } from "../jsonrpc/quirk-table.ts";
import type { Prompt, Resource, ResourceTemplate } from "../spec/types.ts";
import type { Member } from "./member.ts";
import type { Members } from "./members.ts";

/** How long a listing over all servers waits for one that is being reconnected, milliseconds. */
const AWAY_MS = 500;

/** Of one server: beyond them the list is asked for again when one is needed. */
const MAX_PROMPT_NAMES = 10_000;
const MAX_PROMPT_NAME_CHARS = 1024 * 1024;

/** The longest URI of a resource, characters: `data:` URIs are long, and this is far beyond what servers take. */
const MAX_URI_CHARS = 64 * 1024;

type OnWarning = (server: string, message: string, cause: unknown) => void;

export class Listings {
  readonly #members: Members;
  readonly #onWarning: OnWarning;
  /** By server: prompts whose own name cannot be read off their name in the pool. */
  readonly #promptNames: WeakMap<Member, BoundedMap<string>> = new WeakMap();

  constructor(members: Members, onWarning: OnWarning) {
    this.#members = members;
    this.#onWarning = onWarning;
  }

  tools(name: string | undefined, options: CachedCallOptions): Promise<readonly PoolTool[]> {
    return this.#over(name, options, (member) => member.listTools(options));
  }

  resources(name: string | undefined, options: CachedCallOptions): Promise<PoolResource[]> {
    return this.#over(name, options, async (member) => {
      const items = await listed<Resource>(member, "resources/list", name, options);
      const rules = { quirk: "resource-incomplete", required: ["uri", "name"] } as const;
      return usable(member, items, rules, (resource) => {
        return { uri: resource.uri, name: resource.name, server: member.name, resource };
      });
    });
  }

  templates(name: string | undefined, options: CachedCallOptions): Promise<PoolResourceTemplate[]> {
    return this.#over(name, options, async (member) => {
      const method = "resources/templates/list";
      const items = await listed<ResourceTemplate>(member, method, name, options);
      const rules = { quirk: "template-incomplete", required: ["uriTemplate", "name"] } as const;
      return usable(member, items, rules, (template) => {
        const { uriTemplate } = template;
        return { uriTemplate, name: template.name, server: member.name, template };
      });
    });
  }

  prompts(name: string | undefined, options: CachedCallOptions): Promise<PoolPrompt[]> {
    return this.#over(name, options, async (member) => {
      const items = await listed<Prompt>(member, "prompts/list", name, options);
      const rules = { quirk: "prompt-incomplete", required: ["name"] } as const;
      const names = this.#namesOf(member);
      return usable(member, items, rules, (prompt) => {
        const poolName = toPoolName(member.name, prompt.name);
        if (isHashed(poolName)) names.set(poolName, prompt.name, prompt.name.length);
        const description = typeof prompt.description === "string" ? prompt.description : "";
        return { name: poolName, description, server: member.name, prompt };
      });
    });
  }

  /** The server that is meant by `server__prompt`, and its own name for the prompt. */
  async resolvePrompt(
    name: string,
    options: CallOptions,
  ): Promise<{ member: Member; prompt: string }> {
    const parts = typeof name === "string" ? splitToolName(name) : undefined;
    if (parts === undefined) {
      throw new McpConfigError(
        `prompt name ${JSON.stringify(name)} is not of the form server__prompt; listPrompts gives the names`,
        { path: "name" },
      );
    }
    const member = this.#members.get(parts.server);
    if (!isHashed(name)) return { member, prompt: parts.tool };
    const known = this.#namesOf(member).get(name);
    if (known !== undefined) return { member, prompt: known };
    // The caller's id is for the request it asked for.
    const prompts = await this.prompts(member.name, { ...options, requestId: undefined });
    const found = prompts.find((prompt) => prompt.name === name);
    return { member, prompt: found?.prompt.name ?? parts.tool };
  }

  #namesOf(member: Member): BoundedMap<string> {
    let names = this.#promptNames.get(member);
    if (names === undefined) {
      names = new BoundedMap(MAX_PROMPT_NAMES, MAX_PROMPT_NAME_CHARS);
      this.#promptNames.set(member, names);
    }
    return names;
  }

  /** One server's failure fails its own listing; among many it is left out and reported. */
  async #over<T>(
    name: string | undefined,
    options: CallOptions,
    list: (member: Member) => Promise<readonly T[]>,
  ): Promise<T[]> {
    if (name !== undefined) return [...(await list(this.#members.get(name)))];
    const askable = this.#members.all.filter(
      ({ server, connection }) =>
        !server.disabled && !["failed", "auth-required"].includes(connection.state),
    );
    const lists = await Promise.all(
      askable.map((member) =>
        this.#awaited(member, options, list).catch((cause: unknown) => {
          options.signal?.throwIfAborted();
          this.#onWarning(member.name, "left out of a listing", cause);
          return [];
        }),
      ),
    );
    return lists.flat();
  }

  /** One that is known to be away must not hold up all others. */
  async #awaited<T>(
    member: Member,
    options: CallOptions,
    list: (member: Member) => Promise<readonly T[]>,
  ): Promise<readonly T[]> {
    const { connection } = member;
    if (connection.state === "backoff") {
      const totalTimeoutMs = Math.min(AWAY_MS, options.totalTimeoutMs ?? AWAY_MS);
      await connection.ready({ signal: options.signal, totalTimeoutMs });
    }
    return list(member);
  }
}

interface UsableRules<T> {
  readonly quirk: QuirkCode;
  /** Strings that an item must have; it is known by the first. */
  readonly required: readonly [keyof T, ...(keyof T)[]];
}

/**
 * Makes something of each item. One that lacks a required string, or is known by too long a one, is left out and
 * reported; the rest is not affected. A list may have very many: they are gone through in turns.
 */
async function usable<T extends object, R>(
  { connection }: Member,
  items: readonly T[],
  { quirk, required }: UsableRules<T>,
  make: (item: T) => R,
): Promise<R[]> {
  const turns = new Turns();
  const made: R[] = [];
  const [key] = required;
  const mostChars = key === "name" ? MAX_ITEM_NAME_CHARS : MAX_URI_CHARS;
  let incomplete = 0;
  let tooLong = 0;
  for (const item of items) {
    if (!required.every((name) => typeof item?.[name] === "string")) incomplete += 1;
    else if (String(item[key]).length > mostChars) tooLong += 1;
    else made.push(make(item));
    if (turns.spend()) await turns.next();
  }
  if (incomplete > 0) connection.quirks.note(quirk, `${incomplete} of ${items.length}`);
  if (tooLong > 0) connection.quirks.note("name-too-long", `${tooLong} of ${items.length}`);
  return made;
}

const CAPABILITIES = {
  "resources/list": "resources",
  "resources/templates/list": "resources",
  "prompts/list": "prompts",
} as const;

/** A list that a server did not declare is asked for only if the caller asks this server `name`, and no other. */
async function listed<T>(
  member: Member,
  method: keyof typeof CAPABILITIES,
  name: string | undefined,
  options: CachedCallOptions,
): Promise<T[]> {
  const { capabilities } = await member.connection.ready(options);
  const isDeclared = capabilities[CAPABILITIES[method]] != null;
  if (isDeclared) return member.lists.declared<T>(method, options);
  return name === undefined ? [] : member.lists.undeclared<T>(method, options);
}
