// Tasks of the extension `io.modelcontextprotocol/tasks`: a server may answer a call with one at any time.
// https://github.com/modelcontextprotocol/modelcontextprotocol/blob/main/seps/2663-tasks-extension.md

import { McpError, McpProtocolError, McpResponseError } from "../../core/errors.ts";
import { excerpt } from "../../core/redact.ts";
import { bounded, SERVER_NUMBERS } from "../../core/server-number.ts";
import type { JsonRpcErrorObject } from "../../jsonrpc/messages.ts";
import type { TaskState, TaskStatus } from "../../spec/types.ts";

const STATUSES: ReadonlySet<unknown> = new Set<TaskStatus>([
  "working",
  "input_required",
  "completed",
  "failed",
  "cancelled",
]);

/** A task with what its status brings (12.3). */
export interface DetailedTask extends TaskState {
  readonly inputRequests?: { readonly [key: string]: unknown };
  readonly result?: object;
  readonly error?: JsonRpcErrorObject;
}

/** Whether a call was answered with a task. */
export function isTaskResult(result: object): boolean {
  return (result as { resultType?: unknown }).resultType === "task";
}

/**
 * Reads a task, flat in a result (12.2). `taskId` is the one that was asked for: it decides.
 *
 * @throws {McpProtocolError} if it is none.
 */
export function readTask(
  server: string,
  method: string,
  result: object,
  taskId?: string,
): DetailedTask {
  const task = result as Partial<DetailedTask>;
  const id = taskId ?? task.taskId;
  if (typeof id === "string" && id !== "" && STATUSES.has(task.status)) {
    const { statusMessage, ...rest } = task as DetailedTask;
    const said = typeof statusMessage === "string" ? { statusMessage } : {};
    return { ...rest, ...said, taskId: id };
  }
  throw new McpProtocolError(
    `server "${server}" answered ${method} with a task that has no taskId or no known status`,
    { server, method, sent: "yes" },
  );
}

/** How long to wait before the next poll: the server's latest word, within bounds (12.4). */
export function pollDelayMs({ pollIntervalMs }: TaskState): number {
  return bounded(pollIntervalMs, SERVER_NUMBERS.pollInterval);
}

/** What the call itself would have given, of a task that is over; `undefined` while it is not. */
export function outcomeOf(server: string, task: DetailedTask): object | McpError | undefined {
  const about = { server, method: "tools/call", sent: "yes" } as const;
  switch (task.status) {
    case "completed":
      if (typeof task.result === "object" && task.result !== null) return task.result;
      return new McpProtocolError(`server "${server}" completed a task without a result`, about);
    case "failed": {
      const { code, message, data } = (task.error ?? {}) as { [key: string]: unknown };
      const rpcCode = typeof code === "number" && Number.isInteger(code) ? code : 0;
      const rpcMessage = typeof message === "string" ? message : "";
      return new McpResponseError(
        `a task of server "${server}" failed with error ${rpcCode}: ${excerpt(rpcMessage || (task.statusMessage ?? ""))}`,
        { ...about, rpcCode, rpcMessage, data },
      );
    }
    case "cancelled":
      return new McpError(
        "TASK_CANCELLED",
        `a task of server "${server}" was cancelled; it may have run in part${task.statusMessage === undefined ? "" : ` (${excerpt(task.statusMessage)})`}`,
        about,
      );
    case "working":
    case "input_required":
      return undefined;
  }
}
