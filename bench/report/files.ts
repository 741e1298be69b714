// What the report consists of, as files in the folder of documents: the page and its charts.

import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import type { Written } from "../study.ts";
import { chartsOf } from "./charts.ts";
import { fill } from "./document.ts";
import { draw } from "./draw.ts";
import { machines, studies, summary } from "./sections.ts";
import type { Run } from "./tables.ts";

/** Texts by their paths in the folder of documents. */
export type Files = ReadonlyMap<string, string>;

const PAGE = "PERFORMANCE.md";
const PICTURES = "performance";

/**
 * What is to be there. The page itself must be there already, for what people wrote in it.
 *
 * @param others the same studies on another Node: of these the page has what the targets came to
 */
export async function generate(
  results: readonly Written[],
  docs: string,
  others: readonly Written[] = [],
): Promise<Files> {
  const charts = new Map(results.map((result) => [result, chartsOf(result)]));
  const runs = [results, others].filter(({ length }) => length > 0).map(runOf);
  const page = await fill(
    readFileSync(path.join(docs, PAGE), "utf8"),
    new Map([
      ["summary", summary(runs)],
      ["machines", machines(runs)],
      ["studies", studies(results, charts, PICTURES)],
    ]),
  );
  const pictures = [...charts.values()].flat().map((chart): [string, string] => {
    return [path.join(PICTURES, chart.file), draw(chart)];
  });
  return new Map([[PAGE, page], ...pictures]);
}

/** Each by the Node that all of it was measured on. */
function runOf(results: readonly Written[]): Run {
  const majors = new Set(results.map(({ machine }) => machine.node.split(".")[0]));
  if (majors.size !== 1)
    throw new Error(`results of Node ${[...majors].join(" and ")} in one folder`);
  return { name: `Node ${[...majors].join("")}`, results };
}

/** Files that differ, are missing, or are pictures of nothing any more. */
export function differences(files: Files, docs: string): string[] {
  const changed = Array.from(files)
    .filter(([name, text]) => read(path.join(docs, name)) !== text)
    .map(([name]) => name);
  return [...changed, ...picturesIn(docs).filter((name) => !files.has(name))];
}

function picturesIn(docs: string): string[] {
  const folder = path.join(docs, PICTURES);
  const names = existsSync(folder) ? readdirSync(folder) : [];
  return names.filter((name) => name.endsWith(".svg")).map((name) => path.join(PICTURES, name));
}

function read(file: string): string | undefined {
  return existsSync(file) ? readFileSync(file, "utf8") : undefined;
}

/** Writes those, and removes them if they are of nothing any more. */
export function write(names: readonly string[], files: Files, docs: string): void {
  mkdirSync(path.join(docs, PICTURES), { recursive: true });
  for (const name of names) {
    const text = files.get(name);
    if (text === undefined) rmSync(path.join(docs, name));
    else writeFileSync(path.join(docs, name), text);
  }
}
