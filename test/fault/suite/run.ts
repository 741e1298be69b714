// `npm run faults`: every fault against every client, one table. `--help` says what else it can do.

import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { introduce, problemsOf, runCells } from "./cells.ts";
import type { Cell } from "./cells.ts";
import type { ClientSpec } from "./client-process.ts";
import { OURS, PEERS, isNewEnough, specOf } from "./clients.ts";
import type { KnownClient } from "./clients.ts";
import { UsageError } from "./command-line.ts";
import { DOCUMENT, updateDocument } from "./document.ts";
import { endOnSignals } from "./ending.ts";
import type { Fault } from "./fault.ts";
import { fold, inOrder, linesOf } from "./findings.ts";
import { installNode24, installPeers } from "./install.ts";
import { HELP, parseOptions } from "./options.ts";
import type { RunPlan } from "./options.ts";
import { unlessAborted } from "./parallel.ts";
import { toText } from "./table.ts";
import type { Column } from "./table.ts";

const ending = endOnSignals();

interface Prepared {
  readonly client: KnownClient;
  readonly spec: ClientSpec;
}

/** Installs what the chosen ones need, and leaves out those that cannot run here. */
async function prepare(clients: readonly KnownClient[]): Promise<Prepared[]> {
  if (clients.some((client) => PEERS.includes(client))) await installPeers(ending.signal);
  const node24 = clients.every(isNewEnough) ? undefined : await installNode24();
  const able = clients.filter((client) => isNewEnough(client) || node24 !== undefined);
  for (const { id } of clients.filter((client) => !able.includes(client))) {
    console.error(`${id} is left out: it needs a newer Node, and npm has none for this platform`);
  }
  return able.map((client) => ({ client, spec: specOf(client, node24 ?? process.execPath) }));
}

async function columnOf({ client, spec }: Prepared): Promise<Column> {
  const { id, short, file } = client;
  const info = await introduce(spec, ending.signal);
  return { ...info, id, short, node: nodeVersion(spec.node), file };
}

function nodeVersion(node: string): string {
  if (node === process.execPath) return process.versions.node;
  return execFileSync(node, ["--version"], { encoding: "utf8" }).trim().replace(/^v/, "");
}

function list(faults: readonly Fault[]): void {
  console.log("#    class  at worst   fault");
  for (const { id, class: replay, permits, title } of faults) {
    console.log(`${id.padEnd(4)} ${replay.padEnd(5)}  ${permits.padEnd(9)}  ${title}`);
  }
  console.log(`
class U: calls of tools of which nothing is known; none may run twice
class R: calls of tools that a trusted server calls read-only or idempotent; they may be repeated
at worst: the worst that mcp-client-pool allows itself`);
}

async function run({ faults, clients, parallel, verbose, json, update }: RunPlan): Promise<void> {
  const { signal } = ending;
  const prepared = await unlessAborted(prepare(clients), signal);
  if (prepared.length === 0) throw new UsageError("nothing was run: no client can run here");
  if (update && prepared.length <= PEERS.length) throw new UsageError("--update: not all can run");
  const columns: Column[] = [];
  for (const one of prepared) columns.push(await columnOf(one));
  const able = prepared.map(({ spec }, at) => ({ spec, cannot: columns[at]?.cannot ?? [] }));
  const print = inOrder((lines: string[]) => {
    if (verbose) console.error(lines.join("\n"));
  });
  const cells = await runCells(faults, able, {
    parallel,
    signal,
    onCell: (cell, fault, index) => print(linesOf(cell, fault), index),
  });
  const results = { faults, columns, cells };
  const date = new Date();
  if (json !== undefined) {
    writeFileSync(json, JSON.stringify({ date, clients: columns, faults, cells }, null, 2));
  }
  console.log(toText(results, process.stdout.isTTY && process.env["NO_COLOR"] === undefined));
  if (cells.every(({ outcome }) => outcome === undefined)) {
    throw new UsageError("nothing was run: the clients have nothing that these faults need");
  }
  if (update) {
    updateDocument(results, date);
    console.log(`${path.relative(process.cwd(), DOCUMENT)} is up to date`);
  }
  complain(faults, cells);
}

/** What this package's own promise does not allow. */
function complain(faults: readonly Fault[], cells: readonly Cell[]): void {
  for (const fault of faults) {
    const cell = cells.find(({ client, fault: id }) => client === OURS.id && id === fault.id);
    const problems = cell === undefined ? [] : problemsOf(cell, fault);
    if (problems.length === 0) continue;
    process.exitCode = 1;
    console.log(`\n${fault.id} ${fault.title}: worse than permitted`);
    for (const line of fold(problems)) console.log(line);
  }
}

async function main(): Promise<void> {
  const options = parseOptions(process.argv.slice(2));
  if (options.kind === "help") console.log(HELP);
  else if (options.kind === "list") list(options.faults);
  else await run(options);
}

try {
  await main();
} catch (error) {
  ending.fail(error);
}
