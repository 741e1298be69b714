// The children of a benchmark: started, asked, ended, each within a limit.

import { fork } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

/** Longest wait for any answer of a child, milliseconds, unless told otherwise: no benchmark hangs. */
const LIMIT_MS = 30_000;

export interface ChildOptions {
  /** For messages. */
  readonly name: string;
  /** Of the module to run: `new URL("./x.child.ts", import.meta.url)`. */
  readonly file: URL;
  readonly args?: readonly string[];
  /** More options for Node, beside the loader that runs this file. */
  readonly execArgv?: readonly string[];
  /** Another Node. */
  readonly execPath?: string | undefined;
}

/** A forked process that is asked by messages and answers each with one. */
export class Child {
  readonly #process: ChildProcess;
  readonly #name: string;

  constructor({ name, file, args = [], execArgv = [], execPath = process.execPath }: ChildOptions) {
    this.#name = name;
    const own = file.pathname.endsWith(".ts") ? process.execArgv : [];
    this.#process = fork(fileURLToPath(file), args, {
      execArgv: [...own, ...execArgv],
      execPath,
    });
    // A message to one that has just died is answered by its exit.
    this.#process.on("error", () => {});
  }

  /** The next message, or an error if the child ends or says nothing for too long. */
  async next(limitMs: number = LIMIT_MS): Promise<unknown> {
    const ended = new AbortController();
    const onExit = (): void => ended.abort(new Error(`${this.#name} ended early`));
    const onLimit = (): void =>
      ended.abort(new Error(`${this.#name} said nothing for ${limitMs} ms`));
    const timer = setTimeout(onLimit, limitMs);
    this.#process.once("exit", onExit);
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) onExit();
    try {
      const [message] = (await once(this.#process, "message", { signal: ended.signal })) as [
        unknown,
      ];
      return message;
    } catch (error) {
      throw (error as Error).cause ?? error;
    } finally {
      clearTimeout(timer);
      this.#process.off("exit", onExit);
    }
  }

  send(message: object | string): void {
    this.#process.send(message);
  }

  async ask(message: object | string, limitMs: number = LIMIT_MS): Promise<unknown> {
    this.send(message);
    return this.next(limitMs);
  }

  /** Waits for its own end if it was asked to; then ends it by its id. */
  async end(isAsked: boolean): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const exited = once(this.#process, "exit");
    const timer = setTimeout(() => this.#process.kill("SIGKILL"), isAsked ? LIMIT_MS : 0);
    await exited;
    clearTimeout(timer);
  }
}
