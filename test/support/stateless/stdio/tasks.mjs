// The tasks of the scripted stateless stdio server.

import { notify } from "./subscriptions.mjs";
import { demandTasks, inputRequest, isObject, Refusal, text, violation } from "./wire.mjs";

const tasks = new Map();

export function createTask(args, message) {
  demandTasks(message);
  const taskId = `task ${tasks.size + 1}`;
  const now = new Date().toISOString();
  const task = { taskId, createdAt: now, lastUpdatedAt: now, ttlMs: null, pollIntervalMs: 5 };
  tasks.set(taskId, { task, args, polls: 0, status: args.ask ? "input_required" : "working" });
  return { resultType: "task", ...task, status: "working" };
}

function setTask(entry, status) {
  entry.status = status;
  entry.task.lastUpdatedAt = new Date().toISOString();
  notify({ method: "notifications/tasks", params: detailed(entry) });
}

function detailed({ task, args, status }) {
  return {
    ...task,
    status,
    ...(status === "input_required" ? { inputRequests: { q: inputRequest() } } : {}),
    ...(status === "completed" ? { result: text(args.key ?? "done") } : {}),
    ...(status === "failed" ? { error: { code: -32603, message: "told to fail" } } : {}),
  };
}

/** Answers `tasks/get`, `tasks/update` and `tasks/cancel`. */
export function serveTask(message) {
  demandTasks(message);
  const { taskId, inputResponses } = message.params;
  const entry = tasks.get(taskId);
  if (entry === undefined) throw new Refusal(-32602, `Unknown task: ${taskId}`);
  if (message.method === "tasks/update") {
    if (!isObject(inputResponses)) violation(message, "inputResponses is no object");
    else if (!("q" in inputResponses)) violation(message, "inputResponses for what was not asked");
    if (entry.status === "input_required") setTask(entry, "working");
    return {};
  }
  if (message.method === "tasks/cancel") {
    const isOpen = entry.status === "working" || entry.status === "input_required";
    if (isOpen && entry.args.cancel !== "ignore") setTask(entry, "cancelled");
    return {};
  }
  if (entry.status === "working") {
    entry.polls += 1;
    const isOver = entry.polls >= (entry.args.polls ?? 2);
    if (isOver) setTask(entry, entry.args.fail ? "failed" : "completed");
  }
  return detailed(entry);
}
