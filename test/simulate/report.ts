// The results of a simulation, for a person and for the machine.

import { wrap } from "../fault/suite/command-line.ts";
import type { SimulationRun } from "./options.ts";
import type { Story, Totals } from "./simulate.ts";

/** Lines of a story that are printed; what is left out is its beginning. */
const MAX_LINES = 150;

export interface Summary {
  readonly seed: number;
  readonly hours: number;
  readonly passed: number;
  readonly failed: number;
  readonly totals: Totals;
}

/** Each promise counts once, however often it was broken. */
export function summarise({ seed, hours }: SimulationRun, totals: Totals): Summary {
  const counts = Object.values(totals.broken);
  const failed = counts.filter((count) => count > 0).length;
  return { seed, hours, passed: counts.length - failed, failed, totals };
}

export function storyText(story: Story): string {
  const { seed, violation, actions, actionsBefore, plays, lines } = story;
  const left = Math.max(0, lines.length - MAX_LINES);
  return [
    "",
    `BROKEN: ${violation.promise}`,
    `  ${violation.what}`,
    `  repeat: npm run simulate -- --seed ${seed} --hours 1`,
    `  the shortest of ${plays} plays: ${actions} of ${actionsBefore} actions`,
    ...(left > 0 ? [`  … ${left} lines before`] : []),
    ...lines.slice(left).map((line) => `  ${line}`),
  ].join("\n");
}

export function progressText(totals: Totals): string {
  const broken = Object.values(totals.broken).reduce((sum, count) => sum + count, 0);
  return `${Math.floor(totals.virtualHours)} hours, ${totals.calls} calls, ${totals.faults} faults, ${broken} violations`;
}

export function reportText({ totals, seed, failed, passed }: Summary, realMs: number): string {
  const { episodes, virtualHours, calls, executions, faults, turns, told, broken } = totals;
  const rate = Math.round((virtualHours / realMs) * 60_000);
  const outcomes = Object.entries(told)
    .toSorted(([, one], [, other]) => other - one)
    .map(([what, count]) => `${count} ${what}`)
    .join("; ");
  return [
    "",
    `${Math.floor(virtualHours)} virtual hours in ${Math.round(realMs / 1_000)} s (${rate} a minute): ${episodes} episodes, seeds ${seed} to ${seed + episodes - 1}`,
    `${calls} calls, ${executions} executions, ${faults} faults, ${turns} turns`,
    `callers were told: ${outcomes}`,
    ...Object.entries(broken).map(
      ([what, count]) => `  ${count === 0 ? "kept" : `BROKEN ${count} times`}: ${what}`,
    ),
    `${passed} promises kept, ${failed} broken`,
  ]
    .flatMap((line) => wrap(line, { indent: 2 }))
    .join("\n");
}
