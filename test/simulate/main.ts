// `npm run simulate -- --seed S --hours H`: the pool on a virtual clock and an in-memory network.
//
// An episode is a world of its own: one to four servers, a pool, its callers, and four to thirty hours with a few storms.
// `plan.ts` draws it from its seed as a list of actions. `episode.ts` plays the list: the pool is the real one, with the
// real Streamable HTTP transport on a simulated dispatcher (`servers/host.ts`), or with a transport of the user's own
// (`servers/channel.ts`). `world/` is the virtual time, in which nothing happens at the same time as anything else, so
// that a seed gives the same trace byte for byte. `check.ts` holds what callers were told against the servers' ledger.
// `shrink.ts` leaves out actions for as long as the same promise is still broken, and the rest is printed.
//
// Not simulated: sockets and child processes; proxies that give a call to a second replica, which refuses it at once,
// after the first has run it (docs/PROXIES.md, "What no client can know"); servers that run a call and then refuse it in
// the words of a lost session; and a channel that is dead without having ended while health checks are off.

import { writeFileSync } from "node:fs";
import { UsageError } from "../fault/suite/command-line.ts";
import { play } from "./episode.ts";
import { HELP, parseOptions, type SimulationRun } from "./options.ts";
import { planOf } from "./plan.ts";
import { progressText, reportText, storyText, summarise } from "./report.ts";
import { simulate } from "./simulate.ts";
import { warmUp } from "./warm-up.ts";

/** As of a program that SIGPIPE ends. */
const UNREAD = 141;

// The reader of our output has gone, as in `npm run simulate | head`.
process.stdout.on("error", () => process.exit(UNREAD));

async function run(options: SimulationRun): Promise<void> {
  const { seed, hours, planted, json, isTraced } = options;
  console.log(`simulation: seed ${seed}, ${hours} virtual hours`);
  if (isTraced) {
    await warmUp();
    const { trace } = await play(planOf(seed), { isTraced, planted });
    console.log(trace.join("\n"));
  }
  const startedAt = performance.now();
  const totals = await simulate({
    seed,
    hours,
    planted,
    onStory: (story) => console.log(storyText(story)),
    onProgress: (soFar) => console.log(progressText(soFar)),
  });
  const summary = summarise(options, totals);
  console.log(reportText(summary, performance.now() - startedAt));
  if (json !== undefined) writeFileSync(json, `${JSON.stringify(summary, null, 2)}\n`);
  if (summary.failed > 0) process.exitCode = 1;
}

try {
  const options = parseOptions(process.argv.slice(2));
  if (options.kind === "help") console.log(HELP);
  else await run(options);
} catch (error) {
  console.error(error instanceof UsageError ? `${error.message} (see --help)` : error);
  process.exitCode = error instanceof UsageError ? 2 : 1;
}
