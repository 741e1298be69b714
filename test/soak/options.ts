// The command line of `npm run soak`: what it may be, what is wrong with it, how it is explained.

import { checkWritable, integerOf, minutesOf, readOptions } from "../fault/suite/command-line.ts";

/** Ten rounds a minute: each round of the longest soak can be played again. */
const MOST_MINUTES = 1_000;
const MOST_ROUND = 9_999;

export const HELP = `Usage: npm run soak -- [options]

Many servers of every kind under one pool, random calls and random faults; afterwards every call is
checked against what the servers have logged.

  --minutes <n>   how long, above 0, to ${MOST_MINUTES}; there are ten rounds in a minute (1)
  --seed <n>      what the calls and the faults come from, a whole number (by the clock)
  --round <n>     this round alone, again and again, from 0 to ${MOST_ROUND}; r17-c204 is a call of round 17
  --json <file>   write the results there
  --verbose       name the promises
  --help          print this

Exit code: 0 all promises were kept, 1 one was broken, 2 wrong options, 130 and 143 ended by Ctrl-C
and SIGTERM.`;

export interface SoakRun {
  readonly kind: "run";
  readonly minutes: number;
  readonly seed: number;
  readonly round: number | undefined;
  readonly json: string | undefined;
  readonly verbose: boolean;
}

/** @throws {UsageError} */
export function parseOptions(argv: readonly string[]): { readonly kind: "help" } | SoakRun {
  const values = readOptions(argv, {
    minutes: { type: "string", default: "1" },
    seed: { type: "string", default: String(Date.now() % 1_000_000) },
    round: { type: "string" },
    json: { type: "string" },
    verbose: { type: "boolean" },
    help: { type: "boolean", short: "h" },
  });
  if (values.help === true) return { kind: "help" };
  const { json, verbose = false, round } = values;
  const run: SoakRun = {
    kind: "run",
    minutes: minutesOf(values.minutes, MOST_MINUTES),
    seed: integerOf("--seed", values.seed, 0, Number.MAX_SAFE_INTEGER),
    round: round === undefined ? undefined : integerOf("--round", round, 0, MOST_ROUND),
    json,
    verbose,
  };
  if (json !== undefined) checkWritable("--json", json);
  return run;
}
