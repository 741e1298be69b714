// Calls a tool by its name in the pool: finds whose it is, asks there, checks what comes back. Hot path.

import type { Catalog } from "../catalog/catalog.ts";
import { splitToolName } from "../catalog/names.ts";
import { OutputChecker } from "../catalog/output-check.ts";
import type { PoolTool } from "../catalog/pool-tool.ts";
import type { CallOptions } from "../connection/call.ts";
import { McpProtocolError, McpToolNotFoundError } from "../core/errors.ts";
import type { CallToolResult } from "../spec/types.ts";
import type { Member } from "./member.ts";
import type { Members } from "./members.ts";

export class ToolCalls {
  readonly #members: Members;
  readonly #catalog: Catalog;
  readonly #outputs: OutputChecker;

  constructor(members: Members, catalog: Catalog) {
    this.#members = members;
    this.#catalog = catalog;
    this.#outputs = new OutputChecker((name, cause) => {
      const server = splitToolName(name)?.server ?? "";
      const message = `the output schema of "${name}" cannot be compiled: its results are not checked`;
      this.#members.find(server)?.warn(message, cause);
    });
  }

  async call(name: string, args: object, options: CallOptions): Promise<CallToolResult> {
    let found = this.#catalog.find(name);
    let left = options;
    if (found === undefined) [found, left] = await this.#look(name, options);
    const { server, tool } = found;
    const member = this.#members.get(server);
    const params = { name: tool.name, arguments: args };
    const answer = await member.connection.request("tools/call", params, left, tool);
    const result = answer as CallToolResult;
    if (tool.outputSchema !== undefined) await this.#checkOutput(member, found, result);
    return result;
  }

  /** For a name that the catalogue does not have: its server may not have been asked yet. Takes of the call's time. */
  async #look(name: string, options: CallOptions): Promise<[PoolTool, CallOptions]> {
    const parts = splitToolName(name);
    const member = parts && this.#members.find(parts.server);
    if (member !== undefined) {
      const left = await this.#members.get(member.name).loaded(options);
      const tool = this.#catalog.find(name);
      if (tool !== undefined) return [tool, left];
    }
    const nearMatches = this.#catalog.nearMatches(name);
    const hint =
      nearMatches.length > 0
        ? `did you mean ${nearMatches.map((near) => `"${near}"`).join(" or ")}?`
        : member === undefined
          ? `names are server__tool, and the servers are ${this.#members.names}`
          : `server "${member.name}" is connected and does not list it, or tools.allow or tools.deny hide it`;
    throw new McpToolNotFoundError(
      `no tool ${JSON.stringify(name.slice(0, 100))} in the pool; ${hint}`,
      { server: member?.name, method: "tools/call", tool: name, nearMatches },
    );
  }

  async #checkOutput(
    member: Member,
    { name, tool }: PoolTool,
    result: CallToolResult,
  ): Promise<void> {
    const { outputValidation } = member.server;
    if (outputValidation === "off") return;
    const problem = await this.#outputs.check(name, tool, result);
    if (problem === undefined) return;
    const message = `the result of "${name}" does not fit its output schema: ${problem}`;
    if (outputValidation === "warn") return member.warn(message);
    throw new McpProtocolError(
      `${message}. The call has run; outputValidation: "warn" hands such results over`,
      { server: member.name, method: "tools/call", sent: "yes" },
    );
  }
}
