// A child and everything it started: watched, and ended without a survivor. https://modelcontextprotocol.io/specification/2025-11-25/basic/lifecycle#stdio

import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { readFile, readdir } from "node:fs/promises";
import { delay } from "../../core/clock.ts";
import type { Clock } from "../../core/clock.ts";
import { killTreeCommand } from "./windows.ts";

/** Whether the group still lives is asked after this time, then after twice as long each time. */
const FIRST_POLL_MS = 5;
const MAX_POLL_MS = 100;

/** Longest wait, after the end, for what is still in the pipes: the last words on stderr. */
const LAST_OUTPUT_MS = 100;

/** How the leader ended. Both absent: it ended in a way the platform does not tell. */
export interface ProcessExit {
  readonly code: number | undefined;
  readonly signal: NodeJS.Signals | undefined;
}

export interface TerminateOptions {
  /** Longest wait for the effect of each step. At most three are waited for. */
  readonly stepMs: number;
  /** Begin by ending stdin, which is how a server is asked to leave. Otherwise begin with SIGTERM. */
  readonly endInput: boolean;
}

/**
 * On POSIX the child was spawned `detached`, so that its id is also the id of its group. On Windows `taskkill /T` ends
 * the child with its tree, at the first step already: a signal would end the child alone, and its tree could not be
 * found any more. There, what a child leaves behind that ends by itself is not found either.
 */
export class ProcessGroup {
  readonly #child: ChildProcess;
  readonly #clock: Clock;
  readonly #exited: Promise<void>;
  /** The leader is gone and all its pipes are closed on our side. */
  readonly #closed: Promise<void>;
  #exit: ProcessExit | undefined;
  /** Once seen empty, never signalled again: the system may have given the id to someone else. */
  #gone = false;

  constructor(child: ChildProcess, clock: Clock) {
    this.#child = child;
    this.#clock = clock;
    this.#exited = new Promise((resolve) => {
      const settle = (code: number | null, signal: NodeJS.Signals | null): void => {
        this.#exit ??= { code: code ?? undefined, signal: signal ?? undefined };
        resolve();
      };
      child.once("exit", settle);
      // On Windows cross-spawn turns the exit of a command that was not found into an `error`.
      child.once("close", settle);
    });
    this.#closed = new Promise((resolve) => child.once("close", () => resolve()));
  }

  /** Absent while the leader runs. */
  get exit(): ProcessExit | undefined {
    return this.#exit;
  }

  /** Resolves when nothing of the group is left, or nothing more can be done about it. Never rejects. */
  async terminate({ stepMs, endInput }: TerminateOptions): Promise<void> {
    if (this.#child.pid !== undefined) {
      if (endInput) {
        this.#child.stdin?.end();
        await this.#within(this.#exited, stepMs);
      }
      if (await this.#isAlive()) {
        this.#signal("SIGTERM");
        if (!(await this.#isGoneWithin(stepMs))) {
          this.#signal("SIGKILL");
          await this.#isGoneWithin(stepMs);
        }
      }
    }
    if (this.#exit !== undefined) await this.#within(this.#closed, LAST_OUTPUT_MS);
    // A process that left the group may hold the other ends; ours must not keep this process alive.
    for (const stream of this.#child.stdio) stream?.destroy();
    if (this.#child.pid === undefined) return;
    if (this.#exit === undefined) this.#child.unref();
    else await this.#within(this.#closed, stepMs);
  }

  #signal(name: NodeJS.Signals): void {
    const { pid } = this.#child;
    if (pid === undefined || this.#gone) return;
    if (process.platform === "win32") {
      this.#killTree(pid);
      return;
    }
    try {
      process.kill(-pid, name);
    } catch {
      // ESRCH: gone meanwhile. EPERM: nothing that we may signal is left.
    }
  }

  /** On Windows. */
  #killTree(pid: number): void {
    const { file, args } = killTreeCommand(pid, process.env);
    const kill = spawn(file, args, { stdio: "ignore", windowsHide: true });
    kill.once("error", () => this.#child.kill("SIGKILL"));
    kill.once("exit", (code) => {
      if (code !== 0 && this.#exit === undefined) this.#child.kill("SIGKILL");
    });
    kill.unref();
  }

  async #isGoneWithin(limitMs: number): Promise<boolean> {
    const deadline = this.#clock.now() + limitMs;
    let pollMs = FIRST_POLL_MS;
    while (await this.#isAlive()) {
      const leftMs = deadline - this.#clock.now();
      if (leftMs <= 0) return false;
      if (this.#exit === undefined) {
        await this.#within(this.#exited, leftMs);
      } else {
        await delay(this.#clock, Math.min(pollMs, leftMs));
        pollMs = Math.min(pollMs * 2, MAX_POLL_MS);
      }
    }
    return true;
  }

  async #isAlive(): Promise<boolean> {
    const { pid } = this.#child;
    if (pid === undefined || this.#gone) return false;
    if (this.#exit === undefined) return true;
    this.#gone =
      process.platform === "win32" || !isGroupSignalable(pid) || (await hasOnlyZombies(pid));
    return !this.#gone;
  }

  async #within(event: Promise<void>, limitMs: number): Promise<void> {
    if (limitMs <= 0) return;
    await new Promise<void>((resolve) => {
      const timer = this.#clock.setTimer(resolve, limitMs);
      void event.then(() => {
        this.#clock.clearTimer(timer);
        resolve();
      });
    });
  }
}

function isGroupSignalable(group: number): boolean {
  try {
    process.kill(-group, 0);
    return true;
  } catch {
    return false;
  }
}

/**
 * In a container whose first process reaps no orphans, a killed grandchild stays a zombie for ever and its
 * group looks alive. Without /proc the answer is no, and the wait is bounded all the same.
 */
async function hasOnlyZombies(group: number): Promise<boolean> {
  let names: string[];
  try {
    names = await readdir("/proc");
  } catch {
    return false;
  }
  for (const name of names) {
    if (!/^\d+$/.test(name)) continue;
    // pid (command, which may hold anything) state parent group ...
    const stat = await readFile(`/proc/${name}/stat`, "utf8").catch(() => "");
    const [state, , itsGroup] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    if (Number(itsGroup) === group && state !== "Z" && state !== "X") return false;
  }
  return true;
}
