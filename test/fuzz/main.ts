// `npm run fuzz -- --family F --seed S --minutes N`: random and hostile input against a real pool.
//
// From the seed come, exactly, the inputs of each round. How they meet in time is the machine's: a problem that does
// not come back with `--round` is a race, and is played again until it does.

import { writeFileSync } from "node:fs";
import { UsageError } from "../fault/suite/command-line.ts";
import { moduleOf } from "./families.ts";
import { helpText, parseOptions } from "./options.ts";
import type { FuzzRun } from "./options.ts";
import { lineOf, summaryOf, tableOf, verdictOf } from "./report.ts";
import { runFamily } from "./run.ts";
import type { FamilyResult } from "./run.ts";

async function run({ families, seed, minutes, round, jobs, json }: FuzzRun): Promise<void> {
  console.log(`fuzz: seed ${seed}, ${families.length} families, ${minutes} minutes each`);
  const waiting = [...families];
  const results: FamilyResult[] = [];
  const work = async (): Promise<void> => {
    for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
      const family = name;
      const result = await runFamily({
        name,
        module: moduleOf(name),
        seed,
        forMs: minutes * 60_000,
        round,
        onProblem: (problem) => console.log(lineOf(family, seed, problem)),
      });
      results.push(result);
    }
  };
  await Promise.all(Array.from({ length: jobs }, work));
  results.sort((one, other) => families.indexOf(one.name) - families.indexOf(other.name));
  console.log(`\n${tableOf(results)}\n\n${verdictOf(results)}`);
  const summary = summaryOf(results);
  if (json !== undefined) {
    writeFileSync(json, `${JSON.stringify({ seed, minutes, ...summary, results }, null, 2)}\n`);
  }
  if (summary.failed > 0) process.exitCode = 1;
}

try {
  const options = parseOptions(process.argv.slice(2));
  if (options.kind === "help") console.log(helpText());
  else await run(options);
} catch (error) {
  console.error(error instanceof UsageError ? `${error.message} (see --help)` : error);
  process.exitCode = error instanceof UsageError ? 2 : 1;
}
