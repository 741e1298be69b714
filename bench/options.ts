// The command line of the benchmark.

import path from "node:path";
import { parseArgs } from "node:util";

/** What is measured, in this order, each at these numbers of calls in flight. */
export const CASES: { readonly [name: string]: readonly number[] } = {
  "http-json": [1, 32, 256],
  "http-sse": [1, 32, 256],
  stdio: [1, 32, 64, 256],
};

export const USAGE = `npm run bench -- [options]

  --quick            fewer and shorter rounds: under two minutes
  --only <case>      ${Object.keys(CASES).join(", ")}; may be repeated
  --rounds <n>       rounds per case (default 5)
  --ms <n>           length of one measurement, milliseconds (default 800, quick 300, at most 10,000)
  --build <folder>   the build of the pool to measure (default dist)
  --against <folder> a second build, measured in the same rounds
  --name <name>      writes bench/results/<name>.json (default latest)
`;

export interface BenchOptions {
  readonly cases: readonly string[];
  readonly rounds: number;
  readonly durationMs: number;
  readonly build: string;
  readonly against: string | undefined;
  readonly name: string;
}

/** @throws {Error} that says what is wrong; `undefined` if only the usage is asked for. */
export function readOptions(args: readonly string[]): BenchOptions | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: "boolean", default: false },
      only: { type: "string", multiple: true, default: [] },
      rounds: { type: "string" },
      ms: { type: "string" },
      build: { type: "string" },
      against: { type: "string" },
      name: { type: "string", default: "latest" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return undefined;
  for (const name of values.only) {
    if (!(name in CASES)) throw new Error(`no case "${name}"; ${Object.keys(CASES).join(", ")}`);
  }
  if (!/^[\w-]+$/.test(values.name)) throw new Error("--name may have letters, digits, - and _");
  const root = path.join(import.meta.dirname, "..");
  return {
    cases: values.only.length === 0 ? Object.keys(CASES) : values.only,
    rounds: wholeNumber("--rounds", values.rounds ?? "5", 100),
    durationMs: wholeNumber("--ms", values.ms ?? (values.quick ? "300" : "800"), 10_000),
    build: path.resolve(values.build ?? path.join(root, "dist")),
    against: values.against === undefined ? undefined : path.resolve(values.against),
    name: values.name,
  };
}

function wholeNumber(option: string, given: string, most: number): number {
  const value = Number(given);
  if (Number.isInteger(value) && value >= 1 && value <= most) return value;
  throw new Error(`${option} must be a whole number from 1 to ${most}`);
}
