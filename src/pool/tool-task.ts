// A tool call that its server runs as a task: followed to its end, or held as a handle that outlives this process.
// https://github.com/modelcontextprotocol/modelcontextprotocol/blob/main/seps/2663-tasks-extension.md

import type { CallOptions } from "../connection/call.ts";
import { withEither } from "../core/abort.ts";
import { delay } from "../core/clock.ts";
import type { Clock } from "../core/clock.ts";
import {
  McpCircuitOpenError,
  McpConnectionError,
  McpError,
  McpOverloadedError,
  McpProtocolError,
  McpTimeoutError,
  McpUnsupportedError,
} from "../core/errors.ts";
import { TASKS_EXTENSION } from "../eras/2026-07-28/envelope.ts";
import { answerInputs } from "../eras/2026-07-28/input-required.ts";
import { outcomeOf, pollDelayMs, readTask } from "../eras/2026-07-28/tasks.ts";
import type { DetailedTask } from "../eras/2026-07-28/tasks.ts";
import type { CallToolResult, TaskState } from "../spec/types.ts";
import { checkCallOptions } from "./call-options.ts";
import type { Member } from "./member.ts";

/** A tool call as a handle: `callTool(…, { task: "handle" })`, or `pool.task(server, id)` after a restart. */
export interface ToolTask {
  /** Name in the pool. */
  readonly server: string;
  /**
   * Keep it, with the server's name, to find the task again from another process; whoever has it can read and
   * cancel the task. `undefined`: the server answered at once, and there is no task.
   */
  readonly id: string | undefined;
  /** As last seen; `undefined` before the first look, or where there is no task. */
  readonly state: TaskState | undefined;
  /** Asks the server how it stands. */
  refresh(options?: CallOptions): Promise<TaskState | undefined>;
  /**
   * Waits for the end, answering what the server asks meanwhile with the pool's handlers. Without
   * `totalTimeoutMs` it waits for ever. A limit or an abort ends the waiting, not the task.
   *
   * @throws {McpResponseError} if it failed; {@link McpError} `TASK_CANCELLED`; as any call.
   */
  result(options?: CallOptions): Promise<CallToolResult>;
  /** Tells the server that it may stop; whether it does is its own affair. */
  cancel(): Promise<void>;
}

/** Called with the result of a task before anybody sees it. */
export type ResultCheck = (result: CallToolResult) => Promise<void>;

/** What one task may ask in its life; beyond it nobody is asked any more, and the waiting fails. */
const MAX_ASKED = 1_000;

const GOES_ON = "it goes on, and result() can be called again";

/** Polls in a row that may be lost on the way. */
const MAX_FAILED_POLLS = 5;

/** How long `tasks/cancel` may take, milliseconds. */
const CANCEL_MS = 10_000;

/** An answer that came at once. */
export function finishedTask(server: string, result: CallToolResult): ToolTask {
  return {
    server,
    id: undefined,
    state: undefined,
    refresh: () => Promise.resolve(undefined),
    result: () => Promise.resolve(result),
    cancel: () => Promise.resolve(),
  };
}

export class RemoteTask implements ToolTask {
  readonly id: string;
  readonly #member: Member;
  readonly #clock: Clock;
  readonly #check: ResultCheck | undefined;
  /** Keys that were answered, or are with a person: nobody is asked twice (12.5). */
  readonly #asked: Set<string> = new Set();
  #task: DetailedTask | undefined;

  constructor(
    member: Member,
    clock: Clock,
    id: string,
    given: { task?: DetailedTask; check?: ResultCheck } = {},
  ) {
    this.#member = member;
    this.#clock = clock;
    this.id = id;
    this.#task = given.task;
    this.#check = given.check;
  }

  get server(): string {
    return this.#member.name;
  }

  get state(): TaskState | undefined {
    const task = this.#task;
    if (task === undefined) return undefined;
    const { taskId, status, statusMessage, createdAt, lastUpdatedAt, ttlMs, pollIntervalMs } = task;
    return {
      taskId,
      status,
      ...(statusMessage === undefined ? {} : { statusMessage }),
      ...(createdAt === undefined ? {} : { createdAt }),
      ...(lastUpdatedAt === undefined ? {} : { lastUpdatedAt }),
      ...(ttlMs === undefined ? {} : { ttlMs }),
      ...(pollIntervalMs === undefined ? {} : { pollIntervalMs }),
    };
  }

  async refresh(options: CallOptions = {}): Promise<TaskState | undefined> {
    checkCallOptions(options);
    await this.#ask(options);
    return this.state;
  }

  async result(options: CallOptions = {}): Promise<CallToolResult> {
    checkCallOptions(options);
    const { totalTimeoutMs = Infinity, signal } = options;
    const endsAt = this.#clock.now() + totalTimeoutMs;
    const { closed } = this.#member.connection;
    return withEither([signal, closed], async (ended) => {
      // Whatever is with a person when this ends, for whatever reason, is taken back.
      const over = new AbortController();
      const either = AbortSignal.any([ended, over.signal]);
      try {
        return await this.#follow({ ...options, signal: either }, endsAt, totalTimeoutMs);
      } catch (error) {
        // The limit of the whole, and not what was left of it for a look.
        const isLate = error instanceof McpTimeoutError && error.limit === "total";
        if (isLate) throw this.outOfTime(totalTimeoutMs, GOES_ON);
        throw this.#member.connection.redactor.error(error);
      } finally {
        over.abort();
      }
    });
  }

  async cancel(): Promise<void> {
    await this.#checkEra({ totalTimeoutMs: CANCEL_MS });
    const limits = { timeoutMs: CANCEL_MS, totalTimeoutMs: CANCEL_MS };
    await this.#member.connection.request("tasks/cancel", { taskId: this.id }, limits);
  }

  async #follow(
    options: CallOptions & { signal: AbortSignal },
    endsAt: number,
    totalTimeoutMs: number,
  ): Promise<CallToolResult> {
    const { signal } = options;
    const inputs = new InputsUnderWay();
    const failures = { inARow: 0 };
    let task = this.#task ?? (await this.#ask(this.#within(options, endsAt)));
    for (;;) {
      const outcome = outcomeOf(this.server, task);
      if (outcome instanceof McpError) throw outcome;
      if (outcome !== undefined) {
        const result = outcome as CallToolResult;
        await this.#check?.(result);
        return result;
      }
      const requests = this.#unasked(task);
      if (requests !== undefined) inputs.add(this.#answer(requests, options, endsAt));
      const leftMs = endsAt - this.#clock.now();
      const waitMs = Math.min(pollDelayMs(task), Math.max(1, leftMs));
      await inputs.orElse(delay(this.#clock, waitMs, { signal }));
      if (this.#clock.now() >= endsAt) throw this.outOfTime(totalTimeoutMs, GOES_ON);
      task = (await this.#poll(this.#within(options, endsAt), failures)) ?? task;
    }
  }

  /** @throws {McpUnsupportedError} */
  async #checkEra(options: CallOptions): Promise<void> {
    const { era, capabilities } = await this.#member.connection.ready(options);
    const why =
      era !== "stateless"
        ? "speaks a revision with sessions: its tasks have no handles"
        : this.#task === undefined && capabilities.extensions?.[TASKS_EXTENSION] === undefined
          ? "does not offer tasks"
          : undefined;
    if (why !== undefined) throw this.#unsupported(why);
  }

  /** One that is lost on the way is asked again at the next turn: asking is harmless, and the task goes on. */
  async #poll(
    options: CallOptions,
    failures: { inARow: number },
  ): Promise<DetailedTask | undefined> {
    try {
      const task = await this.#ask(options);
      failures.inARow = 0;
      return task;
    } catch (error) {
      // It was not even asked: the places are taken, or the breaker is open. The task goes on all the same.
      if (error instanceof McpOverloadedError || error instanceof McpCircuitOpenError) {
        return undefined;
      }
      // Where there is no connection, it has been waited for already.
      const isLost = error instanceof McpConnectionError && error.code !== "CONNECTION_FAILED";
      if (!isLost || ++failures.inARow > MAX_FAILED_POLLS) throw error;
      return undefined;
    }
  }

  async #ask(options: CallOptions): Promise<DetailedTask> {
    const { connection } = this.#member;
    await this.#checkEra(options);
    const method = "tasks/get";
    const result = await connection.request(method, { taskId: this.id }, options);
    return (this.#task = readTask(this.server, method, result, this.id));
  }

  /** What has not been asked of anybody yet. */
  #unasked(task: DetailedTask): { [key: string]: unknown } | undefined {
    if (task.status !== "input_required") return undefined;
    const fresh = Object.entries(task.inputRequests ?? {}).filter(([key]) => !this.#asked.has(key));
    if (this.#asked.size + fresh.length > MAX_ASKED) {
      throw new McpProtocolError(
        `a task of server "${this.server}" asked more than ${MAX_ASKED} things`,
        { code: "LIMIT_EXCEEDED", server: this.server, method: "tools/call", sent: "yes" },
      );
    }
    for (const [key] of fresh) this.#asked.add(key);
    return fresh.length === 0 ? undefined : Object.fromEntries(fresh);
  }

  async #answer(
    requests: { readonly [key: string]: unknown },
    options: CallOptions & { signal: AbortSignal },
    endsAt: number,
  ): Promise<void> {
    const { connection, handlers } = this.#member;
    const { server } = this;
    const { signal } = options;
    try {
      const context = { server, method: "tools/call", handlers, signal };
      const inputResponses = await answerInputs(context, requests);
      const params = { taskId: this.id, inputResponses };
      await connection.request("tasks/update", params, this.#within(options, endsAt));
    } catch (error) {
      // Not delivered: whoever waits for the task next is to be asked.
      for (const key of Object.keys(requests)) this.#asked.delete(key);
      throw error;
    }
  }

  #within(options: CallOptions, endsAt: number): CallOptions {
    const { signal, timeoutMs } = options;
    const leftMs = endsAt - this.#clock.now();
    return {
      signal,
      timeoutMs,
      ...(Number.isFinite(leftMs) ? { totalTimeoutMs: Math.max(1, leftMs) } : {}),
    };
  }

  /** @param fate what becomes of the task */
  outOfTime(timeoutMs: number, fate: string): McpTimeoutError {
    return new McpTimeoutError(
      `a task of server "${this.server}" took longer than the total limit of ${timeoutMs} ms: ${fate}. Raise totalTimeoutMs if that is expected`,
      {
        server: this.server,
        method: "tools/call",
        sent: "yes",
        limit: "total",
        timeoutMs,
      },
    );
  }

  #unsupported(why: string): McpUnsupportedError {
    return new McpUnsupportedError(`server "${this.server}" ${why}`, {
      server: this.server,
      method: "tasks/get",
      capability: TASKS_EXTENSION,
    });
  }
}

/** Input that is being given while the task is polled on: only its failure is of interest. */
class InputsUnderWay {
  #failure: { readonly error: unknown } | undefined;
  #onFailure: (() => void) | undefined;

  add(work: Promise<void>): void {
    work.catch((error: unknown) => {
      this.#failure ??= { error };
      this.#onFailure?.();
    });
  }

  /** One listener, taken back each time: a task may be polled a million times. */
  orElse<T>(other: Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const fail = (): void => reject(this.#failure?.error as Error);
      if (this.#failure !== undefined) fail();
      this.#onFailure = fail;
      other.then(resolve, reject);
    });
  }
}
