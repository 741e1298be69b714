// The process of one contender, for one measurement: loads it, connects it to all servers, and closes everything.

import type { Sample } from "../../study.ts";
import type { ConnectFleet, ContenderName } from "./fleet-client.ts";
import { CLOSE, CPU, HEAP, RSS, TIME } from "./metrics.ts";

export interface FleetSetup {
  readonly contender: ContenderName;
  readonly build: string;
}

export interface Connected {
  readonly tools: number;
  readonly sample: Sample;
}

export interface Closed {
  readonly sample: Sample;
}

async function main({ contender, build }: FleetSetup): Promise<void> {
  const connect = await load(contender, build);
  process.once("message", (urls: readonly string[]) => {
    run(connect, urls).catch(fail);
  });
  process.send?.("ready");
}

async function load(contender: ContenderName, build: string): Promise<ConnectFleet> {
  switch (contender) {
    case "floor":
      return (await import("./floor.ts")).connectFloor;
    case "pool":
      return (await import("./pool.ts")).loadPool(build);
    case "sdk-v2":
      return (await import("./sdk-v2.ts")).loadSdkV2();
  }
}

async function run(connect: ConnectFleet, urls: readonly string[]): Promise<void> {
  const before = await memoryInUse();
  const cpu = process.cpuUsage();
  const startedAt = performance.now();
  const fleet = await connect(urls);
  const tookMs = performance.now() - startedAt;
  const { user, system } = process.cpuUsage(cpu);
  const tools = fleet.countTools();
  const after = await memoryInUse();
  const sample: Sample = {
    [TIME]: tookMs,
    [CPU]: (user + system) / 1_000,
    [HEAP]: (after.heapUsed - before.heapUsed) / urls.length,
    [RSS]: (after.rss - before.rss) / urls.length,
  };
  process.send?.({ tools, sample } satisfies Connected);
  const closingAt = performance.now();
  await fleet.close();
  const closed: Closed = { sample: { [CLOSE]: performance.now() - closingAt } };
  process.send?.(closed, () => process.disconnect());
}

/** With nothing left to collect. */
async function memoryInUse(): Promise<NodeJS.MemoryUsage> {
  const { gc } = globalThis;
  if (gc === undefined) throw new Error("run with --expose-gc");
  for (let pass = 0; pass < 2; pass++) {
    // What ended in this turn may still be held by it.
    await new Promise((resolve) => setImmediate(resolve));
    gc();
  }
  return process.memoryUsage();
}

function fail(error: unknown): void {
  console.error(error);
  process.exit(1);
}

// Whatever happens to the parent, this process ends.
process.on("disconnect", () => process.exit());
main(JSON.parse(process.argv[2] ?? "{}") as FleetSetup).catch(fail);
