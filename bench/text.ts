// Findings as text for a terminal.

import type { Findings, Metric, Row, Spread, Verdict } from "./study.ts";

/** A table for each point. */
export function tables({ metrics, rows, notes }: Findings): string {
  const points = [...new Set(rows.map(({ point }) => point))];
  const parts = points.map((point) =>
    table(
      point,
      metrics,
      rows.filter((row) => row.point === point),
    ),
  );
  return [...parts, ...notes.map((note) => `  ${note}\n`)].join("\n");
}

/** The floor that a contender is compared to is that of its own era. */
export function toFloor({ contender, ratios }: Row, metric: string): Spread | undefined {
  const floor = contender.endsWith("-stateless") ? "floor-stateless" : "floor";
  return ratios[floor]?.[metric];
}

/** Where there is no floor: the pool of its own era, on its own Node. */
export function toPool({ contender, ratios }: Row, metric: string): Spread | undefined {
  const [suffix = ""] = /(?:-stateless)?(?: \(Node \d+\))?$/.exec(contender) ?? [];
  return ratios[`pool${suffix}`]?.[metric];
}

function table(point: string, metrics: readonly Metric[], rows: readonly Row[]): string {
  const used = metrics.filter(({ name }) => rows.some((row) => row.values[name] !== undefined));
  const hasFloor = rows.some(({ contender }) => contender.startsWith("floor"));
  const [base, ratioOf] = hasFloor ? (["floor", toFloor] as const) : (["pool", toPool] as const);
  const compared = used.filter(({ name }) => rows.some((row) => ratioOf(row, name) !== undefined));
  const head = ["", ...used.map(({ name, unit }) => (unit === "" ? name : `${name}, ${unit}`))];
  head.push(...compared.map(({ name }) => `${name} ÷ ${base}`));
  const lines = rows.map((row) => {
    const own = used.map(({ name, digits }) => format(row.values[name], digits));
    const ratios = compared.map(({ name }) => format(ratioOf(row, name), 2));
    return [row.contender, ...own, ...ratios];
  });
  return [`  ${point}`, ...align([head, ...lines]), ""].join("\n");
}

export function verdictLine(
  study: string,
  { target, measured, isMet, note }: Verdict,
  metrics: readonly Metric[],
): string {
  const { point, of, metric, against, limit, value } = target;
  const unit = metrics.find(({ name }) => name === metric)?.unit ?? "";
  const limitText = against === undefined ? `${value} ${unit}`.trimEnd() : `${value} × ${against}`;
  const is = measured.median.toFixed(2);
  return `${isMet ? "met    " : "not met"}  ${study}, ${point}: ${of}'s ${metric} ${limit} ${limitText}, is ${is}${note === undefined ? "" : ` (${note})`}`;
}

export function format(value: Spread | undefined, digits: number): string {
  if (value === undefined) return "";
  const [median, min, max] = [value.median, value.min, value.max].map((n) => n.toFixed(digits));
  return min === max ? `${median}` : `${median} (${min}–${max})`;
}

function align(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  );
  return rows.map((row) => {
    const cells = row.map((text, column) => {
      const width = widths[column] ?? 0;
      return column === 0 ? text.padEnd(width) : text.padStart(width);
    });
    return `    ${cells.join("   ")}`.trimEnd();
  });
}
