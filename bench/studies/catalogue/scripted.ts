// Scripted servers with a hundred tools each, in the process of the pool: what they list is made anew each time, so
// that they keep next to nothing of their own.

import type {
  JsonObject,
  JsonRpcMessage,
  JsonRpcRequest,
  MemoryServerEnd,
  Tool,
} from "../../../src/index.ts";
import { SESSION_VERSION } from "../../contenders/contender.ts";

export const TOOLS_PER_SERVER = 100;

/** How many tools each change alters, takes away and adds: the number of tools stays the same. */
export const CHANGED = 5;

export class ScriptedServer {
  readonly name: string;
  readonly #end: MemoryServerEnd;
  /** How often the list has changed. */
  #edition = 0;
  /** When its last answer to `tools/list` was handed over, on `performance.now()`. */
  listedAt = Number.NaN;

  constructor(name: string, end: MemoryServerEnd) {
    this.name = name;
    this.#end = end;
    end.onMessage((message) => this.#answer(message));
  }

  /** The names of its tools as of now, in the pool and in order. */
  get toolNames(): string[] {
    return this.#tools().map((tool) => poolName(this.name, tool.name));
  }

  /** Its list becomes another one, and it says so. */
  change(): void {
    this.#edition += 1;
    this.#end.send({ jsonrpc: "2.0", method: "notifications/tools/list_changed" });
  }

  #answer(message: JsonRpcMessage): void {
    if (!("method" in message) || !("id" in message)) return;
    const { id } = message;
    const result = this.#resultOf(message);
    this.listedAt = performance.now();
    this.#end.send({ jsonrpc: "2.0", id, result });
  }

  #resultOf({ method, params }: JsonRpcRequest): JsonObject {
    switch (method) {
      case "initialize":
        return {
          protocolVersion: SESSION_VERSION,
          capabilities: { tools: { listChanged: true } },
          serverInfo: { name: this.name, version: "1.0.0" },
        };
      case "tools/list":
        return { tools: this.#tools() };
      case "tools/call": {
        const { name } = params as { name: string };
        return { content: [{ type: "text", text: poolName(this.name, name) }] };
      }
      default:
        return {};
    }
  }

  /** The first ones are others in each edition, the last ones are altered by it. */
  #tools(): Tool[] {
    return Array.from({ length: TOOLS_PER_SERVER }, (_, index) => {
      const isNew = index < CHANGED && this.#edition > 0;
      const isAltered = index >= TOOLS_PER_SERVER - CHANGED;
      const name = `tool_${String(index).padStart(2, "0")}${isNew ? `_v${this.#edition}` : ""}`;
      return toolNamed(name, isAltered ? this.#edition : 0);
    });
  }
}

function poolName(server: string, tool: string): string {
  return `${server}__${tool}`;
}

function toolNamed(name: string, edition: number): Tool {
  return {
    name,
    description: `${name} looks a record up by its id and gives the fields that were asked for (edition ${edition}).`,
    inputSchema: {
      type: "object",
      properties: {
        id: { type: "string", description: "The id of the record." },
        fields: { type: "array", items: { type: "string" }, description: "Which of its fields." },
        limit: { type: "integer", minimum: 1, maximum: 100 },
      },
      required: ["id"],
    },
    annotations: { readOnlyHint: true },
  };
}
