// One table, fault × client, for a terminal and for a document.

import pc from "picocolors";
import type { Cell } from "./cells.ts";
import type { ClientInfo } from "./client-process.ts";
import { WIDTH, wrap } from "./command-line.ts";
import type { Fault } from "./fault.ts";
import { OUTCOMES, isWorse } from "./verdict.ts";
import type { Outcome } from "./verdict.ts";

export interface Column extends ClientInfo {
  readonly id: string;
  /** Its head. */
  readonly short: string;
  /** Version of the Node that it ran on. */
  readonly node: string;
  /** Of an adapter that is not one of ours. */
  readonly file?: string | undefined;
}

export interface Results {
  readonly faults: readonly Fault[];
  readonly columns: readonly Column[];
  readonly cells: readonly Cell[];
}

type Paint = ReturnType<typeof pc.createColors>;

const NONE = "–";
const NOTES: readonly (readonly [sign: string, meaning: string])[] = [
  ["¹", "it ended by its time limit and not before"],
  ["²", "it took more memory than the fault's bound, 128 to 384 MB"],
  [NONE, "the client has nothing of the kind"],
];

/** Clients side by side in a terminal; there is another table for more. */
const MOST_COLUMNS = 6;
/** A title in less than that is not read with pleasure: the column beside it goes first. */
const TITLE_WIDTH = 30;
/** Where in a row stand the title, and what this package allows itself. */
const [TITLE, PERMITS] = [1, 2];

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

/** What the signs mean that are in the table. */
export function notesOf(results: Results): string[] {
  const { faults, columns } = results;
  const words = faults.flatMap((fault) =>
    columns.map((column) => wordOf(cellOf(results, fault, column), fault)),
  );
  return NOTES.filter(([sign]) => words.some((word) => word.includes(sign))).map(
    ([sign, meaning]) => `${sign} ${meaning}`,
  );
}

/** In lines of at most 100 columns, with what its heads and signs mean. */
export function toText(results: Results, colors: boolean): string {
  const paint = pc.createColors(colors);
  const { columns } = results;
  const tables: string[] = [];
  for (let at = 0; at < columns.length; at += MOST_COLUMNS) {
    const some = { ...results, columns: columns.slice(at, at + MOST_COLUMNS) };
    tables.push(textTable(some, paint).join("\n"));
  }
  const width = Math.max(...columns.map(({ short }) => short.length));
  const legend = columns.flatMap(({ short, name, version, node, file }) => {
    const from = file === undefined ? "" : `, ${file}`;
    const text = `${short.padEnd(width)}  ${name} ${version} (Node ${node})${from}`;
    return wrap(text, { indent: width + 2 });
  });
  const isShown = tables.some((table) => table.includes(WORST));
  const worst = isShown ? [`${WORST}: the worst that mcp-client-pool allows itself`] : [];
  return [...tables, legend.join("\n"), [...worst, ...notesOf(results)].join("\n")]
    .filter(Boolean)
    .join("\n\n");
}

const WORST = "at worst";

function textTable(results: Results, paint: Paint): string[] {
  const [head = [], ...rest] = rowsOf(results, WORST);
  const full = [head, ...rest];
  const roomFor = (rows: string[][]): number =>
    widthsOf(rows).reduce((room, width, at) => (at === TITLE ? room : room - width - 2), WIDTH);
  const isTight = roomFor(full) < TITLE_WIDTH;
  const rows = isTight ? full.map((row) => row.filter((_, at) => at !== PERMITS)) : full;
  const widths = widthsOf(rows);
  widths[TITLE] = Math.min(widths[TITLE] ?? 0, roomFor(rows));
  return rows.flatMap((row, line) => {
    const [first = "", ...more] = wrap(row[TITLE] ?? "", { width: widths[TITLE] ?? 0 });
    const words = row.with(TITLE, first).map((word, at) => {
      const padded = word.padEnd(widths[at] ?? 0);
      if (line === 0) return paint.bold(padded);
      return at <= TITLE ? padded : colorOf(word, paint)(padded);
    });
    const indent = " ".repeat((widths[0] ?? 0) + 2);
    return [words.join("  ").trimEnd(), ...more.map((text) => indent + text)];
  });
}

export function toMarkdown(results: Results): string {
  const rows = rowsOf(results, "here at worst").map((row, line) =>
    row.map((word, at) => (line > 0 && at > PERMITS && isBad(word) ? `**${word}**` : word)),
  );
  return markdownTable(rows);
}

/** Rows, the head first, as the formatter of this repository leaves them. */
export function markdownTable(rows: readonly (readonly string[])[]): string {
  const [head = [], ...rest] = rows;
  const widths = widthsOf(rows);
  const line = (row: readonly string[]): string =>
    `| ${row.map((word, at) => word.padEnd(widths[at] ?? 0)).join(" | ")} |`;
  const rule = `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`;
  return [line(head), rule, ...rest.map(line)].join("\n");
}

function rowsOf(results: Results, worst: string): string[][] {
  const { faults, columns } = results;
  const head = ["#", "fault", worst, ...columns.map(({ short }) => short)];
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

function colorOf(word: string, paint: Paint): (text: string) => string {
  const outcome = outcomeIn(word);
  if (outcome === undefined) return paint.dim;
  if (isWorse(outcome, "error")) return paint.red;
  return outcome === "recovered" ? paint.green : paint.yellow;
}
