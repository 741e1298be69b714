// Which tools can be called over HTTP, and which of their arguments are mirrored into headers.
// https://modelcontextprotocol.io/specification/2026-07-28/server/tools#x-mcp-header

import { McpConfigError } from "../../core/errors.ts";
import { excerpt } from "../../core/redact.ts";
import type { HeaderList } from "../../jsonrpc/transport.ts";
import type { Tool } from "../../spec/types.ts";
import type { EraHost, EraRequest } from "../era.ts";
import { EMPTY_PLAN, paramHeaders, planParams } from "./param-headers.ts";
import type { ParamPlan } from "./param-headers.ts";

/** Tools that are remembered; a server with more is served without what is beyond. */
const MAX_REMEMBERED = 10_000;

const NO_HEADERS: HeaderList = [];

export class ToolHeaders {
  readonly #server: string;
  readonly #events: EraHost["events"];
  /** Only tools with annotations, as last listed (9.9, 10.10). */
  readonly #plans: Map<string, ParamPlan> = new Map();
  /** Why a tool was left out, by its name. */
  readonly #invalid: Map<string, string> = new Map();
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
    const valid = (tools as (Partial<Tool> | null)[]).filter((tool) => this.#learn(tool));
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
    if (this.#wasListed && this.#plans.size === 0 && this.#invalid.size === 0) return NO_HEADERS;
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
  #learn(tool: Partial<Tool> | null): boolean {
    if (typeof tool?.name !== "string") return true;
    const { name } = tool;
    const plan = planParams(tool.inputSchema);
    if ("invalid" in plan) {
      this.#plans.delete(name);
      if (this.#invalid.get(name) === plan.invalid) return false;
      if (this.#invalid.size < MAX_REMEMBERED) this.#invalid.set(name, plan.invalid);
      this.#events.onWarning(`tool "${excerpt(name, 100)}" is left out: ${plan.invalid}`);
      return false;
    }
    this.#invalid.delete(name);
    if (plan === EMPTY_PLAN) this.#plans.delete(name);
    else if (this.#plans.size < MAX_REMEMBERED) this.#plans.set(name, plan);
    return true;
  }
}

/** For a tool that another connection had listed. */
function planOf(tool: Tool | undefined): ParamPlan {
  const plan = tool === undefined ? EMPTY_PLAN : planParams(tool.inputSchema);
  return "invalid" in plan ? EMPTY_PLAN : plan;
}
