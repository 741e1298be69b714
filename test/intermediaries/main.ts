// `npm run intermediaries`: every real proxy that is installed, in every role that servers meet it in.

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { UsageError, readOptions } from "../fault/suite/command-line.ts";
import { PROGRAMS, isInstalled, versionOf } from "./programs/programs.ts";
import type { ProgramName } from "./programs/programs.ts";
import { DOCUMENT, RESULTS, toTable, withGenerated } from "./report/document.ts";
import type { MeasuredRow, MeasuredSection, Results } from "./report/document.ts";
import { SECTIONS } from "./report/sections.ts";
import type { Section, Trial } from "./report/sections.ts";

const HELP = `Usage: npm run intermediaries -- [options]

Starts real nginx, HAProxy, Squid, Apache, Varnish and Caddy before servers of the official SDK, and prints what
became of the calls. A program that is not installed is skipped by name. It takes about ten minutes.

  --only <text>   trials whose section, program or title has it; again for more
  --write         rewrite test/intermediaries/report/results.json and docs/PROXIES.md (all trials)
  --configs       rewrite only the configurations of docs/PROXIES.md, run nothing
  --help          print this

Exit code: 0 all went well; 1 something is worse than it may be; 2 wrong options, or nothing was run.`;

const NAMES = Object.keys(PROGRAMS) as ProgramName[];

interface Plan {
  readonly only: readonly string[];
  readonly write: boolean;
}

// The programs end with us, whatever ends us.
for (const [signal, code] of [
  ["SIGINT", 130],
  ["SIGTERM", 143],
] as const) {
  process.once(signal, () => process.exit(code));
}

function isChosen({ only }: Plan, section: Section, { program, title }: Trial): boolean {
  const text = `${section.id} ${program} ${title}`;
  return only.length === 0 || only.some((part) => text.includes(part));
}

async function runSection(plan: Plan, section: Section): Promise<MeasuredSection> {
  const rows: MeasuredRow[] = [];
  const chosen = section.trials.filter((trial) => isChosen(plan, section, trial));
  const able = chosen.filter(({ program }) => isInstalled(program));
  if (chosen.length > 0) console.log(`\n${section.title}`);
  // A silence is waited for, and nothing else is done meanwhile: its trials take their minute together.
  const together = section.id === "silence" ? able.map(measure) : [];
  for (const [at, trial] of able.entries()) {
    const row = await (together[at] ?? measure(trial));
    rows.push(row);
    console.log(
      `  ${row.problems.length === 0 ? "ok  " : "FAIL"} ${trial.program}: ${trial.title}`,
    );
    for (const problem of row.problems) console.log(`         ${problem}`);
  }
  for (const { program, title } of chosen.filter((trial) => !able.includes(trial))) {
    console.log(`  skipped, ${program} is not installed: ${title}`);
  }
  const { id, title, columns } = section;
  return { id, title, columns, rows };
}

/** A trial that cannot even connect is a row too. */
async function measure(trial: Trial): Promise<MeasuredRow> {
  try {
    return await trial.measure();
  } catch (error) {
    return { cells: [trial.program, trial.title], problems: [(error as Error).message] };
  }
}

async function run(plan: Plan): Promise<void> {
  const missing = NAMES.filter((name) => !isInstalled(name));
  if (plan.write && plan.only.length > 0) throw new UsageError("--write: not with --only");
  if (plan.write && missing.length > 0) {
    throw new UsageError(`--write: not installed are ${missing.join(", ")}`);
  }
  const sections: MeasuredSection[] = [];
  for (const section of SECTIONS) sections.push(await runSection(plan, section));
  const measured = sections.filter(({ rows }) => rows.length > 0);
  if (measured.length === 0) throw new UsageError("nothing was run");
  for (const section of measured) console.log(`\n${section.title}\n\n${toTable(section)}`);
  const installed = NAMES.filter(isInstalled);
  const results: Results = {
    date: new Date().toISOString().slice(0, 10),
    platform: `${process.platform}-${process.arch}`,
    node: process.versions.node,
    programs: Object.fromEntries(installed.map((name) => [name, versionOf(name)])),
    sections: measured,
  };
  if (plan.write) write(results);
  const failed = measured.flatMap(({ rows }) => rows.filter(({ problems }) => problems.length > 0));
  console.log(
    `\n${measured.flatMap(({ rows }) => rows).length} trials, ${failed.length} worse than they may be`,
  );
  process.exitCode = failed.length > 0 ? 1 : 0;
}

function write(results: Results): void {
  writeFileSync(RESULTS, `${JSON.stringify(results, null, 2)}\n`);
  writeFileSync(DOCUMENT, withGenerated(readFileSync(DOCUMENT, "utf8"), results));
  console.log(`\n${path.relative(process.cwd(), DOCUMENT)} is up to date`);
}

/** The configurations of the page can be renewed without a run. */
function renewConfigs(): void {
  const results = existsSync(RESULTS)
    ? (JSON.parse(readFileSync(RESULTS, "utf8")) as Results)
    : undefined;
  writeFileSync(DOCUMENT, withGenerated(readFileSync(DOCUMENT, "utf8"), results));
}

try {
  const {
    help,
    only,
    write: shouldWrite,
    configs,
  } = readOptions(process.argv.slice(2), {
    help: { type: "boolean" },
    only: { type: "string", multiple: true },
    write: { type: "boolean" },
    configs: { type: "boolean" },
  });
  if (help === true) console.log(HELP);
  else if (configs === true) renewConfigs();
  else await run({ only: only ?? [], write: shouldWrite ?? false });
} catch (error) {
  console.error(error instanceof UsageError ? `${error.message} (see --help)` : error);
  process.exitCode = error instanceof UsageError ? 2 : 1;
}
