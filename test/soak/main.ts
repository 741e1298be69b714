// `npm run soak -- --minutes N --seed S [--round R] [--json file]`: random faults under load, then every call against
// every log.
//
// From the seed come, exactly: the calls of each round in their order (class, limits, aborts, and what its server does
// to each), and its faults with their times. What cannot be the same again is how these meet in time: which call is
// under way, and how far, when a server goes away. So a seed that fails is run again, or its round alone, again and
// again (`r17-c204` is of round 17: `--round 17`), until it fails again; the story of each violation says what met.

import { rmSync, writeFileSync } from "node:fs";
import { UsageError } from "../fault/suite/command-line.ts";
import { Children } from "./children.ts";
import { HELP, parseOptions } from "./options.ts";
import type { SoakRun } from "./options.ts";
import { promisesOf, reportOf, summarise, verdictOf } from "./report.ts";
import { soak } from "./run.ts";

/** How long the process may take to end when everything is closed, milliseconds. */
const ENDING_MS = 10_000;
const EXIT_CODES = { SIGINT: 130, SIGTERM: 143 } as const;
/** As of a program that SIGPIPE ends. */
const UNREAD = 141;

/** Of the soak that runs. */
let folder: string | undefined;

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => {
    console.error(`${signal}: ended, with all that was started`);
    leave(EXIT_CODES[signal]);
  });
}
// The reader of our output has gone, as in `npm run soak | head`.
process.stdout.on("error", () => leave(UNREAD));

/** The host of the HTTP servers ends with this process; children that are stopped would not. */
function leave(code: number): never {
  if (folder !== undefined) {
    new Children(folder).killAll();
    rmSync(folder, { recursive: true, force: true });
  }
  // What is to be said when a soak is over is not said.
  process.removeAllListeners("exit");
  process.exit(code);
}

async function run({ minutes, seed, round, json, verbose }: SoakRun): Promise<void> {
  console.log(`soak: seed ${seed}, ${minutes} minutes`);
  const result = await soak({
    minutes,
    seed,
    round,
    onFolder: (path) => (folder = path),
    onRound: (line) => console.log(line),
  });
  folder = undefined;
  console.log(reportOf(result));
  if (result.violations.length === 0) rmSync(result.folder, { recursive: true, force: true });

  let endedByItself = true;
  // It does not keep the process alive: if it fires, something else did.
  setTimeout(() => {
    endedByItself = false;
    console.log(`still running: ${process.getActiveResourcesInfo().join(", ")}`);
    process.exit(1);
  }, ENDING_MS).unref();
  process.once("exit", () => {
    const summary = summarise({ seed, minutes }, result, endedByItself);
    if (json !== undefined) writeFileSync(json, `${JSON.stringify(summary, null, 2)}\n`);
    if (verbose) console.log(promisesOf(summary));
    console.log(verdictOf(summary, verbose));
    if (summary.failed > 0) process.exitCode = 1;
  });
}

try {
  const options = parseOptions(process.argv.slice(2));
  if (options.kind === "help") console.log(HELP);
  else await run(options);
} catch (error) {
  console.error(error instanceof UsageError ? `${error.message} (see --help)` : error);
  process.exitCode = error instanceof UsageError ? 2 : 1;
}
