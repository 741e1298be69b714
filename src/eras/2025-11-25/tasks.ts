// Tasks of 2025-11-25 (experimental), for tools that insist on them: created, polled, fetched, cancelled.
// https://modelcontextprotocol.io/specification/2025-11-25/basic/utilities/tasks

import { delay } from "../../core/clock.ts";
import {
  McpConnectionError,
  McpError,
  McpProtocolError,
  McpResponseError,
  McpTimeoutError,
} from "../../core/errors.ts";
import { bounded, SERVER_NUMBERS } from "../../core/server-number.ts";
import type { ServerCapabilities, Task, Tool } from "../../spec/types.ts";
import type { EraHost, EraRequest } from "../era.ts";
import { CallTime } from "../call-time.ts";

/** Polls in a row that may fail on the way. */
const MAX_FAILED_POLLS = 5;

/** How much longer than its caller a task may live: a server cannot cancel what it has dropped. */
const AFTERLIFE_MS = 60_000;

/** Whether a call of this tool must be a task (12.14): the tool demands it and the server declared that it can. */
export function needsTask(capabilities: ServerCapabilities, tool: Tool | undefined): boolean {
  return (
    tool?.execution?.taskSupport === "required" &&
    capabilities.tasks?.requests?.tools?.call !== undefined
  );
}

/** Runs a tool call as a task, and gives what the call itself would have given (12.16, 12.20). */
export async function callAsTask(host: EraHost, call: EraRequest): Promise<object> {
  const { peer } = host;
  const time = new CallTime(host, call);
  const id = call.id ?? peer.allocateId();
  const created = (await peer.request({
    method: call.method,
    params: { ...call.params, task: { ttl: call.limits.totalMs + AFTERLIFE_MS } },
    id,
    limits: time.limits(),
    signal: call.signal,
    onProgress: call.onProgress,
    cancel: "notify",
  })) as { task?: unknown };
  // A server may ignore the wish and answer at once.
  if (created.task === undefined) return created;
  const task = checkTask(host, call, created.task);
  const { taskId } = task;
  // The token stays alive until the task is over (8.20).
  const unwatch =
    call.onProgress === undefined ? () => {} : peer.watchProgress(id, call.onProgress);
  try {
    return await follow(host, call, task, time);
  } catch (error) {
    // A task is ended by `tasks/cancel`, never by `notifications/cancelled` (8.23).
    if (call.signal?.aborted || error instanceof McpTimeoutError) cancel(host, taskId);
    throw asLoss(host, call, error);
  } finally {
    unwatch();
  }
}

async function follow(
  host: EraHost,
  call: EraRequest,
  created: Task,
  time: CallTime,
): Promise<object> {
  const { peer, clock } = host;
  const { signal } = call;
  const { taskId } = created;
  let task = created;
  let failures = 0;
  while (task.status === "working") {
    await delay(clock, Math.min(pollDelay(task), time.leftMs), { signal });
    if (time.leftMs <= 1) throw time.outOfTime();
    try {
      const polled = await peer.request({
        method: "tasks/get",
        params: { taskId },
        limits: time.limits(),
        signal,
        cancel: "notify",
      });
      task = checkTask(host, call, polled);
      failures = 0;
    } catch (error) {
      // Asking how it stands is harmless: a hiccup on the way is no reason to give the task up.
      const isHiccup = error instanceof McpError && error.retryable;
      if (!isHiccup || ++failures > MAX_FAILED_POLLS) throw error;
    }
  }
  // `tasks/result` blocks until the task is over, and carries what the server asks meanwhile (12.17).
  const { leftMs } = time;
  return peer.request({
    method: "tasks/result",
    params: { taskId },
    limits: { silenceMs: leftMs, totalMs: leftMs },
    signal,
    cancel: "notify",
  });
}

function cancel(host: EraHost, taskId: string): void {
  const limitMs = host.limits.silenceMs;
  host.peer
    .request({
      method: "tasks/cancel",
      params: { taskId },
      limits: { silenceMs: limitMs, totalMs: limitMs },
      cancel: "close",
    })
    .catch(() => {});
}

/**
 * Once the task exists, a request about it that was not sent, or not taken, does not mean that the call
 * was not: what failed is the way to its answer.
 */
function asLoss(host: EraHost, call: EraRequest, error: unknown): unknown {
  if (!(error instanceof McpError) || error instanceof McpTimeoutError) return error;
  const isAnswer = error instanceof McpResponseError && error.status === undefined;
  if (isAnswer) return error;
  const { server } = host;
  return new McpConnectionError(
    "CONNECTION_LOST",
    `server "${server}" runs ${call.method} as a task, and cannot be asked about it any more: ${error.message}`,
    { server, method: call.method, sent: "yes", cause: error },
  );
}

function checkTask(host: EraHost, call: EraRequest, task: unknown): Task {
  const { taskId, status } = (task ?? {}) as Partial<Task>;
  if (typeof taskId === "string" && typeof status === "string") return task as Task;
  const { server } = host;
  throw new McpProtocolError(
    `server "${server}" answered ${call.method} with a task that has no taskId or no status`,
    { server, method: call.method, sent: "yes" },
  );
}

function pollDelay({ pollInterval }: Task): number {
  return bounded(pollInterval, SERVER_NUMBERS.pollInterval);
}
