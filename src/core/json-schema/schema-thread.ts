// One worker thread in which ajv checks: started with the first check that needs it, ended when a check takes too
// long, and when nothing has been asked for a while.
// https://nodejs.org/api/worker_threads.html

import { createRequire } from "node:module";
import type { Worker } from "node:worker_threads";
import type { Dialect } from "./read-schema.ts";
import { WORKER_TEXT } from "./worker-text.ts";

/** Schema and value as JSON: a text costs the event loop a fifth of what a copy of the value's objects does. */
export interface CheckJob {
  readonly schema: string;
  readonly dialect: Dialect;
  readonly value: string;
}

export interface ThreadAnswer {
  /**
   * - `ready`: the first message, before any job.
   * - `fits`, `misfit`: the verdict.
   * - `unusable`: no schema, or one that ajv cannot check against.
   * - `too-deep`: the stack of the check was exhausted.
   * - `late`: not within the limit.
   * - `lost`: the thread ended, most likely because its memory was full.
   * - `no-thread`: it could not be started.
   */
  readonly kind:
    | "ready"
    | "fits"
    | "misfit"
    | "unusable"
    | "too-deep"
    | "late"
    | "lost"
    | "no-thread";
  /** One line. */
  readonly text: string;
  /** The time of the job alone, without the start of a thread, milliseconds. */
  readonly tookMs?: number;
}

/** An idle thread is ended after this time, milliseconds; its compiled schemas go with it. */
const IDLE_MS = 10_000;

/** How long a thread may take to start on a busy machine, milliseconds. */
const START_MS = 10_000;

/** After a failed start the next one is not tried for so long, milliseconds. */
const RESTART_MS = 60_000;

/** Enough for a result of 10 MiB; a check that needs more ends its thread, and nothing else. */
const MEMORY = { maxOldGenerationSizeMb: 256, maxYoungGenerationSizeMb: 32 };

/** The kinds of the worker's own program. */
interface Message {
  readonly id: number;
  readonly kind: "ready" | "fits" | "misfit" | "unusable" | "too-deep";
  readonly text: string;
}

/** One job at a time: the caller waits for an answer before it gives the next. */
export class SchemaThread {
  #worker: Worker | undefined;
  #ended: Promise<unknown> = Promise.resolve();
  #idle: NodeJS.Timeout | undefined;
  #lastId = 0;
  #failure: { readonly answer: ThreadAnswer; readonly at: number } | undefined;

  /** Never rejects. */
  async run(job: CheckJob, limitMs: number): Promise<ThreadAnswer> {
    clearTimeout(this.#idle);
    const failure = this.#failure;
    if (failure !== undefined && performance.now() - failure.at < RESTART_MS) return failure.answer;
    const worker = this.#worker ?? (await this.#start());
    if (worker === undefined) return this.#failure?.answer ?? NO_THREAD;
    const id = ++this.#lastId;
    worker.ref();
    const startedAt = performance.now();
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
    worker.postMessage({ id, ...job });
    const answer = await answerOf(worker, id, limitMs);
    worker.unref();
    if (answer.kind === "late" || answer.kind === "lost") this.#end(worker);
    else this.#idle = setTimeout(() => this.#end(worker), IDLE_MS).unref();
    return { ...answer, tookMs: performance.now() - startedAt };
  }

  async #start(): Promise<Worker | undefined> {
    // One at a time: the last one may still hold its memory.
    await this.#ended;
    try {
      const { Worker } = await import("node:worker_threads");
      const { resolve } = createRequire(import.meta.url);
      const workerData = {
        "2020-12": resolve("ajv/dist/2020.js"),
        "draft-07": resolve("ajv"),
        formats: resolve("ajv-formats"),
      };
      // No arguments and no environment of the program's: loaders are not needed, and secrets are not its business.
      const options = { eval: true, execArgv: [], env: {}, workerData, resourceLimits: MEMORY };
      const worker = new Worker(WORKER_TEXT, options);
      // At any time: an error without a listener would end the program.
      worker.on("error", () => this.#end(worker));
      worker.on("exit", () => this.#end(worker));
      this.#worker = worker;
      const { kind, text } = await answerOf(worker, 0, START_MS);
      if (kind === "ready") return worker;
      this.#end(worker);
      return this.#failed(text === "" ? kind : text);
    } catch (error) {
      return this.#failed((error as Error).message);
    }
  }

  #failed(reason: string): undefined {
    const answer = { ...NO_THREAD, text: `${NO_THREAD.text}: ${reason}` };
    this.#failure = { answer, at: performance.now() };
  }

  #end(worker: Worker): void {
    if (this.#worker !== worker) return;
    this.#worker = undefined;
    clearTimeout(this.#idle);
    this.#ended = worker.terminate().catch(() => {});
  }
}

const NO_THREAD: ThreadAnswer = {
  kind: "no-thread",
  text: "the worker thread for checks could not be started",
};

/** The thread's answer to one job, or the reason why there is none. */
function answerOf(worker: Worker, id: number, limitMs: number): Promise<ThreadAnswer> {
  return new Promise((resolve) => {
    const settle = (answer: ThreadAnswer): void => {
      clearTimeout(timer);
      worker.off("message", onMessage).off("error", onError).off("exit", onExit);
      resolve(answer);
    };
    const onMessage = (message: Message): void => {
      if (message.id === id) settle({ kind: message.kind, text: message.text });
    };
    const onError = (error: unknown): void =>
      settle({ kind: "lost", text: error instanceof Error ? error.message : String(error) });
    const onExit = (): void => settle({ kind: "lost", text: "the thread has ended" });
    const timer = setTimeout(() => {
      settle({ kind: "late", text: `it took longer than ${Math.round(limitMs)} ms` });
    }, limitMs);
    worker.on("message", onMessage).on("error", onError).on("exit", onExit);
  });
}
