// The process of one pool, or of the floor, with all its scripted servers: loads them, and measures what its parent
// asks for.

import path from "node:path";
import { pathToFileURL } from "node:url";
import type * as Package from "../../../src/index.ts";
import type { McpClientPool } from "../../../src/index.ts";
import { textOf } from "../../contenders/contender.ts";
import type { Sample } from "../../study.ts";
import { change } from "./change.ts";
import { Floor } from "./floor.ts";
import { ScriptedServer, TOOLS_PER_SERVER } from "./scripted.ts";
import { CHANGE, CPU, HEAP, READ } from "./targets.ts";

export interface Setup {
  readonly kind: "pool" | "floor";
  readonly build: string;
  readonly servers: number;
}

export type Order =
  | { readonly kind: "changes"; readonly count: number }
  | {
      readonly kind: "calls";
      /** The tools of one server, or of all of them by turns. */
      readonly of: "one" | "all";
      readonly inFlight: number;
      readonly count: number;
    }
  | { readonly kind: "rest" };

/** How often the list is read when nothing has changed: once takes less than the clock can tell. */
const READS = 10_000;

/** Prime, so that one server after the other and one tool after the other has its turn, and never the next one. */
const STRIDE = 7_919;

const ARGUMENTS = { id: "4711" };

interface Stage {
  /** Absent for the floor. */
  readonly pool: McpClientPool | undefined;
  readonly servers: readonly ScriptedServer[];
  /** Of all tools, in order. */
  readonly names: readonly string[];
  readonly call: (name: string) => Promise<unknown>;
  /** Of the heap, for each tool. */
  readonly bytesPerTool: number;
  /** The server that changes next. */
  next: number;
}

async function main({ kind, build, servers }: Setup): Promise<void> {
  const stage = await load(kind, build, servers);
  process.on("message", (order: Order | "close") => {
    const work = order === "close" ? close(stage) : run(stage, order);
    work.catch(fail);
  });
  process.send?.({ tools: stage.names.length });
}

async function load(kind: Setup["kind"], build: string, count: number): Promise<Stage> {
  const url = pathToFileURL(path.join(build, "index.js")).href;
  const { createMemoryPair, McpClientPool: Pool } = (await import(url)) as typeof Package;
  const before = heapUsed();
  const ends = Array.from({ length: count }, (_, index) => {
    const { client: transport, server: end } = createMemoryPair();
    const name = `server-${String(index).padStart(4, "0")}`;
    return { transport, server: new ScriptedServer(name, end) };
  });
  const servers = ends.map(({ server }) => server);
  if (kind === "floor") {
    const floor = await Floor.connect(ends);
    const call = (name: string): Promise<unknown> => floor.call(name, ARGUMENTS);
    const bytesPerTool = Number.NaN;
    return { pool: undefined, servers, names: floor.names, call, bytesPerTool, next: 0 };
  }
  const pool = new Pool({
    servers: Object.fromEntries(
      ends.map(({ transport, server }) => [server.name, { transport }] as const),
    ),
    protocol: "legacy",
  });
  const { failed } = await pool.connect();
  for (const error of Object.values(failed)) throw error;
  const bytesPerTool = (heapUsed() - before) / (count * TOOLS_PER_SERVER);
  const names = pool.allTools.map(({ name }) => name);
  const call = (name: string): Promise<unknown> => pool.callTool(name, ARGUMENTS);
  return { pool, servers, names, call, bytesPerTool, next: 0 };
}

function heapUsed(): number {
  globalThis.gc?.();
  return process.memoryUsage().heapUsed;
}

async function run(stage: Stage, order: Order): Promise<void> {
  process.send?.(await measure(stage, order));
}

async function measure(stage: Stage, order: Order): Promise<Sample> {
  switch (order.kind) {
    case "changes":
      return { [CHANGE]: await changes(stage, order.count) };
    case "calls":
      return { [CPU]: await calls(stage, order) };
    case "rest":
      return { [READ]: reads(poolOf(stage)), [HEAP]: stage.bytesPerTool };
  }
}

function poolOf({ pool }: Stage): McpClientPool {
  if (pool === undefined) throw new Error("only pools are asked for this");
  return pool;
}

/** Lets that many servers change one after the other; gives the median, milliseconds. */
async function changes(stage: Stage, count: number): Promise<number> {
  const { servers } = stage;
  const pool = poolOf(stage);
  const took: number[] = [];
  for (let done = 0; done < count; done += 1) {
    const index = (stage.next * STRIDE) % servers.length;
    stage.next += 1;
    took.push(await change(pool, servers, index));
  }
  took.sort((a, b) => a - b);
  return took[took.length >> 1] ?? Number.NaN;
}

/** Calls tools; gives the CPU of one call, microseconds. */
async function calls(
  stage: Stage,
  { of, inFlight, count }: Order & { kind: "calls" },
): Promise<number> {
  // A pool that has seen changes has other names by now.
  const all = stage.pool?.allTools.map(({ name }) => name) ?? stage.names;
  const middle = stage.servers[stage.servers.length >> 1]?.name ?? "";
  const known = of === "all" ? all : all.filter((name) => name.startsWith(`${middle}__`));
  // Each a string of its own, as a model's answer has it.
  const names = Array.from({ length: count }, (_, call) =>
    Buffer.from(known[(call * STRIDE) % known.length] ?? "").toString(),
  );
  let next = 0;
  const lane = async (): Promise<void> => {
    for (let name = names[next++]; name !== undefined; name = names[next++]) {
      const text = textOf(await stage.call(name));
      if (text !== name) throw new Error(`${name} was called, ${text} has answered`);
    }
  };
  const cpu = process.cpuUsage();
  await Promise.all(Array.from({ length: inFlight }, lane));
  const { user, system } = process.cpuUsage(cpu);
  return (user + system) / count;
}

/** The time of one reading of the list when nothing has changed, microseconds. */
function reads(pool: McpClientPool): number {
  let length = 0;
  const startedAt = performance.now();
  for (let read = 0; read < READS; read += 1) length += pool.allTools.length;
  const tookMs = performance.now() - startedAt;
  if (length !== READS * pool.allTools.length) throw new Error("the list changed by itself");
  return (tookMs / READS) * 1_000;
}

async function close({ pool }: Stage): Promise<void> {
  await pool?.closeAll();
  process.disconnect();
}

function fail(error: unknown): void {
  console.error(error);
  process.exit(1);
}

// Whatever happens to the parent, this process ends.
process.on("disconnect", () => process.exit());
main(JSON.parse(process.argv[2] ?? "{}") as Setup).catch(fail);
