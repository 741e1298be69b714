// The process of the pool: makes as many calls as it is told, and says what it holds when none is under way.

import { getEventListeners } from "node:events";
import { readdirSync, readlinkSync } from "node:fs";
import path from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { getHeapCodeStatistics } from "node:v8";
import type * as Package from "../../../src/index.ts";
import { CLIENT_INFO } from "../../contenders/contender.ts";
import { call, kindOf } from "./mix.ts";

export interface Setup {
  readonly url: string;
  readonly build: string;
  readonly inFlight: number;
}

/** Calls from `from` up to `to`; their numbers say of what kind they are. */
export interface Order {
  readonly from: number;
  readonly to: number;
}

/** What the process holds, with no call under way. */
export interface Held {
  /** After a collection, with what it holds outside, without compiled code. */
  readonly heapBytes: number;
  /** But for sockets. Absent where nobody says. */
  readonly descriptors?: number | undefined;
  readonly sockets?: number | undefined;
  /** That keep the process alive. */
  readonly timers: number;
  /** On the signal of many calls. */
  readonly signalListeners: number;
  /** On `process`, for all events. */
  readonly processListeners: number;
}

export interface Step extends Held {
  /** Most at any time during the calls. */
  readonly mostSignalListeners: number;
  /** Since the process began: of Node itself, and calls that did not end as they were meant to. */
  readonly warnings: readonly string[];
  readonly wrong: number;
  readonly firstWrong?: string | undefined;
  readonly callsPerSecond: number;
  /** Microseconds. */
  readonly cpuPerCall: number;
}

const DESCRIPTORS = "/proc/self/fd";

/** Calls between two looks at the signal's listeners. */
const LOOK_EVERY = 100;

const warnings: string[] = [];
process.on("warning", ({ name, message }) => warnings.push(`${name}: ${message}`));

let wrong = 0;
let firstWrong: string | undefined;

const signal = new AbortController().signal;

async function main({ url, build, inFlight }: Setup): Promise<void> {
  const { McpClientPool } = (await import(
    pathToFileURL(path.join(build, "index.js")).href
  )) as typeof Package;
  const before = await held();
  const pool = new McpClientPool({
    servers: { endurance: { url } },
    clientInfo: CLIENT_INFO,
    protocol: "legacy",
  });
  const { failed } = await pool.connect();
  if (failed["endurance"] !== undefined) throw failed["endurance"];
  process.on("message", (order: Order | "close") => {
    const work = order === "close" ? close(pool) : run(pool, inFlight, order);
    work.then((reply) => process.send?.(reply)).catch(fail);
  });
  process.send?.(before);
}

async function run(
  pool: Package.McpClientPool,
  inFlight: number,
  { from, to }: Order,
): Promise<Step> {
  let next = from;
  let mostSignalListeners = 0;
  const lane = async (): Promise<void> => {
    while (next < to) {
      const index = next++;
      const ended = call(pool, kindOf(index), signal).catch(countWrong);
      if (index % LOOK_EVERY === 0) {
        mostSignalListeners = Math.max(mostSignalListeners, signalListeners());
      }
      await ended;
    }
  };
  const cpu = process.cpuUsage();
  const startedAt = performance.now();
  await Promise.all(Array.from({ length: inFlight }, lane));
  const tookMs = performance.now() - startedAt;
  const { user, system } = process.cpuUsage(cpu);
  return {
    ...(await held()),
    mostSignalListeners,
    warnings,
    wrong,
    firstWrong,
    callsPerSecond: ((to - from) / tookMs) * 1_000,
    cpuPerCall: (user + system) / (to - from),
  };
}

async function close(pool: Package.McpClientPool): Promise<Held> {
  await pool.closeAll();
  return held();
}

function countWrong(error: unknown): void {
  wrong += 1;
  firstWrong ??= String(error);
}

async function held(): Promise<Held> {
  // What finalizers free is free only after the next collection.
  for (let round = 0; round < 3; round++) {
    globalThis.gc?.();
    await turn();
  }
  const { heapUsed, external } = process.memoryUsage();
  // V8 goes on optimising what runs often: code grows for a while, and is no leak.
  const code = getHeapCodeStatistics();
  const resources = process.getActiveResourcesInfo();
  return {
    heapBytes: heapUsed + external - code.code_and_metadata_size - code.bytecode_and_metadata_size,
    ...descriptors(),
    timers: resources.filter((kind) => kind === "Timeout").length,
    signalListeners: signalListeners(),
    processListeners: process
      .eventNames()
      .reduce((sum, event) => sum + process.listenerCount(event), 0),
  };
}

function signalListeners(): number {
  return getEventListeners(signal, "abort").length;
}

function descriptors(): Pick<Held, "descriptors" | "sockets"> {
  let open: string[];
  try {
    open = readdirSync(DESCRIPTORS);
  } catch {
    // Elsewhere than on Linux nobody says.
    return {};
  }
  const sockets = open.filter((number) => linkOf(number)?.startsWith("socket:")).length;
  return { descriptors: open.length - sockets, sockets };
}

/** That by which the folder is read is closed by now. */
function linkOf(descriptor: string): string | undefined {
  try {
    return readlinkSync(path.join(DESCRIPTORS, descriptor));
  } catch {
    return undefined;
  }
}

function fail(error: unknown): void {
  console.error(error);
  process.exit(1);
}

// Whatever happens to the parent, this process ends.
process.on("disconnect", () => process.exit());
main(JSON.parse(process.argv[2] ?? "{}") as Setup).catch(fail);
