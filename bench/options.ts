// The command line of the benchmark.

import path from "node:path";
import { parseArgs } from "node:util";
import { CONTENDERS } from "./contenders/index.ts";
import type { ContenderName } from "./contenders/index.ts";

/** One server, and who calls it in the same rounds. */
export interface Case {
  readonly name: string;
  readonly server: "http" | "http-sdk" | "stdio";
  /** Of the URL, over HTTP. */
  readonly path: string;
  readonly contenders: readonly ContenderName[];
  /** Each number of calls in flight is measured by itself. */
  readonly inFlight: readonly number[];
}

interface CaseChoice extends Case {
  /** The part of `inFlight` that `--quick` has time for. */
  readonly quick: readonly number[];
}

const BOTH_ERAS = [...CONTENDERS.session, ...CONTENDERS.stateless];

/** In this order. */
const CASES: readonly CaseChoice[] = [
  {
    name: "http-json",
    server: "http",
    path: "/json",
    contenders: BOTH_ERAS,
    inFlight: [1, 32, 256],
    quick: [1, 32, 256],
  },
  {
    name: "http-sse",
    server: "http",
    path: "/sse",
    contenders: BOTH_ERAS,
    inFlight: [1, 32, 256],
    quick: [32],
  },
  {
    name: "http-sdk",
    server: "http-sdk",
    path: "/mcp",
    contenders: CONTENDERS.stateless,
    inFlight: [1, 32],
    quick: [32],
  },
  {
    name: "stdio",
    server: "stdio",
    path: "",
    contenders: BOTH_ERAS,
    inFlight: [1, 32, 64, 256],
    quick: [64],
  },
];

const CASE_NAMES = CASES.map(({ name }) => name);

export const USAGE = `npm run bench -- [options]

  --quick            fewer cells and shorter rounds: about two minutes
  --only <case>      ${CASE_NAMES.join(", ")}; may be repeated
  --contender <name> ${BOTH_ERAS.join(", ")};
                     may be repeated
  --rounds <n>       rounds per case (default 6, quick 5)
  --processes <n>    processes per contender, which share the rounds (default 3, quick 1): how well one collects
                     its garbage is a matter of luck, and stays so until it ends
  --ms <n>           length of one measurement, milliseconds (default 800, quick 300, at most 10,000)
  --build <folder>   the build of the pool to measure (default dist)
  --against <folder> a second build, measured in the same rounds
  --name <name>      writes bench/results/<name>.json (default latest)
`;

export interface BenchOptions {
  readonly cases: readonly Case[];
  readonly rounds: number;
  readonly processes: number;
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
      contender: { type: "string", multiple: true, default: [] },
      rounds: { type: "string" },
      processes: { type: "string" },
      ms: { type: "string" },
      build: { type: "string" },
      against: { type: "string" },
      name: { type: "string", default: "latest" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return undefined;
  const isOnly = choice("case", CASE_NAMES, values.only);
  const isContender = choice("contender", BOTH_ERAS, values.contender);
  const { quick } = values;
  if (!/^[\w-]+$/.test(values.name)) throw new Error("--name may have letters, digits, - and _");
  const root = path.join(import.meta.dirname, "..");
  return {
    cases: CASES.filter(({ name }) => isOnly(name)).map((chosen) => ({
      ...chosen,
      contenders: chosen.contenders.filter(isContender),
      inFlight: quick ? chosen.quick : chosen.inFlight,
    })),
    rounds: wholeNumber("--rounds", values.rounds ?? (quick ? "5" : "6"), 100),
    processes: wholeNumber("--processes", values.processes ?? (quick ? "1" : "3"), 100),
    durationMs: wholeNumber("--ms", values.ms ?? (quick ? "300" : "800"), 10_000),
    build: path.resolve(values.build ?? path.join(root, "dist")),
    against: values.against === undefined ? undefined : path.resolve(values.against),
    name: values.name,
  };
}

/** Whether a name is among those that were given; without any, every name is. */
function choice(
  what: string,
  names: readonly string[],
  given: readonly string[],
): (name: string) => boolean {
  const unknown = given.find((name) => !names.includes(name));
  if (unknown !== undefined) throw new Error(`no ${what} "${unknown}"; ${names.join(", ")}`);
  return (name) => given.length === 0 || given.includes(name);
}

function wholeNumber(option: string, given: string, most: number): number {
  const value = Number(given);
  if (Number.isInteger(value) && value >= 1 && value <= most) return value;
  throw new Error(`${option} must be a whole number from 1 to ${most}`);
}
