// The process of one family: plays its rounds, and watches itself.

import { setImmediate as turn } from "node:timers/promises";
import { Random } from "../support/random.ts";
import { serverModuleOf } from "./families.ts";
import type { Bench, Family, ProblemKind, Servers } from "./family.ts";
import type { Progress, Task } from "./messages.ts";
import { ServerProcess } from "./server-process.ts";
import { Watch, heapMb } from "./watch.ts";

const DEFAULTS = { roundMs: 30_000, heapMb: 24, residentMb: 400, stallMs: 250 };
/** Growth of the heap is read from here on: before, code is compiled and pools are filled. */
const WARM_ROUNDS = 5;

const task = JSON.parse(process.argv[2] ?? "{}") as Task;
const { family } = (await import(task.module)) as { family: Family };
const limits = { ...DEFAULTS, ...family };
let round = task.firstRound;
let inputs = 0;

function tell(progress: Progress): void {
  if (process.connected) process.send?.(progress);
}

function problem(kind: ProblemKind, detail: string): void {
  tell({ kind: "problem", problem: { kind, round, detail } });
}

for (const event of ["uncaughtException", "unhandledRejection"] as const) {
  process.on(event, (error: unknown) => {
    problem("crash", `${event}: ${error instanceof Error ? error.stack : String(error)}`);
  });
}
process.on("disconnect", () => process.exit());

const watch = new Watch((ms) => {
  // In its first round a process loads and compiles its modules.
  const isWarm = task.onlyOne || round > task.firstRound;
  if (isWarm && ms > limits.stallMs) problem("stall", `the event loop stood still for ${ms} ms`);
});
const serverModule = serverModuleOf(new URL(task.module));
const serverProcess =
  serverModule === undefined ? undefined : await ServerProcess.start(serverModule);
const bench: Bench = {
  get servers(): Servers {
    if (serverProcess === undefined) throw new Error(`${task.name} has no module of servers`);
    return serverProcess;
  },
};

const close = await family.open?.(bench);
const endsAt = performance.now() + task.forMs;
let warmMb: number | undefined;
do {
  tell({ kind: "begun", round, roundMs: limits.roundMs });
  const before = inputs;
  await family.round({
    number: round,
    random: new Random(task.seed, task.name, round),
    tried: (count = 1) => (inputs += count),
    problem,
    own: (work) => watch.own(work),
    get servers() {
      return bench.servers;
    },
  });
  tell({ kind: "ended", round, inputs: inputs - before });
  round += 1;
  // A round of messages in memory may never leave the microtasks, and the watch is a timer.
  await turn();
  if (round === task.firstRound + WARM_ROUNDS) warmMb = await heapMb(watch);
} while (!task.onlyOne && performance.now() < endsAt);
await close?.();

const grownMb = warmMb === undefined ? 0 : Math.round((await heapMb(watch)) - warmMb);
watch.stop();
if (grownMb > limits.heapMb) problem("growth", `the heap grew by ${grownMb} MB`);
if (watch.residentMb > limits.residentMb) {
  problem("growth", `the process took ${watch.residentMb} MB more than at its start`);
}
await serverProcess?.close();
tell({
  kind: "finished",
  figures: {
    worstStallMs: watch.worstStallMs,
    stallCount: watch.stallCount,
    residentMb: watch.residentMb,
    heapMb: grownMb,
  },
});
process.disconnect();
process.exit();
