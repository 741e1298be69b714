// The command line of `npm run fuzz`.

import {
  UsageError,
  checkWritable,
  integerOf,
  minutesOf,
  readOptions,
} from "../fault/suite/command-line.ts";
import { FAMILIES } from "./families.ts";

const MOST_MINUTES = 1_000;
const MOST_JOBS = 16;
const MOST_ROUND = 1_000_000_000;

export function helpText(): string {
  const width = Math.max(...Object.keys(FAMILIES).map((name) => name.length));
  const families = Object.entries(FAMILIES).map(
    ([name, about]) => `  ${name.padEnd(width)}  ${about}`,
  );
  return `Usage: npm run fuzz -- [options]

Random and hostile input against a real pool. Each family runs in a process of its own, its servers
in another; crashes, hangs, stalls of the event loop, growth of memory, wrong or foreign answers,
calls that ran twice, false reports and secrets that show are counted.

  --family <name>   this family alone; may be given several times (all)
  --seed <n>        where all choices come from, a whole number (by the clock)
  --minutes <n>     how long each family runs, above 0, to ${MOST_MINUTES} (1)
  --round <n>       this round alone, as the report of a problem names it
  --jobs <n>        how many families run at once, from 1 to ${MOST_JOBS} (1)
  --json <file>     write the results there
  --help            print this

Families:
${families.join("\n")}

Exit code: 0 nothing was found, 1 something was, 2 wrong options.`;
}

export interface FuzzRun {
  readonly kind: "run";
  readonly families: readonly string[];
  readonly seed: number;
  readonly minutes: number;
  readonly round: number | undefined;
  readonly jobs: number;
  readonly json: string | undefined;
}

/** @throws {UsageError} */
export function parseOptions(argv: readonly string[]): { readonly kind: "help" } | FuzzRun {
  const values = readOptions(argv, {
    family: { type: "string", multiple: true, default: Object.keys(FAMILIES) },
    seed: { type: "string", default: String(Date.now() % 1_000_000) },
    minutes: { type: "string", default: "1" },
    round: { type: "string" },
    jobs: { type: "string", default: "1" },
    json: { type: "string" },
    help: { type: "boolean", short: "h" },
  });
  if (values.help === true) return { kind: "help" };
  for (const name of values.family) {
    if (!Object.hasOwn(FAMILIES, name)) {
      throw new UsageError(
        `--family ${name}: the families are ${Object.keys(FAMILIES).join(", ")}`,
      );
    }
  }
  const { round, json } = values;
  if (round !== undefined && values.family.length !== 1) {
    throw new UsageError("--round needs --family: each family has rounds of its own");
  }
  if (json !== undefined) checkWritable("--json", json);
  return {
    kind: "run",
    families: [...new Set(values.family)],
    seed: integerOf("--seed", values.seed, 0, Number.MAX_SAFE_INTEGER),
    minutes: minutesOf(values.minutes, MOST_MINUTES),
    round: round === undefined ? undefined : integerOf("--round", round, 0, MOST_ROUND),
    jobs: integerOf("--jobs", values.jobs, 1, MOST_JOBS),
    json,
  };
}
