// `npm run bench`: the pool beside the floor and the official clients, in interleaved rounds. See `--help`.

import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import type { Sample } from "./client.ts";
import type { Target } from "./contenders/contender.ts";
import { CONTENDERS } from "./contenders/index.ts";
import type { ContenderName } from "./contenders/index.ts";
import { CASES, readOptions, USAGE } from "./options.ts";
import type { BenchOptions } from "./options.ts";
import { ClientProcess, startHttpServer, STDIO_SERVER } from "./processes.ts";
import { summarise, table } from "./report.ts";
import type { CaseReport } from "./report.ts";
import { verdicts } from "./targets.ts";

async function main(options: BenchOptions): Promise<void> {
  if (!existsSync(path.join(options.build, "index.js"))) {
    throw new Error(`no build in ${options.build}: run npm run build first`);
  }
  const { node, v8 } = process.versions;
  const machine = { node, v8, cpu: os.cpus()[0]?.model, cores: os.cpus().length };
  console.log(
    `Node ${node}, ${machine.cores} cores. Median (min–max) of ${options.rounds} rounds of ${options.durationMs} ms; compare ratios, not numbers.\n`,
  );
  const reports: CaseReport[] = [];
  for (const name of options.cases) {
    for (const report of await runCase(name, options)) {
      console.log(table(report));
      reports.push(report);
    }
  }
  const lines = reports.flatMap(verdicts);
  if (lines.length > 0) console.log(`Targets\n  ${lines.join("\n  ")}\n`);

  const folder = path.join(import.meta.dirname, "results");
  mkdirSync(folder, { recursive: true });
  const file = path.join(folder, `${options.name}.json`);
  const { rounds, durationMs } = options;
  const written = { at: new Date().toISOString(), machine, rounds, durationMs, reports };
  writeFileSync(file, `${JSON.stringify(written, null, 2)}\n`);
  console.log(`Written to ${path.relative(process.cwd(), file)}`);
}

async function runCase(name: string, options: BenchOptions): Promise<CaseReport[]> {
  const http = name === "stdio" ? undefined : await startHttpServer();
  const clients = new Map<ContenderName, ClientProcess>();
  try {
    const target = targetOf(name, http);
    const names: ContenderName[] = [...CONTENDERS];
    if (options.against !== undefined) names.push("other");
    for (const contender of names) {
      const build = contender === "other" ? (options.against ?? "") : options.build;
      clients.set(contender, await ClientProcess.start({ contender, target, build }));
    }
    checkAnswers(clients);
    const reports: CaseReport[] = [];
    for (const inFlight of CASES[name] ?? []) {
      reports.push(summarise(name, inFlight, await runRounds(clients, inFlight, options)));
    }
    return reports;
  } finally {
    await Promise.all(Array.from(clients.values(), (client) => client.close()));
    await http?.child.end(false);
  }
}

/** Every round runs each contender once, beginning with another one each time. */
async function runRounds(
  clients: ReadonlyMap<ContenderName, ClientProcess>,
  inFlight: number,
  { rounds, durationMs }: BenchOptions,
): Promise<Map<ContenderName, Sample[]>> {
  const entries = [...clients];
  const samples = new Map(entries.map(([name]): [ContenderName, Sample[]] => [name, []]));
  // Unmeasured, for the compiler.
  for (const [, client] of entries) await client.measure({ inFlight, durationMs: durationMs / 2 });
  for (let round = 0; round < rounds; round++) {
    const first = round % entries.length;
    for (const [name, client] of [...entries.slice(first), ...entries.slice(0, first)]) {
      samples.get(name)?.push(await client.measure({ inFlight, durationMs }));
    }
  }
  return samples;
}

function targetOf(name: string, http: { origin: string } | undefined): Target {
  if (http === undefined) return { kind: "stdio", command: process.execPath, args: [STDIO_SERVER] };
  return { kind: "http", url: `${http.origin}/${name === "http-sse" ? "sse" : "json"}` };
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
