// The child processes that the stdio servers of the soak are: which there were, and which are still there.

import { readFileSync } from "node:fs";
import path from "node:path";
import { isProcessAlive } from "../support/processes.ts";
import { FLEET } from "./fleet.ts";
import { readLog } from "./log.ts";

export class Children {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Signals the newest process of that server. */
  signal(server: string, signal: NodeJS.Signals): void {
    const pid = this.#pidsOf(server).at(-1);
    if (pid !== undefined && this.#isOurs(pid)) kill(pid, signal);
  }

  /** Nothing that was stopped stays stopped. */
  continueAll(): void {
    for (const pid of this.alive()) kill(pid, "SIGCONT");
  }

  /** For a soak that is not to go on. */
  killAll(): void {
    for (const pid of this.alive()) kill(pid, "SIGKILL");
  }

  alive(): number[] {
    return FLEET.filter(({ kind }) => kind === "stdio")
      .flatMap(({ name }) => this.#pidsOf(name))
      .filter((pid) => this.#isOurs(pid));
  }

  #pidsOf(server: string): number[] {
    return readLog(path.join(this.#folder, `${server}.log`))
      .filter(({ event }) => event === "started")
      .map(({ detail }) => Number(detail));
  }

  /** The system gives the ids of those that are gone to others. */
  #isOurs(pid: number): boolean {
    if (!isProcessAlive(pid)) return false;
    try {
      return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(this.#folder);
    } catch {
      return process.platform !== "linux";
    }
  }
}

function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It went meanwhile.
  }
}
