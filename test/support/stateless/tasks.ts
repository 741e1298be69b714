// The tasks of the scripted stateless server (extension io.modelcontextprotocol/tasks, SEP-2663): states set by the test.

import { randomUUID } from "node:crypto";
import { isObject, RpcError } from "./protocol.ts";
import type { JsonObject } from "./protocol.ts";

export type TaskStatus = "working" | "input_required" | "completed" | "failed" | "cancelled";

export interface TaskInit {
  /** Default: a random one. */
  readonly taskId?: string;
  /** Default 5. `null` leaves it out. */
  readonly pollIntervalMs?: number | null;
  /** Default null: unlimited. Only told, never acted upon. */
  readonly ttlMs?: number | null;
  readonly statusMessage?: string;
  /** Default `cancel`: `tasks/cancel` sets `cancelled` at once. `ignore`: it is acknowledged and changes nothing. */
  readonly onCancel?: "cancel" | "ignore";
  /** Called after each `tasks/update`, with the responses of this update. */
  readonly onUpdate?: (responses: JsonObject, task: TestTask) => void;
  /** Called before each `tasks/get` is answered; `count` is 1 for the first. Example: complete it on the third. */
  readonly onGet?: (task: TestTask, count: number) => void;
}

const TERMINAL: ReadonlySet<TaskStatus> = new Set(["completed", "failed", "cancelled"]);

export class TestTask {
  readonly taskId: string;
  readonly init: TaskInit;
  /** May be changed at any time; `null`: left out. */
  pollIntervalMs: number | null;
  status: TaskStatus = "working";
  statusMessage: string | undefined;
  getCount = 0;
  updateCount = 0;
  cancelCount = 0;
  /** When each `tasks/get` came (`performance.now()`). */
  readonly getTimes: number[] = [];
  /** The `inputResponses` of each `tasks/update`, in order. */
  readonly updates: JsonObject[] = [];
  /** The first response to each key. */
  readonly inputResponses: JsonObject = {};
  readonly #createdAt = new Date().toISOString();
  readonly #issued = new Set<string>();
  readonly #changed: (task: TestTask) => void;
  #lastUpdatedAt = this.#createdAt;
  #outstanding: JsonObject = {};
  #outcome: JsonObject = {};

  constructor(init: TaskInit, changed: (task: TestTask) => void) {
    this.init = init;
    this.taskId = init.taskId ?? randomUUID();
    this.pollIntervalMs = init.pollIntervalMs === undefined ? 5 : init.pollIntervalMs;
    this.statusMessage = init.statusMessage;
    this.#changed = changed;
  }

  get isTerminal(): boolean {
    return TERMINAL.has(this.status);
  }

  setWorking(statusMessage?: string): void {
    this.#set("working", {}, statusMessage);
  }

  /** Adds requests to what is outstanding. A key must be new in this task. */
  requireInput(inputRequests: Readonly<Record<string, object>>): void {
    for (const key of Object.keys(inputRequests)) {
      if (this.#issued.has(key)) throw new Error(`Input key ${key} was issued before`);
      this.#issued.add(key);
    }
    this.#outstanding = { ...this.#outstanding, ...inputRequests };
    this.#set("input_required", {});
  }

  /** `result` is that of the call: `{ content: […] }`, also with `isError`. */
  complete(result: JsonObject): void {
    this.#set("completed", { result });
  }

  fail(error: { readonly code: number; readonly message: string; readonly data?: unknown }): void {
    this.#set("failed", { error });
  }

  setCancelled(statusMessage?: string): void {
    this.#set("cancelled", {}, statusMessage);
  }

  /** The answer to the call that made it. */
  created(): JsonObject {
    return { resultType: "task", ...this.#plain() };
  }

  /** The task as `tasks/get` and `notifications/tasks` give it. */
  detailed(): JsonObject {
    const inputs = this.status === "input_required" ? { inputRequests: this.#outstanding } : {};
    return { ...this.#plain(), ...inputs, ...this.#outcome };
  }

  /** Takes a `tasks/update`. The keys that were never asked for are given back. */
  answer(responses: JsonObject): string[] {
    this.updateCount += 1;
    this.updates.push(responses);
    const unknown = Object.keys(responses).filter((key) => !this.#issued.has(key));
    let left = this.#outstanding;
    for (const [key, response] of Object.entries(responses)) {
      if (!(key in left)) continue;
      this.inputResponses[key] = response;
      const { [key]: _answered, ...rest } = left;
      left = rest;
    }
    this.#outstanding = left;
    if (this.status === "input_required" && Object.keys(left).length === 0) this.setWorking();
    this.init.onUpdate?.(responses, this);
    return unknown;
  }

  #set(status: TaskStatus, outcome: JsonObject, statusMessage?: string): void {
    if (this.isTerminal) throw new Error(`Task ${this.taskId} is ${this.status} already`);
    this.status = status;
    this.#outcome = outcome;
    if (statusMessage !== undefined) this.statusMessage = statusMessage;
    this.#lastUpdatedAt = new Date().toISOString();
    this.#changed(this);
  }

  #plain(): JsonObject {
    return {
      taskId: this.taskId,
      status: this.status,
      ...(this.statusMessage === undefined ? {} : { statusMessage: this.statusMessage }),
      createdAt: this.#createdAt,
      lastUpdatedAt: this.#lastUpdatedAt,
      ttlMs: this.init.ttlMs ?? null,
      ...(this.pollIntervalMs === null ? {} : { pollIntervalMs: this.pollIntervalMs }),
    };
  }
}

/** Outlives `restart()`: tasks are durable. */
export class TaskTable {
  /** In the order of their making. */
  readonly all: TestTask[] = [];
  readonly #forgotten = new Set<string>();
  readonly #changed: (task: TestTask) => void;

  constructor(changed: (task: TestTask) => void) {
    this.#changed = changed;
  }

  /** Give it back from a tool's handler: the call is answered with `resultType: "task"`. */
  createTask(init: TaskInit = {}): TestTask {
    const task = new TestTask(init, this.#changed);
    this.all.push(task);
    return task;
  }

  find(taskId: unknown): TestTask | undefined {
    return this.all.find((task) => task.taskId === taskId && !this.#forgotten.has(task.taskId));
  }

  /** From now on the server does not know it: -32602. */
  forget(taskId: string): void {
    this.#forgotten.add(taskId);
  }

  /** Answers `tasks/get`, `tasks/update` and `tasks/cancel`. */
  serve(method: string, params: JsonObject, report: (violation: string) => void): JsonObject {
    const task = this.find(params["taskId"]);
    if (task === undefined) throw new RpcError(-32602, `Unknown task: ${String(params["taskId"])}`);
    if (method === "tasks/get") {
      task.getCount += 1;
      task.getTimes.push(performance.now());
      task.init.onGet?.(task, task.getCount);
      return task.detailed();
    }
    if (method === "tasks/update") {
      const responses = params["inputResponses"];
      if (!isObject(responses)) {
        report("inputResponses is no object");
        throw new RpcError(-32602, "inputResponses is required");
      }
      const unknown = task.answer(responses);
      if (unknown.length > 0) report(`inputResponses for keys never asked: ${unknown.join(", ")}`);
      return {};
    }
    task.cancelCount += 1;
    if (task.init.onCancel !== "ignore" && !task.isTerminal) task.setCancelled();
    return {};
  }
}
