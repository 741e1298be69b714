// Findings as Markdown tables: all rows, each number as its median with its spread.

import type { Findings, Metric, Row, Target, Verdict, Written } from "../study.ts";
import { toFloor } from "../text.ts";
import { chartedMetrics, isPool, toPool } from "./charts.ts";
import {
  digitsFor,
  headText,
  ratioDigits,
  ratioText,
  spreadText,
  valueText,
  withUnit,
} from "./numbers.ts";

/** More columns are not read on a page; what does not fit goes into a table of its own. */
const MOST_COLUMNS = 7;
const NONE = "–";
/** Of a number beside its limit. */
const MOST_DIGITS = 4;

interface Column {
  readonly head: string;
  readonly cell: (row: Row) => string | undefined;
}

const POINT: Column = { head: "", cell: ({ point }) => point };

function contenderColumn(head: string = ""): Column {
  return { head, cell: ({ contender }) => (isPool(contender) ? `**${contender}**` : contender) };
}

/** Tables for the points of a study; points that were measured alike share one. */
export function studyTables({ study, findings }: Written): string[] {
  const { metrics, rows } = findings;
  const charted = chartedMetrics(study, metrics);
  return alike(findings).flatMap(({ used, own }) => {
    const columns = used.flatMap((metric) => {
      const ratios = charted.includes(metric) ? ratioColumns(metric, own, rows) : [];
      return [valueColumn(metric), ...ratios];
    });
    const points = [...new Set(own.map(({ point }) => point))];
    const fixed = points.length === 1 ? [contenderColumn(points[0])] : [POINT, contenderColumn()];
    const room = MOST_COLUMNS - fixed.length;
    if (columns.length > room && points.length === 1 && own.length < MOST_COLUMNS) {
      return turnedTable(contenderColumn(points[0]), columns, own);
    }
    return chunks(columns, room).map((some) => rowsTable([...fixed, ...some], own));
  });
}

interface Alike {
  readonly used: readonly Metric[];
  readonly own: readonly Row[];
}

/** Points that follow each other and have the same metrics. */
function alike({ metrics, rows }: Findings): Alike[] {
  const groups: { used: Metric[]; own: Row[] }[] = [];
  for (const point of new Set(rows.map((row) => row.point))) {
    const own = rows.filter((row) => row.point === point);
    const used = metrics.filter(({ name }) => own.some(({ values }) => values[name] !== undefined));
    const last = groups.at(-1);
    const isAlike =
      last?.used.length === used.length && used.every((metric) => last.used.includes(metric));
    if (isAlike) last.own.push(...own);
    else groups.push({ used, own });
  }
  return groups;
}

function valueColumn(metric: Metric): Column {
  return {
    head: headText(metric),
    cell: ({ values }) => {
      const value = values[metric.name];
      return value === undefined ? undefined : valueText(value, metric);
    },
  };
}

/** To the floor, or where there is none to the pool, of the same era; none if nobody has it. */
function ratioColumns({ name }: Metric, own: readonly Row[], all: readonly Row[]): Column[] {
  const hasFloor = all.some(({ contender }) => contender.startsWith("floor"));
  const [base, ratioOf] = hasFloor ? (["floor", toFloor] as const) : (["pool", toPool] as const);
  if (own.every((row) => ratioOf(row, name) === undefined)) return [];
  const cell = (row: Row): string | undefined => {
    const ratio = ratioOf(row, name);
    return ratio === undefined ? undefined : ratioText(ratio);
  };
  return [{ head: `${name} ÷ ${base}`, cell }];
}

function rowsTable(columns: readonly Column[], rows: readonly Row[]): string {
  const isPoint = columns[0] === POINT;
  const lines = rows.map((row, index) => {
    const cells = columns.map(({ cell }) => cell(row) ?? NONE);
    // A point is named once.
    if (isPoint && row.point === rows[index - 1]?.point) cells[0] = "";
    return cells;
  });
  const heads = columns.map(({ head }) => head);
  return table(heads, lines, (column) => column < (isPoint ? 2 : 1));
}

/** A line for each number, a column for each contender. */
function turnedTable(name: Column, columns: readonly Column[], rows: readonly Row[]): string {
  const lines = columns.map(({ head, cell }) => [head, ...rows.map((row) => cell(row) ?? NONE)]);
  const heads = [name.head, ...rows.map((row) => name.cell(row) ?? NONE)];
  return table(heads, lines, (column) => column === 0);
}

/** What the same targets came to on one Node. */
export interface Run {
  /** `Node 20`. */
  readonly name: string;
  readonly results: readonly Written[];
}

/** Every target, in the order of the studies of the first run, with what it came to in each. */
export function verdictTable(runs: readonly Run[]): string {
  const lines = (runs[0]?.results ?? []).flatMap(({ study, title, findings }) =>
    findings.verdicts.map((verdict, index) => [
      index === 0 ? `[${study}](#${anchor(title)})` : "",
      verdict.target.point,
      targetText(verdict, findings.metrics),
      ...runs.map(({ results }) => verdictText(results, study, verdict.target)),
    ]),
  );
  const heads = runs.length === 1 ? ["Measured"] : runs.map(({ name }) => name);
  return table(["Study", "", "Target", ...heads], lines, (index) => index < 3);
}

/** What is there is met, unless it says that it is not. */
function verdictText(results: readonly Written[], study: string, target: Target): string {
  const findings = results.find((one) => one.study === study)?.findings;
  const verdict = findings?.verdicts.find((one) => isSameTarget(one.target, target));
  if (findings === undefined || verdict === undefined) return NONE;
  const { isMet, note } = verdict;
  return [
    measuredText(verdict, findings.metrics),
    ...(isMet ? [] : ["**not met**"]),
    ...(note === undefined ? [] : [note]),
  ].join("; ");
}

function isSameTarget(one: Target, other: Target): boolean {
  return (["point", "of", "metric", "against"] as const).every((key) => one[key] === other[key]);
}

/** `pool: CPU per call at most 1.25 × floor`. */
export function targetText({ target }: Verdict, metrics: readonly Metric[]): string {
  const { of, metric, against, limit, value } = target;
  const number = value.toLocaleString("en-US");
  const bound =
    against === undefined
      ? withUnit(number, metricOf(target, metrics).unit)
      : `${number} × ${against}`;
  return `${of}: ${metric} ${limit} ${bound}`;
}

export function measuredText({ target, measured }: Verdict, metrics: readonly Metric[]): string {
  const { median } = measured;
  if (target.against !== undefined) {
    return spreadText(measured, digitsApart(median, target.value, ratioDigits(median)));
  }
  const metric = metricOf(target, metrics);
  const digits = digitsApart(median, target.value, digitsFor(median, metric));
  return withUnit(spreadText(measured, digits), metric.unit);
}

/** So many that one sees on which side of its limit a number is. */
function digitsApart(value: number, limit: number, digits: number): number {
  const isClear = value === limit || Number(value.toFixed(digits)) !== limit;
  return isClear || digits >= MOST_DIGITS ? digits : digitsApart(value, limit, digits + 1);
}

function metricOf({ metric }: Target, metrics: readonly Metric[]): Metric {
  const found = metrics.find(({ name }) => name === metric);
  if (found === undefined) throw new Error(`a target for "${metric}", which is no metric`);
  return found;
}

/** Of a heading, as GitHub makes it. */
export function anchor(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, "")
    .replaceAll(/\s/g, "-");
}

function table(
  head: readonly string[],
  lines: readonly (readonly string[])[],
  isText: (column: number) => boolean,
): string {
  const rule = head.map((_, column) => (isText(column) ? "---" : "---:"));
  return [head, rule, ...lines]
    .map((cells) => `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`)
    .join("\n");
}

/** As few as are needed, of about the same size. */
function chunks<T>(items: readonly T[], most: number): T[][] {
  const count = Math.ceil(items.length / most);
  const size = Math.ceil(items.length / count);
  return Array.from({ length: count }, (_, index) => items.slice(index * size, (index + 1) * size));
}
