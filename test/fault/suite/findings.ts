// What was found in cells, in words for a terminal.

import type { Cell } from "./cells.ts";
import { wrap } from "./command-line.ts";
import type { Fault } from "./fault.ts";

/** With the same findings as one, in lines of at most 100 columns. */
export function linesOf(cell: Cell, fault: Fault): string[] {
  const memory = cell.memoryMb === undefined ? "" : `, ${cell.memoryMb} MB`;
  const head = `${fault.id} × ${cell.client}: ${cell.outcome ?? "–"} (${cell.seconds} s${memory})`;
  const found = cell.findings.map(
    ({ outcome, what, says }) =>
      `${outcome}: ${what}${says === undefined ? "" : ` [says: ${says}]`}`,
  );
  return [head, ...fold(found)];
}

/** What is there many times is there once, with its number; indented. */
export function fold(texts: readonly string[]): string[] {
  const counts = new Map<string, number>();
  for (const text of texts) counts.set(text, (counts.get(text) ?? 0) + 1);
  return [...counts].flatMap(([text, count]) => {
    const clean = text.replaceAll(/\s+/g, " ").trim();
    return wrap(`    ${count === 1 ? "" : `×${count} `}${clean}`, { indent: 8 });
  });
}

/** Hands on in the order of their numbers, from 0 on, what comes in any order. */
export function inOrder<T>(hand: (item: T) => void): (item: T, index: number) => void {
  const early = new Map<number, T>();
  let next = 0;
  return (item, index) => {
    early.set(index, item);
    for (let ready = early.get(next); ready !== undefined; ready = early.get(next)) {
      early.delete(next);
      next += 1;
      hand(ready);
    }
  };
}
