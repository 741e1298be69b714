// One server's tools as the pool shows them.

import { Turns } from "../core/turns.ts";
import { excerpt } from "../core/redact.ts";
import type { Quirks } from "../jsonrpc/quirks.ts";
import type { JsonObject, Prompt, Resource, ResourceTemplate, Tool } from "../spec/types.ts";
import { compileGlob } from "./globs.ts";
import type { NameMatcher } from "./globs.ts";
import { toPoolName } from "./names.ts";

/** A tool, ready to be handed to an LLM. */
export interface PoolTool {
  /** `server__tool`: unique in the pool, `^[A-Za-z0-9_-]{1,64}$`. */
  readonly name: string;
  /** `""` if the server gave none. */
  readonly description: string;
  /** The server's `inputSchema`, untouched. */
  readonly parameters: JsonObject;
  /** Name of the server in the pool. */
  readonly server: string;
  /** The server's own definition. */
  readonly tool: Readonly<Tool>;
}

/** A prompt; `name` as for tools. */
export interface PoolPrompt {
  readonly name: string;
  readonly description: string;
  readonly server: string;
  readonly prompt: Readonly<Prompt>;
}

/** A resource and whose it is: URIs are unique per server only. */
export interface PoolResource {
  readonly uri: string;
  readonly name: string;
  readonly server: string;
  readonly resource: Readonly<Resource>;
}

export interface PoolResourceTemplate {
  /** RFC 6570. */
  readonly uriTemplate: string;
  readonly name: string;
  readonly server: string;
  readonly template: Readonly<ResourceTemplate>;
}

export interface ToolRules {
  readonly allow?: readonly string[] | undefined;
  readonly deny?: readonly string[] | undefined;
}

/**
 * The longest name of an item that is taken, characters. Names of tools have at most 128, and servers with longer ones
 * exist. https://modelcontextprotocol.io/specification/2025-11-25/server/tools#tool-names
 */
export const MAX_ITEM_NAME_CHARS = 1_024;

/** Which tools of a server are shown: globs over the server's own names. */
export class ToolFilter {
  readonly #allow: ReadonlyMap<string, NameMatcher> | undefined;
  readonly #deny: ReadonlyMap<string, NameMatcher>;

  constructor({ allow, deny = [] }: ToolRules) {
    const compile = (globs: readonly string[], onHopeless: boolean): Map<string, NameMatcher> =>
      new Map(globs.map((glob) => [glob, compileGlob(glob, onHopeless)]));
    this.#allow = allow && compile(allow, false);
    this.#deny = compile(deny, true);
  }

  /** Takes from `idle` the globs that match the name. */
  shows(name: string, idle: Set<string> = new Set()): boolean {
    const isAllowed = this.#allow === undefined || matchesAny(this.#allow, name, idle);
    const isDenied = matchesAny(this.#deny, name, idle);
    return isAllowed && !isDenied;
  }

  get globs(): string[] {
    return [...(this.#allow?.keys() ?? []), ...this.#deny.keys()];
  }
}

function matchesAny(
  globs: ReadonlyMap<string, NameMatcher>,
  name: string,
  idle: Set<string>,
): boolean {
  let doesMatch = false;
  for (const [glob, matches] of globs) {
    // All that has matched before need only decide about this name.
    if ((doesMatch && !idle.has(glob)) || !matches(name)) continue;
    doesMatch = true;
    idle.delete(glob);
  }
  return doesMatch;
}

/** Of one server, for one list. */
export interface ScreenOptions {
  readonly server: string;
  readonly filter: ToolFilter;
  /** Tools beyond this many are left out. */
  readonly maxCount: number;
  readonly quirks: Quirks;
  readonly onWarning: (message: string) => void;
}

/** What the pool shows of a list of tools. What cannot be shown is left out and reported; the rest is not affected. */
export class ToolScreen {
  readonly #options: ScreenOptions;
  /** Globs that have decided nothing so far: misspelt, most likely, and a `deny` that denies nothing is a hole. */
  readonly #idle: Set<string>;
  readonly #names: Set<string> = new Set();
  #seenCount = 0;

  constructor(options: ScreenOptions) {
    this.#options = options;
    this.#idle = new Set(options.filter.globs);
  }

  /**
   * Asked while the list is still being walked, once for each item: whether it is worth keeping. Tools that are not
   * shown are not gathered either.
   */
  readonly isKept = (item: unknown): boolean => {
    this.#seenCount += 1;
    const name = (item as Partial<Tool> | null | undefined)?.name;
    if (typeof name !== "string") {
      this.#options.quirks.note("tool-without-name");
      return false;
    }
    if (name.length > MAX_ITEM_NAME_CHARS) {
      this.#options.quirks.note("name-too-long", `a tool, "${excerpt(name, 60)}"`);
      return false;
    }
    if (!this.#options.filter.shows(name, this.#idle)) return false;
    this.#names.add(name);
    return true;
  };

  /** Items that were asked about, shown or not. */
  get seenCount(): number {
    return this.#seenCount;
  }

  /** There are more tools than the pool takes. */
  get isFull(): boolean {
    return this.#names.size > this.#options.maxCount;
  }

  /** Of the items that were kept: the tools, in the server's order. */
  async shown(kept: readonly Tool[]): Promise<PoolTool[]> {
    const { server, maxCount, quirks, onWarning } = this.#options;
    const byName = new Map<string, PoolTool>();
    const turns = new Turns();
    let clashes = 0;
    let clash = "";
    for (const tool of kept) {
      if (turns.spend()) await turns.next();
      const name = toPoolName(server, tool.name);
      const twin = byName.get(name);
      if (twin !== undefined) {
        if (twin.tool.name === tool.name) quirks.note("tool-listed-twice", `"${name}"`);
        else if (clashes++ === 0) clash = name;
      } else if (byName.size < maxCount) {
        byName.set(name, toPoolTool(server, name, tool, quirks));
      }
    }
    if (this.isFull) {
      onWarning(`more than ${maxCount} tools: the rest was left out; raise limits.tools`);
    }
    if (clashes > 0) {
      const others = clashes > 1 ? `, and ${clashes - 1} more such tools were left out` : "";
      onWarning(`two tools would both be called "${clash}": the first was kept${others}`);
    }
    // Of a list that was not read to its end nobody knows which globs match nothing.
    if (!this.isFull) {
      for (const glob of this.#idle) {
        onWarning(
          `"${excerpt(glob, 100)}" in tools.allow or tools.deny matches no tool: globs are for the server's own names, without "${server}__"`,
        );
      }
    }
    return [...byName.values()];
  }
}

/** A tool that no list has, by the server's own name for it. `undefined` if it would not be shown. */
export function unlistedPoolTool(
  server: string,
  original: string,
  filter: ToolFilter,
  quirks: Quirks,
): PoolTool | undefined {
  if (!filter.shows(original)) return undefined;
  const tool: Tool = { name: original, inputSchema: { type: "object" } };
  return toPoolTool(server, toPoolName(server, original), tool, quirks);
}

/** One tool as the pool shows it; `name` is its name in the pool. */
export function toPoolTool(server: string, name: string, tool: Tool, quirks: Quirks): PoolTool {
  let parameters = tool.inputSchema as JsonObject | undefined;
  if (typeof parameters !== "object" || parameters === null || Array.isArray(parameters)) {
    quirks.note("tool-without-schema", `"${name}"`);
    parameters = { type: "object" };
  }
  const description = typeof tool.description === "string" ? tool.description : "";
  return Object.freeze({ name, description, parameters, server, tool });
}
