// One server's tools as the pool shows them.

import picomatch from "picomatch";
import type { Quirks } from "../jsonrpc/quirks.ts";
import type { JsonObject, Prompt, Resource, ResourceTemplate, Tool } from "../spec/types.ts";
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
  /** Tools beyond this many are left out. */
  readonly maxCount: number;
}

/**
 * What the pool shows of what a server lists, in the server's order.
 * What cannot be shown is left out and reported; the rest is not affected.
 */
export function toPoolTools(
  server: string,
  listed: readonly Tool[],
  rules: ToolRules,
  quirks: Quirks,
  onWarning: (message: string) => void,
): PoolTool[] {
  const isShown = toolFilter(rules);
  for (const glob of unmatched(rules, listed)) {
    onWarning(
      `"${glob}" in tools.allow or tools.deny matches no tool: globs are for the server's own names, without "${server}__"`,
    );
  }
  const byName = new Map<string, PoolTool>();
  for (const tool of listed) {
    if (typeof tool?.name !== "string") {
      quirks.note("tool-without-name");
      continue;
    }
    if (!isShown(tool.name)) continue;
    if (byName.size >= rules.maxCount) {
      onWarning(`more than ${rules.maxCount} tools: the rest was left out; raise limits.tools`);
      break;
    }
    const name = toPoolName(server, tool.name);
    const twin = byName.get(name);
    if (twin !== undefined) {
      if (twin.tool.name === tool.name) quirks.note("tool-listed-twice", `"${name}"`);
      else onWarning(`two tools would both be called "${name}": the first was kept`);
      continue;
    }
    byName.set(name, toPoolTool(server, name, tool, quirks));
  }
  return [...byName.values()];
}

function toPoolTool(server: string, name: string, tool: Tool, quirks: Quirks): PoolTool {
  let parameters = tool.inputSchema as JsonObject | undefined;
  if (typeof parameters !== "object" || parameters === null || Array.isArray(parameters)) {
    quirks.note("tool-without-schema", `"${name}"`);
    parameters = { type: "object" };
  }
  const description = typeof tool.description === "string" ? tool.description : "";
  return Object.freeze({ name, description, parameters, server, tool });
}

/** Globs that decide nothing: misspelt, most likely, and a `deny` that denies nothing is a hole. */
function unmatched({ allow = [], deny = [] }: ToolRules, listed: readonly Tool[]): string[] {
  const names = listed.flatMap((tool) => (typeof tool?.name === "string" ? [tool.name] : []));
  return [...allow, ...deny].filter((glob) => {
    const matches = picomatch(glob, { bash: true, dot: true });
    return !names.some((name) => matches(name));
  });
}

/** Globs over the server's own names; `*` also matches `/`, because a name is no path. */
function toolFilter(rules: ToolRules): (name: string) => boolean {
  const compile = (globs: readonly string[]): ((name: string) => boolean) =>
    picomatch([...globs], { bash: true, dot: true });
  const isAllowed = rules.allow === undefined ? () => true : compile(rules.allow);
  const isDenied = rules.deny === undefined ? () => false : compile(rules.deny);
  return (name) => isAllowed(name) && !isDenied(name);
}
