// Whether processes are gone, asked of the system itself.

import { readdirSync, readFileSync } from "node:fs";

/** Longest a test waits for a process to go, milliseconds. */
const LIMIT_MS = 10_000;

/** A zombie counts as gone: it holds nothing, and only its parent can remove it. */
export function isProcessAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  const stat = readStat(pid);
  return stat === undefined ? process.platform !== "linux" : stat.state !== "Z";
}

/** Ids of the group's members that run. Linux only; elsewhere the group's own id while it can be signalled. */
export function groupMembers(group: number): number[] {
  if (process.platform !== "linux") {
    try {
      process.kill(-group, 0);
      return [group];
    } catch {
      return [];
    }
  }
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      const stat = readStat(pid);
      return stat !== undefined && stat.group === group && stat.state !== "Z";
    });
}

/** @throws {Error} if it is still there after ten seconds. */
export async function untilProcessGone(pid: number): Promise<void> {
  await until(() => !isProcessAlive(pid), `process ${pid} to end`);
}

/** @throws {Error} if one of its members is still there after ten seconds. */
export async function untilGroupGone(group: number): Promise<void> {
  await until(() => groupMembers(group).length === 0, `process group ${group} to end`);
}

/** Polls through real time, for what gives no event. */
export async function until(condition: () => boolean, what: string): Promise<void> {
  const deadline = performance.now() + LIMIT_MS;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`waited in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

function readStat(pid: number): { state: string | undefined; group: number } | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  } catch {
    return undefined;
  }
  const [state, , group] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return { state, group: Number(group) };
}
