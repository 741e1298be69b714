// How much is measured, and in which order.

import type { Settings } from "../../study.ts";

/** How well a process collects its garbage is a matter of luck, and stays so until it ends: hence several. */
export interface Effort {
  readonly rounds: number;
  /** Per contender; they share the rounds. */
  readonly processes: number;
  /** Of one measurement, milliseconds. */
  readonly durationMs: number;
}

export function effortOf({ quick, rounds }: Settings, full: Effort, less: Effort): Effort {
  const effort = quick ? less : full;
  return { ...effort, rounds: rounds ?? effort.rounds };
}

/** The numbers of the rounds, one list for the processes that run them. */
export function shares({ rounds, processes }: Effort): number[][] {
  const each = Math.ceil(rounds / processes);
  const all = Array.from({ length: rounds }, (_, round) => round);
  return Array.from({ length: Math.ceil(rounds / each) }, (_, share) =>
    all.slice(share * each, (share + 1) * each),
  );
}
