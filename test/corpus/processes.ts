// Processes that the corpus starts: run to their end, found again by a mark in their environment, ended for good.

import spawn from "cross-spawn";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readFileSync, readdirSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { isProcessAlive } from "../support/processes.ts";

/** Every process of a server has it: children inherit the environment, whatever group or session they make. */
export const MARK = "MCP_CLIENT_POOL_CORPUS";
/** How much of what a process writes is kept, characters. */
const OUTPUT_KEPT = 4_000;
const END_MS = 5_000;

export interface Ended {
  /** Null: a signal ended it. */
  readonly code: number | null;
  /** The end of what it wrote. */
  readonly output: string;
}

/** Keeps the end of what a child writes. */
export function outputOf(child: ChildProcess): () => string {
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding("utf8").on("data", (chunk: string) => {
      output = (output + chunk).slice(-OUTPUT_KEPT);
    });
  }
  return () => output.trim();
}

/** @throws {Error} if it cannot be started, is ended by the signal, or takes longer than `timeoutMs`. */
export async function runToEnd(
  command: string,
  args: readonly string[],
  options: { cwd: string; timeoutMs: number; signal: AbortSignal },
): Promise<Ended> {
  const { cwd, timeoutMs } = options;
  const signal = AbortSignal.any([options.signal, AbortSignal.timeout(timeoutMs)]);
  const child = spawn(command, [...args], { cwd, stdio: ["ignore", "pipe", "pipe"], signal });
  const output = outputOf(child);
  const [code] = (await once(child, "close")) as [number | null];
  return { code, output: output() };
}

/** Ids of the processes that have the mark. Linux only: elsewhere there is no way to read it. */
export function marked(mark: string): number[] {
  if (process.platform !== "linux") return [];
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => environmentOf(pid).includes(`${MARK}=${mark}`) && isProcessAlive(pid));
}

function environmentOf(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/environ`, "utf8").split("\0");
  } catch {
    // It has gone meanwhile, or is somebody else's.
    return [];
  }
}

/** Their command lines, for a report of what was left behind. */
export function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").trim();
  } catch {
    return "";
  }
}

/** @throws {Error} if one is still there after that. */
export async function endMarked(mark: string): Promise<void> {
  const deadline = performance.now() + END_MS;
  for (;;) {
    const pids = marked(mark);
    if (pids.length === 0) return;
    if (performance.now() > deadline) throw new Error(`cannot end processes ${pids.join(", ")}`);
    for (const pid of pids) kill(pid);
    await sleep(20);
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has gone meanwhile.
  }
}
