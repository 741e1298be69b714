// What the demo prints: sections, aligned columns, a progress line that redraws itself where it can.

import { stripVTControlCharacters } from "node:util";
import picocolors from "picocolors";
import type { Progress } from "mcp-client-pool";

const { stdout } = process;
// `isTTY` is undefined, not false, for what is no terminal.
const hasCursor = Boolean(stdout.isTTY) && process.env["TERM"] !== "dumb";

/** https://no-color.org and https://force-color.org; otherwise a terminal gets colours, and a file does not. */
function wantsColor(): boolean {
  const { NO_COLOR, FORCE_COLOR } = process.env;
  if (NO_COLOR !== undefined && NO_COLOR !== "") return false;
  if (FORCE_COLOR !== undefined && FORCE_COLOR !== "") return FORCE_COLOR !== "0";
  return hasCursor;
}

export const color: ReturnType<typeof picocolors.createColors> =
  picocolors.createColors(wantsColor());

/** Of a line; no wider than can be read with ease. */
const width = Math.min(stdout.columns || 80, 100);

export const ok: string = color.green("✓");
export const bad: string = color.red("✗");

let silent = false;

export function print(text = ""): void {
  write(`${text}\n`);
}

/** Nothing is printed from here on: the demo was interrupted. */
export function silence(lastWords: string): void {
  write(lastWords);
  silent = true;
}

function write(text: string): void {
  if (!silent) stdout.write(text);
}

export function section(title: string): void {
  print(`\n${color.bold(title)}`);
}

export interface Cell {
  readonly text: string;
  readonly paint?: (text: string) => string;
  readonly align?: "right";
}

/** Text after a mark of whether it went well. */
export function marked(isGood: boolean, text: string): Cell {
  const mark = isGood ? "✓" : "✗";
  const painted = isGood ? ok : bad;
  return { text: `${mark} ${text}`, paint: (it) => painted + it.slice(1) };
}

/** Columns as wide as their widest cell; the last one takes what is left of the line, and is cut there. */
export function table(rows: readonly (readonly (string | Cell)[])[]): void {
  const cells = rows.map((row) =>
    row.map((cell) => (typeof cell === "string" ? { text: cell } : cell)),
  );
  const widths: number[] = [];
  for (const row of cells) {
    for (const [column, { text }] of row.entries()) {
      widths[column] = Math.max(widths[column] ?? 0, text.length);
    }
  }
  for (const row of cells) {
    let line = "";
    for (const [column, cell] of row.entries()) {
      const start = 2 + widths.slice(0, column).reduce((sum, each) => sum + each + 2, 0);
      const isLast = column === row.length - 1;
      const wanted = widths[column] ?? 0;
      const text = isLast ? cut(cell.text, Math.max(10, width - start)) : cell.text;
      const pad = " ".repeat(Math.max(0, wanted - text.length));
      const painted = cell.paint === undefined ? text : cell.paint(text);
      line += "  " + (cell.align === "right" ? pad + painted : isLast ? painted : painted + pad);
    }
    print(line.trimEnd());
  }
}

/** Words on lines of the screen's width, each with `indent` before it, the first with `first` instead. */
export function paragraph(text: string, indent: string, first: string = indent): void {
  let line = first;
  let used = indent.length;
  for (const word of text.split(/\s+/)) {
    if (used > indent.length && used + 1 + word.length > width) {
      print(line);
      line = indent;
      used = indent.length;
    }
    const space = used === indent.length ? "" : " ";
    line += space + word;
    used += space.length + word.length;
  }
  print(line);
}

/** One call's progress: a line that redraws itself on a terminal; elsewhere only its end is printed. */
export function progressLine(label: string): {
  update(progress: Progress): void;
  end(result: string): void;
} {
  let reports = 0;
  let drawn = 0;
  const draw = (text: string): void => {
    write(`\r${text.padEnd(drawn)}`);
    drawn = text.length;
  };
  if (hasCursor) draw(cut(`  ${label}  …`, width - 1));
  return {
    update({ progress, total, message }) {
      reports += 1;
      if (!hasCursor) return;
      const share = total === undefined ? "" : `${bar(progress / total)} `;
      const note = message === undefined ? "" : `  ${clean(message)}`;
      draw(cut(`  ${label}  ${share}${progress}/${total ?? "?"}${note}`, width - 1));
    },
    end(result) {
      if (hasCursor) write(`\r${" ".repeat(drawn)}\r`);
      const count = `${reports} ${reports === 1 ? "report" : "reports"}`;
      const used = 2 + label.length + 2 + count.length + 2;
      print(`  ${label}  ${color.dim(count)}  ${cut(result, width - used)}`);
    },
  };
}

function bar(share: number): string {
  const cells = 20;
  const full = Math.max(0, Math.min(cells, Math.round(share * cells)));
  return `[${"#".repeat(full)}${".".repeat(cells - full)}]`;
}

export function cut(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, Math.max(0, length - 1)).trimEnd()}…`;
}

/** Text from a server on one line, without anything that a terminal would obey. */
export function clean(text: string): string {
  return cleanLines(text).replaceAll("\n", " ").trim();
}

/** The same with its lines kept. */
export function cleanLines(text: string): string {
  return stripVTControlCharacters(text).replaceAll(/(?!\n)\p{Cc}/gu, " ");
}

export function firstLine(text: string): string {
  return clean(text.trimStart().split("\n", 1)[0] ?? "");
}

export function duration(ms: number): string {
  return ms < 1_000 ? `${Math.round(ms)} ms` : `${(ms / 1_000).toFixed(1)} s`;
}
