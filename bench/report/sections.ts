// The generated parts of docs/PERFORMANCE.md as Markdown.

import type { Machine, Written } from "../study.ts";
import type { Chart } from "./charts.ts";
import { anchor, measuredText, studyTables, targetText, verdictTable } from "./tables.ts";
import type { Run } from "./tables.ts";

/** How many targets are met in each run, which are not, and all of them. */
export function summary(runs: readonly Run[]): string {
  const verdicts = runs.map(({ results }) => results.flatMap((one) => one.findings.verdicts));
  if (verdicts[0]?.length === 0) return "No targets.";
  const isOne = runs.length === 1;
  const counts = verdicts.map((all, index) => {
    const met = all.filter(({ isMet }) => isMet).length;
    return `${met} of ${all.length}${index === 0 ? " targets are met" : ""}${isOne ? "" : ` on ${runs[index]?.name}`}`;
  });
  const missed = runs.flatMap(({ name, results }) =>
    results.flatMap((result) => missedLines(result, isOne ? "" : `${name}, `)),
  );
  const count = `**${counts.join(", ")}.**`;
  return [
    missed.length === 0 ? count : `${count} Not met:\n\n${missed.join("\n")}`,
    verdictTable(runs),
  ].join("\n\n");
}

function missedLines({ study, findings }: Written, where: string): string[] {
  const { verdicts, metrics } = findings;
  return verdicts
    .filter(({ isMet }) => !isMet)
    .map((verdict) => {
      const { target, note } = verdict;
      const about = note === undefined ? "" : `; ${note}`;
      return `- ${where}${study}, ${target.point}: ${targetText(verdict, metrics)} was the target, it is ${measuredText(verdict, metrics)}${about}.`;
    });
}

/** On what the studies of each run were measured, and when: one line for each machine. */
export function machines(runs: readonly Run[]): string {
  return runs
    .flatMap(({ name, results }, index) =>
      machineLines(results, index === 0 ? "All studies" : `The column ${name} above`),
    )
    .join("\n\n");
}

function machineLines(results: readonly Written[], all: string): string[] {
  const texts = [...new Set(results.map(({ machine }) => machineText(machine)))];
  return texts.map((text) => {
    const own = results.filter(({ machine }) => machineText(machine) === text);
    const days = own.map(({ at }) => at.slice(0, 10)).toSorted();
    const [first, last] = [days[0], days.at(-1)];
    const when = first === last ? `on ${first}` : `from ${first} to ${last}`;
    const which = texts.length === 1 ? all : own.map(({ study }) => study).join(", ");
    const quick = own.filter((one) => one.quick).map(({ study }) => study);
    const short =
      quick.length === 0 ? "" : ` In the short form (\`--quick\`): ${quick.join(", ")}.`;
    return `${which}: ${text}, ${when}.${short}`;
  });
}

function machineText({ node, v8, cpu, cores }: Machine): string {
  return `${cpu === undefined ? "" : `${cpu.trim()}, `}${cores} cores, Node ${node} (V8 ${v8})`;
}

/** A section for each study. */
export function studies(
  results: readonly Written[],
  charts: ReadonlyMap<Written, readonly Chart[]>,
  folder: string,
): string {
  return results
    .map((result, index) => {
      const { study, title, findings } = result;
      const pictures = (charts.get(result) ?? []).map((chart) => picture(chart, folder));
      const notes = findings.notes.map((note) => `- ${note}`).join("\n");
      const method = methodOf(result, results.slice(0, index));
      const again = `Again: \`npm run bench -- --only ${study}\`.`;
      return [`### ${title}`, method, ...pictures, ...studyTables(result), notes, again]
        .filter(Boolean)
        .join("\n\n");
    })
    .join("\n\n");
}

/** What was said before is not said again. */
function methodOf({ method }: Written, before: readonly Written[]): string {
  const same = before.find((one) => one.method === method);
  return same === undefined ? method : `As for [${same.title}](#${anchor(same.title)}).`;
}

function picture({ file, context, metric, groups }: Chart, folder: string): string {
  const unit = metric.unit === "" ? "" : ` in ${metric.unit}`;
  const headings = groups.map(({ heading }) => heading).join("; ");
  const alt = `Bar chart, ${context}: ${metric.name}${unit}, ${metric.better} is better. ${headings}. The numbers are in the table below.`;
  return `![${alt.replace(/[[\]]/g, "\\$&")}](${folder}/${file})`;
}
