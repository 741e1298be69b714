// The command line of the benchmark.

import path from "node:path";
import { parseArgs } from "node:util";
import type { Settings, Study } from "./study.ts";

export interface Command {
  readonly settings: Settings;
  readonly studies: readonly Study[];
  /** Where the findings are written, one file for each study. */
  readonly results: string;
  /** On Node 24, whatever this one is. */
  readonly onNode24: boolean;
}

/** Folder of the results that were measured there. */
export const NODE_24 = "node-24";

export function usage(studies: readonly Study[]): string {
  const width = Math.max(...studies.map(({ name }) => name.length));
  return `npm run bench -- [options]

  --quick            fewer points and shorter rounds: about two minutes in all
  --only <study>     may be repeated; without it, all of them
  --contender <name> only this one and those that are given too, for instance pool, floor, sdk-v2; may be repeated
  --rounds <n>       how often each contender is measured at each point (1 to 100)
  --node24           on Node 24, which is installed into test/conformance; written to node-24 in the folder of results,
                     which npm run bench:report shows beside those of this Node
  --build <folder>   the build of the pool to measure (default dist)
  --against <folder> a second build, measured in the same rounds as "other" where calls are measured
  --results <folder> where <study>.json is written (default bench/results, with --quick or --against a part of it that
                     npm run bench:report does not read)

Studies
${studies.map(({ name, title }) => `  ${name.padEnd(width)}  ${title}`).join("\n")}
`;
}

/** @throws {Error} that says what is wrong; `undefined` if only the usage is asked for. */
export function readCommand(
  args: readonly string[],
  studies: readonly Study[],
): Command | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: "boolean", default: false },
      only: { type: "string", multiple: true, default: [] },
      contender: { type: "string", multiple: true, default: [] },
      rounds: { type: "string" },
      build: { type: "string" },
      node24: { type: "boolean", default: false },
      against: { type: "string" },
      results: { type: "string" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return undefined;
  const { quick, only, contender: contenders } = values;
  const names = studies.map(({ name }) => name);
  const unknown = only.find((name) => !names.includes(name));
  if (unknown !== undefined) throw new Error(`no study "${unknown}": ${names.join(", ")}`);
  const root = path.join(import.meta.dirname, "..");
  const against = values.against === undefined ? undefined : path.resolve(values.against);
  const isScratch = quick || against !== undefined || contenders.length > 0;
  const folder = isScratch ? "scratch" : "";
  return {
    studies: studies.filter(({ name }) => only.length === 0 || only.includes(name)),
    onNode24: values.node24,
    results: path.resolve(
      values.results ?? path.join(root, "bench/results", folder, values.node24 ? NODE_24 : ""),
    ),
    settings: {
      quick,
      rounds: values.rounds === undefined ? undefined : wholeNumber("--rounds", values.rounds, 100),
      build: path.resolve(values.build ?? path.join(root, "dist")),
      against,
      contenders,
      log: (line) => console.log(line),
    },
  };
}

function wholeNumber(option: string, given: string, most: number): number {
  const value = Number(given);
  if (Number.isInteger(value) && value >= 1 && value <= most) return value;
  throw new Error(`${option} must be a whole number from 1 to ${most}`);
}
