// Which tools can be called over HTTP, and which of their arguments are mirrored into headers.
// https://modelcontextprotocol.io/specification/2026-07-28/server/tools#x-mcp-header

import { BoundedMap } from "../../core/bounded-map.ts";
import { McpConfigError } from "../../core/errors.ts";
import { excerpt } from "../../core/redact.ts";
import type { HeaderList } from "../../jsonrpc/transport.ts";
import type { Tool } from "../../spec/types.ts";
import type { EraHost, EraRequest } from "../era.ts";
import { EMPTY_PLAN, paramHeaders, planParams } from "./param-headers.ts";
import type { ParamPlan, SearchBudget } from "./param-headers.ts";

/**
 * Tools that are remembered, those that were listed last, and the characters of what is remembered of them. A server
 * with more is served without what is beyond.
 */
const MAX_REMEMBERED = 10_000;
const MAX_REMEMBERED_CHARS = 4 * 1024 * 1024;

/** Objects and arrays in the schemas of one page; a page of 5,000 tools has some hundred thousand. */
const MAX_PLACES_OF_PAGE = 500_000;

/** Tools of one page whose reason is told; of the others their number is. */
const MAX_TOLD = 5;

/** Roughly what is remembered of a tool beside the texts, as characters. */
const TOOL_CHARS = 100;
const STEP_CHARS = 8;

const NO_HEADERS: HeaderList = [];

export class ToolHeaders {
  readonly #server: string;
  readonly #events: EraHost["events"];
  /** Only tools with annotations, as last listed (9.9, 10.10). */
  readonly #plans: BoundedMap<ParamPlan> = new BoundedMap(MAX_REMEMBERED, MAX_REMEMBERED_CHARS);
  /** Why a tool was left out, by its name. */
  readonly #invalid: BoundedMap<string> = new BoundedMap(MAX_REMEMBERED, MAX_REMEMBERED_CHARS);
  #wasListed = false;

  constructor({ server, events }: Pick<EraHost, "server" | "events">) {
    this.#server = server;
    this.#events = events;
  }

  /** A page of `tools/list` without the tools whose annotations are invalid (10.4); the others are remembered. */
  screen(page: object): object {
    const { tools } = page as { tools?: unknown };
    if (!Array.isArray(tools)) return page;
    this.#wasListed = true;
    const budget = { left: MAX_PLACES_OF_PAGE };
    let newCount = 0;
    const onInvalid = (message: string): void => {
      if (newCount++ < MAX_TOLD) this.#events.onWarning(message);
    };
    const valid = (tools as (Partial<Tool> | null)[]).filter((tool, index) =>
      index < MAX_REMEMBERED ? this.#learn(tool, budget, onInvalid) : true,
    );
    if (newCount > MAX_TOLD) {
      this.#events.onWarning(
        `${newCount - MAX_TOLD} more tools are left out because of their "x-mcp-header"`,
      );
    }
    return valid.length === tools.length ? page : { ...page, tools: valid };
  }

  /**
   * The `Mcp-Param-*` headers of a request.
   *
   * @throws {McpConfigError} for a tool that was left out, or an argument that cannot be mirrored.
   */
  of(call: EraRequest): HeaderList {
    if (call.method !== "tools/call") return NO_HEADERS;
    // Of most servers no tool has annotations.
    if (this.#wasListed && this.#plans.count === 0 && this.#invalid.count === 0) return NO_HEADERS;
    const { name, arguments: args } = (call.params ?? {}) as {
      name?: unknown;
      arguments?: unknown;
    };
    if (typeof name !== "string") return NO_HEADERS;
    const reason = this.#invalid.get(name);
    if (reason !== undefined) {
      throw new McpConfigError(
        `tool "${excerpt(name, 100)}" of server "${this.#server}" cannot be called over HTTP: ${reason}`,
        { server: this.#server, method: call.method, path: "name" },
      );
    }
    const plan = this.#plans.get(name) ?? (this.#wasListed ? EMPTY_PLAN : planOf(call.tool));
    return plan === EMPTY_PLAN ? NO_HEADERS : paramHeaders(plan, args, this.#server);
  }

  /** False if it is left out. What is no tool at all is not ours to judge. */
  #learn(
    tool: Partial<Tool> | null,
    budget: SearchBudget,
    onInvalid: (message: string) => void,
  ): boolean {
    if (typeof tool?.name !== "string") return true;
    const { name } = tool;
    const plan = planParams(tool.inputSchema, budget);
    if ("invalid" in plan) {
      const { invalid } = plan;
      this.#plans.delete(name);
      const isNew = this.#invalid.get(name) !== invalid;
      this.#invalid.set(name, invalid, invalid.length + TOOL_CHARS);
      // In the same words it was told of before.
      if (isNew) onInvalid(`tool "${excerpt(name, 100)}" is left out: ${invalid}`);
      return false;
    }
    this.#invalid.delete(name);
    if (plan === EMPTY_PLAN) this.#plans.delete(name);
    else this.#plans.set(name, plan, sizeOf(plan));
    return true;
  }
}

function sizeOf({ params }: ParamPlan): number {
  let size = TOOL_CHARS;
  for (const { header, path } of params) {
    size += header.length + TOOL_CHARS;
    for (const step of path) size += step.length + STEP_CHARS;
  }
  return size;
}

/** For a tool that another connection had listed. */
function planOf(tool: Tool | undefined): ParamPlan {
  const plan = tool === undefined ? EMPTY_PLAN : planParams(tool.inputSchema);
  return "invalid" in plan ? EMPTY_PLAN : plan;
}
