// Calls a tool by its name in the pool: finds whose it is, asks there, checks what comes back. Hot path.

import type { Catalog } from "../catalog/catalog.ts";
import { splitToolName } from "../catalog/names.ts";
import { OutputChecker } from "../catalog/output-check.ts";
import type { PoolTool } from "../catalog/pool-tool.ts";
import type { Asker, CallOptions } from "../connection/call.ts";
import type { Clock } from "../core/clock.ts";
import {
  McpClosedError,
  McpConnectionError,
  McpError,
  McpOutcomeUnknownError,
  McpOutputError,
  McpTimeoutError,
  McpToolNotFoundError,
} from "../core/errors.ts";
import { excerpt } from "../core/redact.ts";
import { isTaskResult, readTask } from "../eras/2026-07-28/tasks.ts";
import type { CallToolResult, Tool } from "../spec/types.ts";
import type { Member } from "./member.ts";
import type { Members } from "./members.ts";
import type { ToolCallOptions } from "./call-options.ts";
import { finishedTask, RemoteTask } from "./tool-task.ts";
import type { ToolTask } from "./tool-task.ts";

/** How long a call for a missing tool waits for another look at its server, milliseconds. */
const LOOK_MS = 5_000;

export class ToolCalls {
  readonly #members: Members;
  readonly #catalog: Catalog;
  readonly #clock: Clock;
  readonly #outputs: OutputChecker;

  constructor(members: Members, catalog: Catalog, clock: Clock) {
    this.#members = members;
    this.#catalog = catalog;
    this.#clock = clock;
    this.#outputs = new OutputChecker((name, { cause, reason }) => {
      const server = splitToolName(name)?.server ?? "";
      const message =
        cause === "schema"
          ? `the output schema of "${name}" cannot be checked against, and its results are not checked: ${reason}`
          : `a result of "${name}" was not checked against its output schema: ${reason}`;
      this.#members.find(server)?.warn(message);
    });
  }

  call(name: string, args: object, options: ToolCallOptions): Promise<CallToolResult | ToolTask> {
    const startedAt = this.#clock.now();
    const found = this.#catalog.find(name);
    return found === undefined
      ? this.#callUnlisted(name, args, options, startedAt)
      : this.#ask(found, args, options, options, startedAt);
  }

  /** For a name that the catalogue does not have: its server may not have been asked yet. Takes of the call's time. */
  async #callUnlisted(
    name: string,
    args: object,
    options: ToolCallOptions,
    startedAt: number,
  ): Promise<CallToolResult | ToolTask> {
    const [found, left] = await this.#look(name, options);
    return this.#ask(found, args, left, options, startedAt);
  }

  /** `left`: the options, with what is left of the call's time. */
  #ask(
    found: PoolTool,
    args: object,
    left: CallOptions,
    options: ToolCallOptions,
    startedAt: number,
  ): Promise<CallToolResult | ToolTask> {
    const member = this.#members.get(found.server);
    const params = { name: found.tool.name, arguments: args };
    const asker = new ToolAsker(this, member, found, options, startedAt);
    // What it gives is what the asker makes of it.
    return member.connection.request("tools/call", params, left, asker) as Promise<
      CallToolResult | ToolTask
    >;
  }

  /** For `ToolAsker`. */
  finish(
    member: Member,
    found: PoolTool,
    options: ToolCallOptions,
    startedAt: number,
    answer: object,
  ): CallToolResult | ToolTask | Promise<CallToolResult | ToolTask> {
    if (isTaskResult(answer) && member.connection.description?.era === "stateless") {
      const task = this.#taskOf(member, found, answer);
      return options.task === "handle" ? task : this.#follow(task, member, options, startedAt);
    }
    const result = answer as CallToolResult;
    const wanted = options.task === "handle" ? finishedTask(member.name, result) : result;
    if (found.tool.outputSchema === undefined) return wanted;
    return this.#checkOutput(member, found, result).then(() => wanted);
  }

  /** A task that another process, or an earlier call, left behind. */
  task(server: string, id: string): ToolTask {
    return new RemoteTask(this.#members.get(server), this.#clock, id);
  }

  #taskOf(member: Member, found: PoolTool, answer: object): RemoteTask {
    const task = readTask(member.name, "tools/call", answer);
    const { outputSchema } = found.tool;
    const check = (result: CallToolResult): Promise<void> =>
      outputSchema === undefined ? Promise.resolve() : this.#checkOutput(member, found, result);
    return new RemoteTask(member, this.#clock, task.taskId, { task, check });
  }

  /** As if the call had been answered at once: in its own time, and cancelled when its caller gives it up. */
  async #follow(
    task: RemoteTask,
    member: Member,
    options: CallOptions,
    startedAt: number,
  ): Promise<CallToolResult> {
    const limitMs = options.totalTimeoutMs ?? member.server.timeouts.totalTimeoutMs;
    const leftMs = Math.max(1, startedAt + limitMs - this.#clock.now());
    try {
      return await task.result({ ...options, totalTimeoutMs: leftMs });
    } catch (error) {
      if (error instanceof McpClosedError) throw leftBehind(task, error);
      // The server has become one that knows nothing of tasks, or cannot be asked.
      const isGone = member.connection.description?.era !== "stateless";
      const isLost = error instanceof McpConnectionError || (isGone && error instanceof McpError);
      if (isLost) throw this.#outcomeUnknown(task, error);
      // Nobody else has the handle: what goes on there would go on for nobody.
      if (!isOver(task)) void task.cancel().catch(() => {});
      const isLate = error instanceof McpTimeoutError && error.limit === "total";
      if (isLate) throw task.outOfTime(limitMs, "it was cancelled");
      // Whatever became of a question about the task: the call itself has begun.
      throw error instanceof McpError && error.sent !== "yes"
        ? error.forCall("tools/call", "yes")
        : error;
    }
  }

  #outcomeUnknown({ server, id }: RemoteTask, cause: McpError): McpOutcomeUnknownError {
    return new McpOutcomeUnknownError(
      `server "${server}" runs the call as a task, and cannot be asked about it any more; pool.task("${server}", ${JSON.stringify(id)}) finds it again (${cause.message})`,
      { server, method: "tools/call", sent: "yes", cause },
    );
  }

  async #look(name: string, options: CallOptions): Promise<[PoolTool, CallOptions]> {
    const parts = splitToolName(name);
    const member = parts && this.#members.find(parts.server);
    if (parts !== undefined && member !== undefined) {
      const left = await this.#members.get(member.name).loaded(options);
      const tool = this.#catalog.find(name);
      if (tool !== undefined) return [tool, left];
      const later = await this.#lookAgain(name, member, left);
      if (later !== undefined) return later;
      const unlisted = member.unlistedTool(parts.tool);
      if (unlisted?.name === name) return [unlisted, left];
    }
    const nearMatches = this.#catalog.nearMatches(name);
    const isWithheld = member !== undefined && isWithheldBy(member, name);
    const hint = isWithheld
      ? "its definition is not the one that was accepted: look at withheldTools, then acceptTool"
      : nearMatches.length > 0
        ? `did you mean ${nearMatches.map((near) => `"${near}"`).join(" or ")}?`
        : member === undefined
          ? `names are server__tool, and the servers are ${this.#members.names}`
          : `server "${member.name}" is connected and does not list it, or tools.allow or tools.deny hide it`;
    throw new McpToolNotFoundError(
      `no tool ${JSON.stringify(excerpt(name, 100))} in the pool; ${hint}`,
      { server: member?.name, method: "tools/call", tool: name, nearMatches },
    );
  }

  /** For a tool that was not in the server's list: the server may have loaded it since. */
  async #lookAgain(
    name: string,
    member: Member,
    options: CallOptions,
  ): Promise<[PoolTool, CallOptions] | undefined> {
    if (isWithheldBy(member, name)) return undefined;
    const { signal, totalTimeoutMs = member.server.timeouts.totalTimeoutMs } = options;
    const startedAt = this.#clock.now();
    await member.lookAgain(signal, Math.min(totalTimeoutMs, LOOK_MS));
    const tool = this.#catalog.find(name);
    if (tool === undefined) return undefined;
    const leftMs = Math.max(1, startedAt + totalTimeoutMs - this.#clock.now());
    return [tool, { ...options, totalTimeoutMs: leftMs }];
  }

  async #checkOutput(
    member: Member,
    { name, tool }: PoolTool,
    result: CallToolResult,
  ): Promise<void> {
    const { outputValidation } = member.server;
    if (outputValidation === "off") return;
    const verdict = await this.#outputs.check(member, name, tool, result);
    if (verdict.kind === "fits") return;
    const isMisfit = verdict.kind === "misfit";
    const message = isMisfit
      ? `the result of "${name}" does not fit its output schema: ${verdict.problem}`
      : `the result of "${name}" could not be checked against its output schema: ${verdict.reason}`;
    if (outputValidation === "error") {
      throw member.connection.redactor.error(
        new McpOutputError(
          `${message}. The call has run, and the error has its result; outputValidation: "warn" hands such results over`,
          { server: member.name, method: "tools/call", result, verdict: verdict.kind },
        ),
      );
    }
    if (isMisfit) member.warn(message);
  }
}

function isWithheldBy(member: Member, name: string): boolean {
  return member.withheldTools.some((tool) => tool.name === name);
}

/** A pool that closes does not wait for tasks: they go on, and can be found again. */
function leftBehind({ server, id }: RemoteTask, cause: McpClosedError): McpClosedError {
  return new McpClosedError(
    `${cause.message}, while server "${server}" runs the call as a task: it goes on, and pool.task("${server}", ${JSON.stringify(id)}) finds it again`,
    { server, method: "tools/call", sent: "yes", cause },
  );
}

function isOver({ state }: RemoteTask): boolean {
  return (
    state?.status === "completed" || state?.status === "failed" || state?.status === "cancelled"
  );
}

/** One call: a class, as everything that is made for each. */
class ToolAsker implements Asker {
  readonly tool: Tool;
  readonly #calls: ToolCalls;
  /** Also when it has left the pool meanwhile. */
  readonly #member: Member;
  readonly #found: PoolTool;
  readonly #options: ToolCallOptions;
  readonly #startedAt: number;

  constructor(
    calls: ToolCalls,
    member: Member,
    found: PoolTool,
    options: ToolCallOptions,
    startedAt: number,
  ) {
    this.tool = found.tool;
    this.#calls = calls;
    this.#member = member;
    this.#found = found;
    this.#options = options;
    this.#startedAt = startedAt;
  }

  finish(answer: object): object | Promise<object> {
    return this.#calls.finish(this.#member, this.#found, this.#options, this.#startedAt, answer);
  }
}
