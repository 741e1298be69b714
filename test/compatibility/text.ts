// The table for a terminal.

import pc from "picocolors";
import { wrap } from "../fault/suite/command-line.ts";
import { GROUPS } from "./catalogue.ts";
import type { Cell } from "./cells.ts";
import { OUTCOMES } from "./outcome.ts";
import type { Outcome } from "./outcome.ts";
import type { Column } from "./results.ts";

const WORD_WIDTH = 11;
const TITLE_WIDTH = 64;

type Paint = ReturnType<typeof pc.createColors>;

/** Of the cells that were run: a table for each kind, what fell short, and the totals. */
export function toText(
  clients: readonly Column[],
  cells: readonly Cell[],
  colors: boolean,
): string {
  const paint = pc.createColors(colors);
  const head = lineOf(
    "",
    clients.map(({ short }) => paint.bold(short.padEnd(WORD_WIDTH))),
  );
  const tables = GROUPS.flatMap(({ title, behaviours }) => {
    const rows = behaviours.flatMap((behaviour) => {
      const own = cells.filter((cell) => cell.behaviour === behaviour.id);
      if (own.length === 0) return [];
      const words = clients.map(({ id }) =>
        painted(own.find((cell) => cell.client === id)?.outcome, paint),
      );
      const [first = "", ...more] = wrap(behaviour.title, { width: TITLE_WIDTH });
      return [lineOf(first, words), ...more];
    });
    return rows.length === 0 ? [] : [[paint.bold(title), ...rows].join("\n")];
  });
  const notes = cells.flatMap(({ behaviour, client, outcome, what }) =>
    what === undefined ? [] : wrap(`${behaviour} × ${client}: ${outcome}: ${what}`, { indent: 4 }),
  );
  const totals = OUTCOMES.map((outcome) => {
    const counts = clients.map(
      ({ id }) => cells.filter((cell) => cell.client === id && cell.outcome === outcome).length,
    );
    return lineOf(
      outcome,
      counts.map((count) => String(count).padEnd(WORD_WIDTH)),
    );
  });
  return [head, ...tables, notes.join("\n"), totals.join("\n")].filter(Boolean).join("\n\n");
}

function lineOf(title: string, words: readonly string[]): string {
  return [title.padEnd(TITLE_WIDTH + 2), ...words].join("").trimEnd();
}

function painted(outcome: Outcome | undefined, paint: Paint): string {
  const word = (outcome ?? "–").padEnd(WORD_WIDTH);
  switch (outcome) {
    case "works":
      return paint.green(word);
    case "works late":
      return paint.yellow(word);
    case "fails":
    case "runs twice":
      return paint.red(word);
    case undefined:
      return paint.dim(word);
  }
}
