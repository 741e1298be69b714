// The generated parts of docs/PROXIES.md: configurations as they are tested, and tables of what was measured.

import { readFileSync } from "node:fs";
import path from "node:path";
import { render } from "../programs/render.ts";
import type { Values } from "../programs/render.ts";
import { CONFIGS } from "../programs/start.ts";

export const DOCUMENT: string = path.join(import.meta.dirname, "../../../docs/PROXIES.md");
export const RESULTS: string = path.join(import.meta.dirname, "results.json");

export interface MeasuredRow {
  readonly cells: readonly string[];
  readonly problems: readonly string[];
}

export interface MeasuredSection {
  readonly id: string;
  readonly title: string;
  readonly columns: readonly string[];
  readonly rows: readonly MeasuredRow[];
}

export interface Results {
  readonly date: string;
  readonly platform: string;
  readonly node: string;
  readonly programs: Readonly<Record<string, string>>;
  readonly sections: readonly MeasuredSection[];
}

/** What the page shows where a test has its own ports and folders. */
const SAMPLE: Values = {
  port: 8080,
  clients: "10.0.0.0/8",
  servers: ".example.com",
  names: ["a", "b"],
  hosts: ["10.0.0.1", "10.0.0.2"],
  ports: ["3000", "3000"],
  addresses: ["10.0.0.1:3000", "10.0.0.2:3000"],
  allAddresses: "10.0.0.1:3000 10.0.0.2:3000",
};

/** A configuration file as the page shows it. */
export function shownConfig(file: string): string {
  const text = render(readFileSync(path.join(CONFIGS, file), "utf8"), SAMPLE);
  // Tests listen on loopback only.
  return text
    .replaceAll("http://127.0.0.1:8080", ":8080")
    .replaceAll("listen 127.0.0.1:8080", "listen 8080")
    .replaceAll("127.0.0.1:8080", ":8080")
    .trim();
}

const PART = /(<!-- generated: (\S+) (\S+) -->\n)[^]*?(<!-- end -->)/g;

/** The page with each generated part replaced by what it should be. */
export function withGenerated(page: string, results: Results | undefined): string {
  return page.replaceAll(PART, (whole, begin: string, kind: string, name: string, end: string) => {
    if (kind === "config") {
      const language = path.dirname(name);
      return `${begin}\n\`\`\`${language}\n${shownConfig(name)}\n\`\`\`\n\n${end}`;
    }
    if (results === undefined) return whole;
    if (name === "run") return `${begin}\n${describeRun(results)}\n\n${end}`;
    const section = results.sections.find(({ id }) => id === name);
    if (section === undefined) throw new Error(`the page wants a table of ${name}`);
    return `${begin}\n${toTable(section)}\n\n${end}`;
  });
}

function describeRun({ date, platform, node, programs }: Results): string {
  const names = Object.entries(programs).map(([name, version]) => `${name} ${version}`);
  return `Run on ${date} on ${platform}, Node ${node}: ${names.join(", ")}.`;
}

export function toTable({ columns, rows }: MeasuredSection): string {
  const all = [columns, ...rows.map(({ cells }) => cells)];
  const widths = columns.map((_, at) => Math.max(3, ...all.map((row) => (row[at] ?? "").length)));
  const line = (row: readonly string[]): string =>
    `| ${widths.map((width, at) => (row[at] ?? "").padEnd(width)).join(" | ")} |`;
  const rule = `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`;
  return [line(columns), rule, ...rows.map(({ cells }) => line(cells))].join("\n");
}
