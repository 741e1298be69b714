// `npm run soak -- --minutes N --seed S [--round R] [--json file]`: random faults under load, then every call against
// every log.
//
// From the seed come, exactly: the calls of each round in their order (class, limits, aborts, and what its server does
// to each), and its faults with their times. What cannot be the same again is how these meet in time: which call is
// under way, and how far, when a server goes away. So a seed that fails is run again, or its round alone, again and
// again (`r17-c204` is of round 17: `--round 17`), until it fails again; the story of each violation says what met.

import { rmSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { reportOf, summarise } from "./report.ts";
import { soak } from "./run.ts";

/** How long the process may take to end when everything is closed, milliseconds. */
const ENDING_MS = 10_000;

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "1" },
    seed: { type: "string", default: String(Date.now() % 1_000_000) },
    round: { type: "string" },
    json: { type: "string" },
  },
});
const options = { minutes: Number(values.minutes), seed: Number(values.seed) };
if (!(options.minutes > 0) || !Number.isSafeInteger(options.seed)) {
  throw new Error("--minutes is a number above 0, --seed an integer");
}

console.log(`soak: seed ${options.seed}, ${options.minutes} minutes`);
const round = values.round === undefined ? undefined : Number(values.round);
const result = await soak({ ...options, round, onRound: (line) => console.log(line) });
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
  const summary = summarise(options, result, endedByItself);
  if (values.json !== undefined)
    writeFileSync(values.json, `${JSON.stringify(summary, null, 2)}\n`);
  console.log(`seed ${options.seed}: ${summary.passed} promises kept, ${summary.failed} broken`);
  if (summary.failed > 0) process.exitCode = 1;
});
