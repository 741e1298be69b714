// What a soak found, for a person and for the machine.

import { wrap } from "../fault/suite/command-line.ts";
import { PROMISES } from "./history.ts";
import type { CallPromise, CallRecord, Violation } from "./history.ts";
import { timelineOf } from "./records.ts";
import { HOLDINGS, latterPart, trendOf } from "./resources.ts";
import type { Held } from "./resources.ts";
import { RECOVERED } from "./run.ts";
import type { SoakResult } from "./run.ts";

export const ENDED = "the process ended by itself";

/** How many violations are shown with their whole story. */
const MAX_STORIES = 20;

export interface Summary {
  readonly seed: number;
  readonly minutes: number;
  readonly passed: number;
  readonly failed: number;
  readonly calls: number;
  readonly executions: number;
  readonly repeated: number;
  readonly slopeKbPerMinute: number;
  readonly promises: Readonly<Record<string, number>>;
}

const CLASSES =
  "S: lists, reads, prompts, completion; R: tools that may be repeated; U: all other tools";

/** Broken when a call ran more often than it may, or when nobody knows whose the execution is. */
const ON_REPETITION: readonly string[] = [
  "class U ran at most once",
  'replay: "never" ran at most once',
  "what may be repeated ran three times at most",
  "every execution belongs to a call",
] satisfies CallPromise[];

/** Each promise counts once, whoever broke it and how often. */
export function summarise(
  options: { readonly seed: number; readonly minutes: number },
  { calls, totals, held, violations }: SoakResult,
  endedByItself: boolean,
): Summary {
  const promises: Record<string, number> = {};
  for (const promise of [...PROMISES, ...HOLDINGS, RECOVERED]) promises[promise] = 0;
  promises[ENDED] = endedByItself ? 0 : 1;
  for (const { promise } of violations) promises[promise] = (promises[promise] ?? 0) + 1;
  const failed = Object.values(promises).filter((count) => count > 0).length;
  return {
    ...options,
    passed: Object.keys(promises).length - failed,
    failed,
    calls: calls.length,
    executions: totals.executions,
    repeated: totals.repeated,
    slopeKbPerMinute: Math.round(slopeOf(held).slope),
    promises,
  };
}

export function reportOf(result: SoakResult): string {
  const { calls, totals, faults, held, violations, folder } = result;
  const { before, after, samples } = held;
  const lines = [
    "",
    "calls by class and outcome",
    ...outcomeTable(calls),
    CLASSES,
    `executions: ${totals.executions}; child processes started: ${totals.started}`,
    repeatedLine(result),
    `faults: ${countsOf(faults)}`,
    `what servers did to calls: ${countsOf(totals.fates)}`,
    memoryLine(held),
    `descriptors: ${before.descriptors} before, ${samples.at(0)?.descriptors} first, ${samples.at(-1)?.descriptors} last, ${after.descriptors} after the close`,
    `handles: ${before.resources} before, ${samples.at(0)?.resources} first, ${samples.at(-1)?.resources} last, ${after.resources} after the close`,
    "",
  ].flatMap((line) => wrap(line, { indent: 2 }));
  if (violations.length === 0) return lines.join("\n");
  const stories = violations
    .slice(0, MAX_STORIES)
    .flatMap((violation) => story(folder, calls, violation));
  const more = violations.length - MAX_STORIES;
  return [
    ...lines,
    `${violations.length} VIOLATIONS (logs: ${folder})`,
    ...stories,
    ...(more > 0 ? [`… and ${more} more`] : []),
  ].join("\n");
}

/** Every promise by its name, one a line. */
export function promisesOf({ promises }: Summary): string {
  const lines = Object.entries(promises).map(
    ([promise, count]) => `  ${count === 0 ? "kept  " : "BROKEN"}  ${promise}`,
  );
  return ["promises", ...lines].join("\n");
}

export function verdictOf({ seed, passed, failed }: Summary, areNamed: boolean): string {
  const hint = areNamed ? "" : " (--verbose names them)";
  return `seed ${seed}: ${passed} promises kept, ${failed} broken${hint}`;
}

function repeatedLine({ totals, violations }: SoakResult): string {
  const line = `calls that ran more than once: ${totals.repeated}`;
  if (violations.some(({ promise }) => ON_REPETITION.includes(promise))) {
    return `${line}, NOT all of them permitted: see below`;
  }
  return totals.repeated === 0 ? line : `${line}, all permitted: class S, R, or replay: "always"`;
}

function memoryLine(held: Held): string {
  const { slope, error } = slopeOf(held);
  const count = latterPart(held.samples).length;
  if (!Number.isFinite(error)) return "memory: too short to say";
  return `memory: ${slope.toFixed(1)} ± ${error.toFixed(1)} KB/min over the last ${count} samples`;
}

function story(folder: string, calls: readonly CallRecord[], violation: Violation): string[] {
  const { promise, key, what } = violation;
  const head = `- ${promise}: ${key === undefined ? "" : `${key} `}${what}`;
  const lines = wrap(head, { indent: 2 });
  if (key === undefined) return lines;
  const call = calls.find((one) => one.key === key);
  const timeline = timelineOf(folder, key, call);
  return [...lines, ...timeline.flatMap((line) => wrap(`    ${line}`, { indent: 16 }))];
}

function outcomeTable(calls: readonly CallRecord[]): string[] {
  const rows = new Map<string, Record<string, number>>();
  for (const { callClass, outcome, code, sent } of calls) {
    const name = code === undefined ? outcome : `${code} (${sent})`;
    const row = rows.get(name) ?? {};
    rows.set(name, row);
    row[callClass] = (row[callClass] ?? 0) + 1;
  }
  const total = (row: Record<string, number>): number =>
    Object.values(row).reduce((sum, count) => sum + count, 0);
  const cells = ["S", "R", "U"] as const;
  return [
    `  ${"".padEnd(28)}${cells.map((name) => name.padStart(8)).join("")}`,
    ...[...rows]
      .toSorted(([, a], [, b]) => total(b) - total(a))
      .map(
        ([name, row]) =>
          `  ${name.padEnd(28)}${cells.map((cell) => String(row[cell] ?? 0).padStart(8)).join("")}`,
      ),
  ];
}

function slopeOf({ samples }: Held): { slope: number; error: number } {
  return trendOf(latterPart(samples), ({ heapBytes }) => heapBytes / 1_024);
}

function countsOf(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts)
    .toSorted(([, a], [, b]) => b - a)
    .map(([name, count]) => `${name} ${count}`)
    .join(", ");
}
