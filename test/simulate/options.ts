// The command line of `npm run simulate`: what it may be, what is wrong with it, how it is explained.

import { UsageError, checkWritable, integerOf, readOptions } from "../fault/suite/command-line.ts";
import type { Planted } from "./world/world.ts";

/** A year or so of a fleet of a hundred pools. */
const MOST_HOURS = 1_000_000;

/** Faults that are built in, to show that the checks find them. */
export const PLANTED: readonly Planted[] = [
  "runs-twice",
  "sends-again",
  "forgets-caller",
  "keeps-timer",
];

export const HELP = `Usage: npm run simulate -- [options]

The pool on a virtual clock and an in-memory network: episodes of some hours each, with servers,
callers and faults by seed. Afterwards every call is checked against what the servers executed. What
is found is made as short as it can be, and told line by line.

  --hours <n>     virtual hours in all, a whole number from 1 to ${MOST_HOURS} (200)
  --seed <n>      of the first episode; the next has the next number (by the clock)
  --plant <name>  builds a fault in: ${PLANTED.join(", ")}
  --json <file>   write the results there
  --trace         tell the first episode line by line, whatever is found
  --help          print this

The same seed gives the same episode. To repeat one: --seed with its number, and --hours 1.

Exit code: 0 all promises were kept, 1 one was broken, 2 wrong options.`;

export interface SimulationRun {
  readonly kind: "run";
  readonly hours: number;
  readonly seed: number;
  readonly planted: Planted | undefined;
  readonly json: string | undefined;
  readonly isTraced: boolean;
}

/** @throws {UsageError} */
export function parseOptions(argv: readonly string[]): { readonly kind: "help" } | SimulationRun {
  const values = readOptions(argv, {
    hours: { type: "string", default: "200" },
    seed: { type: "string", default: String(Date.now() % 1_000_000_000) },
    plant: { type: "string" },
    json: { type: "string" },
    trace: { type: "boolean" },
    help: { type: "boolean", short: "h" },
  });
  if (values.help === true) return { kind: "help" };
  const { json, plant, trace = false } = values;
  const planted = PLANTED.find((name) => name === plant);
  if (plant !== undefined && planted === undefined) {
    throw new UsageError(`--plant ${plant}: it is one of ${PLANTED.join(", ")}`);
  }
  const hours = integerOf("--hours", values.hours, 1, MOST_HOURS);
  const seed = integerOf("--seed", values.seed, 0, Number.MAX_SAFE_INTEGER - MOST_HOURS);
  if (json !== undefined) checkWritable("--json", json);
  return { kind: "run", hours, seed, planted, json, isTraced: trace };
}
