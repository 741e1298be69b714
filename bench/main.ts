// `npm run bench`: the pool beside the floor and the official clients, in interleaved rounds. See `--help`.

import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import type { Order, Sample } from "./client.ts";
import type { Target } from "./contenders/contender.ts";
import { contender, kindOf } from "./contenders/index.ts";
import type { ContenderName } from "./contenders/index.ts";
import { readOptions, USAGE } from "./options.ts";
import type { BenchOptions, Case } from "./options.ts";
import { ClientProcess, HttpServer, STDIO_SERVER } from "./processes.ts";
import type { RecordedRequest } from "./processes.ts";
import { summarise, table } from "./report.ts";
import type { CaseReport } from "./report.ts";
import { verdicts } from "./targets.ts";
import { bytesOf, differencesFromFloor } from "./wire.ts";

/** By contender, one per round. */
type Samples = Map<ContenderName, Sample[]>;

/** Everybody who takes part in a case, connected, and the first call of each as the server saw it. */
interface Field {
  readonly clients: Map<ContenderName, ClientProcess>;
  readonly requests: Map<ContenderName, RecordedRequest>;
}

async function main(options: BenchOptions): Promise<void> {
  if (!existsSync(path.join(options.build, "index.js"))) {
    throw new Error(`no build in ${options.build}: run npm run build first`);
  }
  const { node, v8 } = process.versions;
  const machine = { node, v8, cpu: os.cpus()[0]?.model, cores: os.cpus().length };
  console.log(
    `Node ${node}, ${machine.cores} cores. Median (min–max) of ${options.rounds} rounds of ${options.durationMs} ms in ${options.processes} processes each; compare ratios, not numbers.\n`,
  );
  const reports: CaseReport[] = [];
  for (const one of options.cases) {
    for (const report of await runCase(one, options)) {
      console.log(table(report));
      reports.push(report);
    }
  }
  const lines = reports.flatMap(verdicts);
  if (lines.length > 0) console.log(`Targets\n  ${lines.join("\n  ")}\n`);

  const folder = path.join(import.meta.dirname, "results");
  mkdirSync(folder, { recursive: true });
  const file = path.join(folder, `${options.name}.json`);
  const { rounds, processes, durationMs } = options;
  const written = { at: new Date().toISOString(), machine, rounds, processes, durationMs, reports };
  writeFileSync(file, `${JSON.stringify(written, null, 2)}\n`);
  console.log(`Written to ${path.relative(process.cwd(), file)}`);
}

async function runCase(one: Case, options: BenchOptions): Promise<CaseReport[]> {
  const samples = one.inFlight.map((): Samples => new Map());
  const bytes = new Map<ContenderName, number>();
  for (const rounds of shares(options)) {
    await inProcesses(one, options, async ({ clients, requests }) => {
      for (const [name, request] of requests) bytes.set(name, bytesOf(request));
      for (const [index, inFlight] of one.inFlight.entries()) {
        const order = { inFlight, durationMs: options.durationMs };
        await runRounds(clients, order, rounds, samples[index] ?? new Map());
      }
    });
  }
  return one.inFlight.map((inFlight, index) =>
    summarise(one.name, inFlight, samples[index] ?? new Map(), bytes),
  );
}

/** The numbers of the rounds, one list for the processes that run them. */
function shares({ rounds, processes }: BenchOptions): number[][] {
  const each = Math.ceil(rounds / processes);
  const all = Array.from({ length: rounds }, (_, round) => round);
  return Array.from({ length: Math.ceil(rounds / each) }, (_, share) =>
    all.slice(share * each, (share + 1) * each),
  );
}

/** Runs `work` with a server and the contenders of its own, and ends them. */
async function inProcesses(
  one: Case,
  options: BenchOptions,
  work: (field: Field) => Promise<void>,
): Promise<void> {
  const server = one.server === "stdio" ? undefined : await HttpServer.start(one.server);
  const field: Field = { clients: new Map(), requests: new Map() };
  try {
    await enter(field, one, server, options);
    checkAnswers(field.clients);
    for (const line of differencesFromFloor(field.requests)) console.log(`${one.name}: ${line}`);
    await work(field);
  } finally {
    await Promise.all(Array.from(field.clients.values(), (client) => client.close()));
    await server?.end();
  }
}

/** Starts the contenders one after the other, so that the server knows whose call it sees. */
async function enter(
  { clients, requests }: Field,
  one: Case,
  server: HttpServer | undefined,
  { build, against }: BenchOptions,
): Promise<void> {
  const target = targetOf(one, server);
  const start = async (name: ContenderName, folder: string): Promise<void> => {
    const [client, request] = await Promise.all([
      ClientProcess.start({ contender: name, target, build: folder }),
      one.server === "http" ? server?.record() : undefined,
    ]);
    clients.set(name, client);
    if (request !== undefined) requests.set(name, request);
  };
  for (const name of one.contenders) await start(name, build);
  if (against === undefined) return;
  for (const name of one.contenders) {
    if (name === "pool") await start("other", against);
    else if (kindOf(name) === "pool") await startIfAble(start, against);
  }
}

/** A second build may be older than the stateless era. */
async function startIfAble(
  start: (name: ContenderName, folder: string) => Promise<void>,
  against: string,
): Promise<void> {
  const name = contender("other", "stateless");
  try {
    await start(name, against);
  } catch (error) {
    console.log(`${name} does not take part: ${(error as Error).message}\n`);
  }
}

/** Every round runs each contender once, beginning with another one each time. */
async function runRounds(
  clients: ReadonlyMap<ContenderName, ClientProcess>,
  order: Order,
  rounds: readonly number[],
  samples: Samples,
): Promise<void> {
  const entries = [...clients];
  // Unmeasured, for the compiler.
  const warmUp = { ...order, durationMs: order.durationMs / 2 };
  for (const [, client] of entries) await client.measure(warmUp);
  for (const [name] of entries) if (!samples.has(name)) samples.set(name, []);
  for (const round of rounds) {
    const first = round % entries.length;
    for (const [name, client] of [...entries.slice(first), ...entries.slice(0, first)]) {
      samples.get(name)?.push(await client.measure(order));
    }
  }
}

function targetOf(one: Case, server: HttpServer | undefined): Target {
  return server === undefined
    ? { kind: "stdio", command: process.execPath, args: [STDIO_SERVER] }
    : { kind: "http", url: `${server.origin}${one.path}` };
}

/** Whoever does less work than the others does not take part. */
function checkAnswers(clients: ReadonlyMap<ContenderName, ClientProcess>): void {
  const [expected] = Array.from(clients.values(), ({ text }) => text);
  for (const [name, { text }] of clients) {
    if (text !== expected) throw new Error(`${name} got another answer: ${text}`);
  }
}

try {
  const options = readOptions(process.argv.slice(2));
  if (options === undefined) console.log(USAGE);
  else await main(options);
} catch (error) {
  console.error(error);
  process.exitCode = 1;
}
