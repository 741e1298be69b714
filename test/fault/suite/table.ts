// One table, fault × client, for a terminal and for a document.

import pc from "picocolors";
import type { Cell } from "./cells.ts";
import type { ClientInfo } from "./client-process.ts";
import type { Fault } from "./fault.ts";
import { OUTCOMES, isWorse } from "./verdict.ts";
import type { Outcome } from "./verdict.ts";

export interface Column extends ClientInfo {
  readonly id: string;
  /** Version of the Node that it ran on. */
  readonly node: string;
}

export interface Results {
  readonly faults: readonly Fault[];
  readonly columns: readonly Column[];
  readonly cells: readonly Cell[];
}

export const NOTES: readonly string[] = [
  "¹ it ended by its time limit and not before",
  "² it took more memory than the fault's bound, 128 to 384 MB",
];

const NONE = "–";

export function cellOf({ cells }: Results, fault: Fault, column: Column): Cell | undefined {
  return cells.find((cell) => cell.fault === fault.id && cell.client === column.id);
}

/** The outcome with its notes. */
export function wordOf(cell: Cell | undefined, fault: Fault): string {
  if (cell?.outcome === undefined) return NONE;
  const late =
    cell.outcome === "error" && cell.findings.some(({ byTimeout }) => byTimeout === true);
  const large = fault.memoryMb !== undefined && (cell.memoryMb ?? 0) > fault.memoryMb;
  return `${cell.outcome}${late ? "¹" : ""}${large ? "²" : ""}`;
}

export function toText(results: Results, colors: boolean): string {
  const paint = pc.createColors(colors);
  const rows = rowsOf(results);
  const widths = widthsOf(rows);
  return rows
    .map((row, line) =>
      row
        .map((word, at) => {
          const padded = word.padEnd(widths[at] ?? 0);
          if (line === 0) return paint.bold(padded);
          return at < 2 ? padded : colorOf(word, paint)(padded);
        })
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

/** As the formatter of this repository leaves it. */
export function toMarkdown(results: Results): string {
  const [head = [], ...rows] = rowsOf(results).map((row, line) =>
    row.map((word, at) => (line > 0 && at > 2 && isBad(word) ? `**${word}**` : word)),
  );
  const widths = widthsOf([head, ...rows]);
  const line = (row: readonly string[]): string =>
    `| ${row.map((word, at) => word.padEnd(widths[at] ?? 0)).join(" | ")} |`;
  const rule = `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`;
  return [line(head), rule, ...rows.map(line)].join("\n");
}

function rowsOf(results: Results): string[][] {
  const { faults, columns } = results;
  const head = ["#", "fault", "here at worst", ...columns.map(({ name }) => name)];
  const rows = faults.map((fault) => [
    fault.id,
    fault.title,
    fault.permits,
    ...columns.map((column) => wordOf(cellOf(results, fault, column), fault)),
  ]);
  const sums = OUTCOMES.map((outcome) => [
    "",
    outcome,
    "",
    ...columns.map((column) => String(countOf(results, column, outcome))),
  ]);
  return [head, ...rows, ...sums];
}

function countOf({ cells }: Results, column: Column, outcome: Outcome): number {
  return cells.filter((cell) => cell.client === column.id && cell.outcome === outcome).length;
}

function widthsOf(rows: readonly (readonly string[])[]): number[] {
  return (rows[0] ?? []).map((_, at) => Math.max(3, ...rows.map((row) => (row[at] ?? "").length)));
}

function outcomeIn(word: string): Outcome | undefined {
  return OUTCOMES.find((outcome) => word.startsWith(outcome));
}

function isBad(word: string): boolean {
  const outcome = outcomeIn(word);
  return outcome !== undefined && isWorse(outcome, "error");
}

function colorOf(
  word: string,
  paint: ReturnType<typeof pc.createColors>,
): (text: string) => string {
  const outcome = outcomeIn(word);
  if (outcome === undefined) return paint.dim;
  if (isWorse(outcome, "error")) return paint.red;
  return outcome === "recovered" ? paint.green : paint.yellow;
}
