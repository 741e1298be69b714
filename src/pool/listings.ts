// Lists over one server, or over all that can be asked.

import { isHashed, splitToolName, toPoolName } from "../catalog/names.ts";
import type { CachedCallOptions } from "../catalog/pages.ts";
import type {
  PoolPrompt,
  PoolResource,
  PoolResourceTemplate,
  PoolTool,
} from "../catalog/pool-tool.ts";
import type { CallOptions } from "../connection/call.ts";
import { McpConfigError } from "../core/errors.ts";
import type { QuirkCode } from "../jsonrpc/quirk-table.ts";
import type { Prompt, Resource, ResourceTemplate } from "../spec/types.ts";
import type { Member } from "./member.ts";
import type { Members } from "./members.ts";

/** How long a listing over all servers waits for one that is being reconnected, milliseconds. */
const AWAY_MS = 500;

type OnWarning = (server: string, message: string, cause: unknown) => void;

export class Listings {
  readonly #members: Members;
  readonly #onWarning: OnWarning;
  /** Prompts whose own name cannot be read off their name in the pool. */
  readonly #promptNames: Map<string, string> = new Map();

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
      return this.#usable(member, "resource-incomplete", items, ["uri", "name"]).map((resource) => {
        return { uri: resource.uri, name: resource.name, server: member.name, resource };
      });
    });
  }

  templates(name: string | undefined, options: CachedCallOptions): Promise<PoolResourceTemplate[]> {
    return this.#over(name, options, async (member) => {
      const items = await listed<ResourceTemplate>(
        member,
        "resources/templates/list",
        name,
        options,
      );
      return this.#usable(member, "template-incomplete", items, ["uriTemplate", "name"]).map(
        (template) => {
          const { uriTemplate } = template;
          return { uriTemplate, name: template.name, server: member.name, template };
        },
      );
    });
  }

  prompts(name: string | undefined, options: CachedCallOptions): Promise<PoolPrompt[]> {
    return this.#over(name, options, async (member) => {
      const items = await listed<Prompt>(member, "prompts/list", name, options);
      return this.#usable(member, "prompt-incomplete", items, ["name"]).map((prompt) => {
        const poolName = toPoolName(member.name, prompt.name);
        if (isHashed(poolName)) this.#promptNames.set(poolName, prompt.name);
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
    // The caller's id is for the request it asked for.
    if (!this.#promptNames.has(name)) {
      await this.prompts(member.name, { ...options, requestId: undefined });
    }
    return { member, prompt: this.#promptNames.get(name) ?? parts.tool };
  }

  /** What lacks what it must have is left out and reported; the rest is not affected. */
  #usable<T extends object>(
    member: Member,
    quirk: QuirkCode,
    items: readonly T[],
    required: readonly (keyof T)[],
  ): T[] {
    const usable = items.filter((item) => required.every((key) => typeof item?.[key] === "string"));
    const leftOut = items.length - usable.length;
    if (leftOut > 0) member.connection.quirks.note(quirk, `${leftOut} of ${items.length}`);
    return usable;
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
