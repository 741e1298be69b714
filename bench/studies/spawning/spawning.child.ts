// The process of one contender: loads it, starts the servers when it is told to, and ends them when it is told to.

import type { Sample } from "../../study.ts";
import { CPU, TIME } from "./metrics.ts";
import { createStarter } from "./starters.ts";
import type { Command, Starter, StarterName } from "./starters.ts";

export interface Setup {
  readonly name: StarterName;
  readonly command: Command;
  readonly build: string;
  readonly servers: number;
}

async function main({ name, command, build, servers }: Setup): Promise<void> {
  const starter = await createStarter(name, command, build);
  process.on("message", (order: "start" | "close") => {
    const work = order === "close" ? close(starter) : start(starter, servers);
    work.catch(fail);
  });
  process.send?.("ready");
}

async function start(starter: Starter, servers: number): Promise<void> {
  const cpu = process.cpuUsage();
  const startedAt = performance.now();
  await starter.start(servers);
  const tookMs = performance.now() - startedAt;
  const { user, system } = process.cpuUsage(cpu);
  const sample: Sample = { [TIME]: tookMs, [CPU]: (user + system) / 1_000 };
  process.send?.(sample);
}

async function close(starter: Starter): Promise<void> {
  await starter.close();
  process.send?.("closed");
}

function fail(error: unknown): void {
  console.error(error);
  process.exit(1);
}

// Whatever happens to the parent, this process ends, and with its pipes the servers do.
process.on("disconnect", () => process.exit());
main(JSON.parse(process.argv[2] ?? "{}") as Setup).catch(fail);
