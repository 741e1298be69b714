// Many servers' tools as one list: ordered, immutable, live; every change told as a difference.
// Hot path: `find`.

import { distance } from "fastest-levenshtein";
import { isSameJson } from "../core/json-walk.ts";
import { splitToolName } from "./names.ts";
import type { PoolTool } from "./pool-tool.ts";

export interface ToolsDifference {
  readonly added: readonly PoolTool[];
  readonly removed: readonly PoolTool[];
  /** The new definitions of tools that kept their name. */
  readonly changed: readonly PoolTool[];
}

/** So much of a name that does not exist is compared, characters: names in the pool have at most 64. */
const MAX_COMPARED_CHARS = 200;

/** At most this many names are suggested for one that does not exist. */
const MAX_NEAR_MATCHES = 3;

interface ServerTools {
  readonly byName: ReadonlyMap<string, PoolTool>;
  /** The same, as the server lists them: many servers' arrays are joined far sooner than their maps are walked. */
  readonly list: readonly PoolTool[];
}

const NO_TOOLS: ServerTools = { byName: new Map(), list: Object.freeze([]) };

export class Catalog {
  /** By server, in the order in which they were added. */
  readonly #servers: Map<string, ServerTools> = new Map();
  #snapshot: readonly PoolTool[] | undefined;
  /** Those that were looked for since the last change: no name is taken apart for every call. */
  readonly #found: Map<string, PoolTool> = new Map();

  /** All tools: by server as added, then as the server lists them. A new array after each change, never changed. */
  get tools(): readonly PoolTool[] {
    this.#snapshot ??= Object.freeze(
      ([] as PoolTool[]).concat(...Array.from(this.#servers.values(), ({ list }) => list)),
    );
    return this.#snapshot;
  }

  /** Keeps a place in the order, before the server's tools are known. */
  addServer(server: string): void {
    this.#servers.set(server, NO_TOOLS);
  }

  toolsOf(server: string): readonly PoolTool[] {
    return (this.#servers.get(server) ?? NO_TOOLS).list;
  }

  find(name: string): PoolTool | undefined {
    return this.#found.get(name) ?? this.#look(name);
  }

  #look(name: string): PoolTool | undefined {
    const parts = splitToolName(name);
    const tool = parts && this.#servers.get(parts.server)?.byName.get(name);
    if (tool !== undefined) this.#found.set(name, tool);
    return tool;
  }

  /** Replaces a server's tools. `undefined` if nothing changed, or the server is not known (any more). */
  setTools(server: string, tools: readonly PoolTool[]): ToolsDifference | undefined {
    const before = this.#servers.get(server);
    if (before === undefined) return undefined;
    const after = new Map<string, PoolTool>();
    const added: PoolTool[] = [];
    const changed: PoolTool[] = [];
    for (const tool of tools) {
      const known = before.byName.get(tool.name);
      if (known === undefined) added.push(tool);
      else if (!isSameJson(known.tool, tool.tool)) changed.push(tool);
      else {
        after.set(tool.name, known);
        continue;
      }
      after.set(tool.name, tool);
    }
    const removed = before.list.filter((tool) => !after.has(tool.name));
    const list = Object.freeze([...after.values()]);
    const moved = list.some((tool, index) => tool.name !== before.list[index]?.name);
    if (added.length + changed.length + removed.length === 0 && !moved) return undefined;
    this.#servers.set(server, { byName: after, list });
    this.#snapshot = undefined;
    this.#found.clear();
    return { added, removed, changed };
  }

  removeServer(server: string): ToolsDifference | undefined {
    const difference = this.setTools(server, []);
    this.#servers.delete(server);
    return difference;
  }

  /** Names close to one that does not exist, best first: the same tool elsewhere, then the fewest edits. */
  nearMatches(name: string): string[] {
    const wanted = name.slice(0, MAX_COMPARED_CHARS).toLowerCase();
    const bare = splitToolName(wanted)?.tool ?? wanted;
    const tolerance = Math.max(2, Math.floor(wanted.length / 3));
    const scored: { name: string; score: number }[] = [];
    for (const tool of this.tools) {
      const candidate = tool.name.toLowerCase();
      const own = tool.tool.name.toLowerCase();
      const score =
        own === bare
          ? 0
          : Math.min(edits(candidate, wanted, tolerance), edits(own, wanted, tolerance));
      if (score <= tolerance) scored.push({ name: tool.name, score });
    }
    scored.sort((a, b) => a.score - b.score);
    return scored.slice(0, MAX_NEAR_MATCHES).map((match) => match.name);
  }
}

/** The edits between two names; without counting them if their lengths alone say that there are too many. */
function edits(a: string, b: string, most: number): number {
  return Math.abs(a.length - b.length) > most ? Infinity : distance(a, b);
}
