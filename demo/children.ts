// Every child process that this process starts, whoever starts it, as Node itself announces them.

import type { ChildProcess } from "node:child_process";
import { subscribe } from "node:diagnostics_channel";

const started: ChildProcess[] = [];

/** Call it before the first child is started. */
export function watchChildren(): void {
  subscribe("child_process", (message) => {
    started.push((message as { process: ChildProcess }).process);
  });
}

/** Process ids of all children so far, and of those among them that still run. */
export function children(): { started: number[]; running: number[] } {
  const pids = started.map(({ pid }) => pid).filter((pid) => pid !== undefined);
  return { started: pids, running: pids.filter(isRunning) };
}

/** Signal 0 is delivered to nobody: it only asks whether there is somebody. */
function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
