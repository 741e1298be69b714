// Runs the contenders: the floor and the pool for the counts, the floor, the pool and the official SDK for the times.

import { fileURLToPath } from "node:url";
import { Child } from "../children.ts";
import { contender } from "../contenders/index.ts";
import type { Era, Target } from "../contenders/contender.ts";
import { ClientProcess } from "../studies/calls/processes.ts";
import type { HttpServer } from "../studies/calls/processes.ts";
import { CALLS_PER_SECOND, CPU } from "../studies/calls/targets.ts";
import { summarise } from "../study.ts";
import type { Sample, Values } from "../study.ts";
import { mapCounts } from "./counting.ts";
import type { Figures, InFlight, Reply, Setup } from "./guard.child.ts";
import { CASES } from "./limits.ts";
import type { CaseName } from "./limits.ts";

/** What the pool's calls cost more than the floor's, and the sockets that the pool's opened. */
export type Extra = { readonly [inFlight in InFlight]: Figures };

/** Megabytes: several times what a window of calls fills. */
const YOUNG_MEGABYTES = 64;

/** The compiler works in the calls' own thread, always after the same number of them, however busy the machine is. */
const EXEC_ARGV = [
  "--expose-gc",
  "--no-concurrent-recompilation",
  `--min-semi-space-size=${YOUNG_MEGABYTES}`,
  `--max-semi-space-size=${YOUNG_MEGABYTES}`,
];

/** Of one process, milliseconds: 20 times what it takes. */
const LIMIT_MS = 60_000;

const TIMED = ["floor", "pool", "sdk-v2"] as const;
const ROUNDS = 5;
/** Before the first round each one runs once, unmeasured, for the compiler. Milliseconds. */
const ROUND_MS = 250;
const WARM_UP_MS = 500;

const STDIO_SERVER = fileURLToPath(new URL("../servers/stdio.mjs", import.meta.url));

export async function extrasOf(
  build: string,
  server: HttpServer,
  onCase: (name: CaseName, extra: Extra) => void,
): Promise<void> {
  for (const name of CASES) {
    const target = targetOf(name, server);
    const era: Era = name.endsWith("stateless") ? "stateless" : "session";
    // At the same time: what is counted does not depend on how long it takes.
    const [floor, pool] = await Promise.all(
      (["floor", "pool"] as const).map((kind) =>
        figuresOf({ contender: contender(kind, era), target, build }),
      ),
    );
    if (floor === undefined || pool === undefined) continue;
    if (floor.text !== pool.text) throw new Error(`${name}: the pool got another answer`);
    onCase(name, {
      1: difference(pool.figures[1], floor.figures[1]),
      32: difference(pool.figures[32], floor.figures[32]),
    });
  }
}

async function figuresOf(setup: Setup): Promise<Reply> {
  const child = new Child({
    name: setup.contender,
    file: new URL("./guard.child.ts", import.meta.url),
    args: [JSON.stringify(setup)],
    execArgv: EXEC_ARGV,
  });
  let isDone = false;
  try {
    const reply = (await child.next(LIMIT_MS)) as Reply;
    isDone = true;
    return reply;
  } finally {
    await child.end(isDone);
  }
}

function difference(pool: Figures, floor: Figures): Figures {
  return {
    heapBytes: Math.round(pool.heapBytes - floor.heapBytes),
    outsideBytes: Math.round(pool.outsideBytes - floor.outsideBytes),
    counts: mapCounts((kind) => Math.round(pool.counts[kind] - floor.counts[kind])),
    sockets: pool.sockets,
  };
}

export interface Times {
  /** The pool's CPU per call ÷ the floor's. */
  readonly cpu: number;
  /** The pool's calls per second ÷ the official SDK's. */
  readonly rate: number;
}

/** Medians of the ratios within a round; each round begins with another one. */
export async function timesOf(build: string, server: HttpServer): Promise<Times> {
  const target = targetOf("http-json, session", server);
  const clients = new Map<string, ClientProcess>();
  const samples = new Map(TIMED.map((name): [string, Sample[]] => [name, []]));
  try {
    for (const name of TIMED) {
      const client = await ClientProcess.start({ contender: name, target, build });
      clients.set(name, client);
      await client.measure({ inFlight: 32, durationMs: WARM_UP_MS });
    }
    const entries = [...clients];
    for (let round = 0; round < ROUNDS; round++) {
      const first = round % entries.length;
      for (const [name, client] of [...entries.slice(first), ...entries.slice(0, first)]) {
        samples.get(name)?.push(await client.measure({ inFlight: 32, durationMs: ROUND_MS }));
      }
    }
  } finally {
    await Promise.all(Array.from(clients.values(), (client) => client.close()));
  }
  const pool = summarise("", samples).find((row) => row.contender === "pool");
  const median = (values: Values | undefined, metric: string): number =>
    values?.[metric]?.median ?? Number.NaN;
  return {
    cpu: median(pool?.ratios["floor"], CPU),
    rate: median(pool?.ratios["sdk-v2"], CALLS_PER_SECOND),
  };
}

function targetOf(name: CaseName, server: HttpServer): Target {
  if (name.startsWith("stdio")) {
    return { kind: "stdio", command: process.execPath, args: [STDIO_SERVER] };
  }
  const path = name.startsWith("http-sse") ? "/sse" : "/json";
  return { kind: "http", url: `${server.origin}${path}` };
}
