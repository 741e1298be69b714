// `npm run compatibility`: every behaviour against every client, one table. `--help` says what else it can do.

import { introduce } from "../fault/suite/cells.ts";
import type { ClientSpec } from "../fault/suite/client-process.ts";
import { OURS, specOf } from "../fault/suite/clients.ts";
import type { KnownClient } from "../fault/suite/clients.ts";
import { endOnSignals } from "../fault/suite/ending.ts";
import { inOrder } from "../fault/suite/findings.ts";
import type { Behaviour } from "./behaviour.ts";
import { runCells } from "./cells.ts";
import { HELP, parseOptions } from "./options.ts";
import type { RunPlan } from "./options.ts";
import { writeRepairs } from "./repairs.ts";
import { merge, readResults, writeResults } from "./results.ts";
import type { Column, Results } from "./results.ts";
import { toText } from "./text.ts";

const ending = endOnSignals();

async function columnOf(client: KnownClient, spec: ClientSpec): Promise<Column> {
  const { name, version } = await introduce(spec, ending.signal);
  const { id, short } = client;
  return { id, short, name, version, node: process.versions.node };
}

function list(behaviours: readonly Behaviour[]): void {
  const width = Math.max(...behaviours.map(({ id }) => id.length));
  for (const { id, title } of behaviours) console.log(`${id.padEnd(width)}  ${title}`);
}

function oldResults(): Results | undefined {
  try {
    return readResults();
  } catch {
    return undefined;
  }
}

async function run({ behaviours, clients, parallel, verbose, write }: RunPlan): Promise<void> {
  const specs = clients.map((client) => specOf(client, process.execPath));
  const columns: Column[] = [];
  for (const [at, spec] of specs.entries()) {
    const client = clients[at];
    if (client !== undefined) columns.push(await columnOf(client, spec));
  }
  const print = inOrder((line: string) => {
    if (verbose) console.error(line);
  });
  const cells = await runCells(behaviours, specs, {
    parallel,
    signal: ending.signal,
    onCell: ({ behaviour, client, outcome, what }, _behaviour, index) => {
      print(`${behaviour} × ${client}: ${outcome}${what === undefined ? "" : `: ${what}`}`, index);
    },
  });
  console.log(
    toText(columns, cells, process.stdout.isTTY && process.env["NO_COLOR"] === undefined),
  );
  if (write) {
    const date = new Date().toISOString().slice(0, 10);
    const platform = `${process.platform}-${process.arch}`;
    writeResults(merge(oldResults(), { date, platform, clients: columns, cells }));
    writeRepairs();
    console.log("\ndocs/COMPATIBILITY.md is up to date");
  }
  const isBad = cells.some(({ client, outcome }) => client === OURS.id && outcome !== "works");
  if (isBad) process.exitCode = 1;
}

async function main(): Promise<void> {
  const options = parseOptions(process.argv.slice(2));
  if (options.kind === "help") console.log(HELP);
  else if (options.kind === "list") list(options.behaviours);
  else await run(options);
}

try {
  await main();
} catch (error) {
  ending.fail(error);
}
