// What the servers have written down of themselves.

import { readFileSync } from "node:fs";

interface Life {
  /** Milliseconds on the monotonic clock. */
  readonly beganAt: number;
  /** Infinity for one that has not answered. */
  answeredAt: number;
}

/** By process id. */
export type Lives = ReadonlyMap<number, Life>;

export function readLives(file: string): Lives {
  const lives = new Map<number, Life>();
  for (const line of readFileSync(file, "utf8").trimEnd().split("\n")) {
    const [pid, what, at] = line.split(" ");
    const life = lives.get(Number(pid));
    if (what === "began") lives.set(Number(pid), { beganAt: Number(at), answeredAt: Infinity });
    else if (life !== undefined) life.answeredAt = Number(at);
  }
  return lives;
}

/** The most that were at the same time between their beginning and their first answer. */
export function mostBooting(lives: Lives): number {
  const moves = Array.from(lives.values(), ({ beganAt, answeredAt }) => [
    { at: beganAt, by: 1 },
    { at: answeredAt, by: -1 },
  ]).flat();
  moves.sort((a, b) => a.at - b.at);
  let booting = 0;
  let most = 0;
  for (const { by } of moves) {
    booting += by;
    most = Math.max(most, booting);
  }
  return most;
}

export function aliveOf(lives: Lives): number[] {
  return [...lives.keys()].filter(isAlive);
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
