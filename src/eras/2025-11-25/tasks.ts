// Tasks of 2025-11-25 (experimental), for tools that insist on them: created, polled, fetched, cancelled.
// https://modelcontextprotocol.io/specification/2025-11-25/basic/utilities/tasks

import { delay } from "../../core/clock.ts";
import { McpTimeoutError } from "../../core/errors.ts";
import type { ServerCapabilities, Task, Tool } from "../../spec/types.ts";
import type { EraHost, EraRequest } from "../era.ts";

/** Between polls, when the server names no interval; and the bounds of what it may name, milliseconds. */
const POLL = { defaultMs: 1_000, minMs: 50, maxMs: 30_000 };

/** Whether a call of this tool must be a task (12.14): the tool demands it and the server declared that it can. */
export function needsTask(capabilities: ServerCapabilities, tool: Tool | undefined): boolean {
  return (
    tool?.execution?.taskSupport === "required" &&
    capabilities.tasks?.requests?.tools?.call !== undefined
  );
}

/** Runs a tool call as a task, and gives what the call itself would have given (12.16, 12.20). */
export async function callAsTask(host: EraHost, call: EraRequest): Promise<object> {
  const { peer, clock } = host;
  const endsAt = clock.now() + call.limits.totalMs;
  const limits = () => {
    const leftMs = Math.max(1, endsAt - clock.now());
    return { silenceMs: Math.min(call.limits.silenceMs, leftMs), totalMs: leftMs };
  };
  const id = call.id ?? peer.allocateId();
  const created = (await peer.request({
    method: call.method,
    params: { ...call.params, task: { ttl: call.limits.totalMs } },
    id,
    limits: limits(),
    signal: call.signal,
    onProgress: call.onProgress,
    cancel: "notify",
  })) as { task?: Task };
  // A server may ignore the wish and answer at once.
  if (created.task === undefined) return created;
  const { taskId } = created.task;
  // The token stays alive until the task is over (8.20).
  const unwatch =
    call.onProgress === undefined ? () => {} : peer.watchProgress(id, call.onProgress);
  try {
    let task: Task = created.task;
    while (task.status === "working") {
      await delay(clock, pollDelay(task), { signal: call.signal });
      if (clock.now() >= endsAt) throw outOfTime(host, call);
      task = (await peer.request({
        method: "tasks/get",
        params: { taskId },
        limits: limits(),
        signal: call.signal,
        cancel: "notify",
      })) as Task & object;
    }
    // `tasks/result` blocks until the task is over, and carries what the server asks meanwhile (12.17).
    const { totalMs } = limits();
    return await peer.request({
      method: "tasks/result",
      params: { taskId },
      limits: { silenceMs: totalMs, totalMs },
      signal: call.signal,
      cancel: "notify",
    });
  } catch (error) {
    // A task is ended by `tasks/cancel`, never by `notifications/cancelled` (8.23).
    if (call.signal?.aborted || error instanceof McpTimeoutError) {
      const cancelMs = host.limits.silenceMs;
      peer
        .request({
          method: "tasks/cancel",
          params: { taskId },
          limits: { silenceMs: cancelMs, totalMs: cancelMs },
          cancel: "close",
        })
        .catch(() => {});
    }
    throw error;
  } finally {
    unwatch();
  }
}

function pollDelay(task: Task): number {
  return Math.min(POLL.maxMs, Math.max(POLL.minMs, task.pollInterval ?? POLL.defaultMs));
}

function outOfTime(host: EraHost, call: EraRequest): McpTimeoutError {
  const timeoutMs = call.limits.totalMs;
  return new McpTimeoutError(
    `${call.method} on server "${host.server}" ran as a task for longer than the total limit of ${timeoutMs} ms: it was cancelled; it may have run, wholly or in part. Raise totalTimeoutMs if that is expected`,
    { server: host.server, method: call.method, sent: "yes", limit: "total", timeoutMs },
  );
}
