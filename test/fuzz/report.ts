// The lines that `npm run fuzz` prints.

import type { Problem } from "./messages.ts";
import type { FamilyResult } from "./run.ts";

const HEADER = ["family", "rounds", "inputs", "problems", "stalls", "worst", "memory", "kept"];
const WIDTHS = [12, 8, 12, 9, 7, 9, 9, 8];

export function tableOf(results: readonly FamilyResult[]): string {
  const rows = results.map(({ name, rounds, inputs, problems, figures }) => [
    name,
    rounds.toLocaleString("en"),
    inputs.toLocaleString("en"),
    String(problems.length),
    String(figures.stallCount),
    `${figures.worstStallMs} ms`,
    `${figures.residentMb} MB`,
    `${figures.heapMb} MB`,
  ]);
  const lines = [HEADER, ...rows].map((cells) =>
    cells
      .map((cell, at) => (at === 0 ? cell.padEnd(WIDTHS[at] ?? 0) : cell.padStart(WIDTHS[at] ?? 0)))
      .join(" "),
  );
  return `${lines.join("\n")}

stalls: times over 100 ms for which the event loop stood still; worst: the longest of them;
memory: the most that the process took beyond its start; kept: growth of the heap after the rounds.`;
}

/** One problem, and the command that plays its round again. */
export function lineOf(family: string, seed: number, { kind, round, detail }: Problem): string {
  return `${kind}: ${detail}\n  npm run fuzz -- --family ${family} --seed ${seed} --round ${round}`;
}

/** One line; `passed` and `failed` count families. */
export function verdictOf(results: readonly FamilyResult[]): string {
  const { passed, failed, inputs } = summaryOf(results);
  return `fuzz: ${inputs.toLocaleString("en")} inputs in ${results.length} families, ${passed} without a problem, ${failed} with`;
}

export function summaryOf(results: readonly FamilyResult[]): {
  passed: number;
  failed: number;
  inputs: number;
} {
  const failed = results.filter(({ problems }) => problems.length > 0).length;
  const inputs = results.reduce((sum, one) => sum + one.inputs, 0);
  return { passed: results.length - failed, failed, inputs };
}
