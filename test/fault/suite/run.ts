// `npm run faults`: every fault against every client, one table. `--help` says what else it can do.

import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { parseArgs } from "node:util";
import { FAULTS } from "./catalogue.ts";
import { introduce, problemsOf, runCells } from "./cells.ts";
import type { Cell } from "./cells.ts";
import type { ClientSpec } from "./client-process.ts";
import { OURS, PEERS, clientAt, isNewEnough, specOf } from "./clients.ts";
import type { KnownClient } from "./clients.ts";
import { DOCUMENT, updateDocument } from "./document.ts";
import type { Fault } from "./fault.ts";
import { installNode24, installPeers } from "./install.ts";
import { NOTES, toText } from "./table.ts";
import type { Column } from "./table.ts";

const HELP = `Usage: npm run faults -- [options]

Runs each fault against each client, the client in a process of its own, and prints what came of it.

  --only <id>        this client only; again, or with commas, for more: ${[OURS, ...PEERS].map(({ id }) => id).join(", ")}
  --client <file>    an adapter of your own (its interface: test/fault/suite/adapter.ts); again for more
  --fault <id>       this fault only; again, or with commas, for more
  --list             print the faults, run nothing
  --verbose          print what was found wrong in each cell
  --parallel <n>     cells at a time (2)
  --json <file>      write all results there
  --update           rewrite the generated part of docs/RELIABILITY.md (all clients, all faults)
  --help

The exit code is 1 if this package has a cell that is worse than its row permits.`;

const { values: args } = parseArgs({
  options: {
    only: { type: "string", multiple: true },
    client: { type: "string", multiple: true },
    fault: { type: "string", multiple: true },
    list: { type: "boolean" },
    verbose: { type: "boolean" },
    parallel: { type: "string" },
    json: { type: "string" },
    update: { type: "boolean" },
    help: { type: "boolean" },
  },
});

function many(values: readonly string[] | undefined): string[] {
  return (values ?? []).flatMap((value) => value.split(",")).filter(Boolean);
}

function chosenFaults(): readonly Fault[] {
  const wanted = many(args.fault);
  for (const id of wanted) {
    if (!FAULTS.some((fault) => matches(fault, id))) {
      throw new Error(`--fault ${id}: there is none; see --list`);
    }
  }
  return FAULTS.filter((fault) => wanted.length === 0 || wanted.some((id) => matches(fault, id)));
}

/** `15` is 15a and 15b. */
function matches(fault: Fault, id: string): boolean {
  return fault.id === id || fault.id.replace(/[a-z]$/, "") === id;
}

function chosenClients(): readonly KnownClient[] {
  const known = [OURS, ...PEERS];
  const own = (args.client ?? []).map(clientAt);
  const wanted = many(args.only);
  for (const id of wanted) {
    if (!known.some((client) => client.id === id)) {
      throw new Error(`--only ${id}: it is one of ${known.map((client) => client.id).join(", ")}`);
    }
  }
  if (own.length > 0 && wanted.length === 0) return own;
  return [...known.filter(({ id }) => wanted.length === 0 || wanted.includes(id)), ...own];
}

/** Installs what the chosen ones need, and leaves out those that cannot run here. */
async function prepare(clients: readonly KnownClient[]): Promise<ClientSpec[]> {
  if (clients.some((client) => PEERS.includes(client))) await installPeers();
  const node24 = clients.every(isNewEnough) ? undefined : await installNode24();
  const able = clients.filter((client) => isNewEnough(client) || node24 !== undefined);
  for (const { id } of clients.filter((client) => !able.includes(client))) {
    console.error(`${id} is left out: it needs a newer Node, and npm has none for this platform`);
  }
  return able.map((client) => specOf(client, node24 ?? process.execPath));
}

function nodeVersion(node: string): string {
  if (node === process.execPath) return process.versions.node;
  return execFileSync(node, ["--version"], { encoding: "utf8" }).trim().replace(/^v/, "");
}

function print(cell: Cell, fault: Fault): void {
  if (args.verbose !== true) return;
  const memory = cell.memoryMb === undefined ? "" : `, ${cell.memoryMb} MB`;
  console.error(
    `${fault.id} × ${cell.client}: ${cell.outcome ?? "–"} (${cell.seconds} s${memory})`,
  );
  for (const { outcome, what, says } of cell.findings) {
    console.error(`    ${outcome}: ${what}${says === undefined ? "" : ` [says: ${says}]`}`);
  }
}

async function main(): Promise<void> {
  if (args.help === true) return console.log(HELP);
  if (args.list === true) {
    for (const { id, title, class: replay } of FAULTS) {
      console.log(`${id.padEnd(4)} ${replay}  ${title}`);
    }
    return;
  }
  if (args.update === true && (args.only ?? args.client ?? args.fault) !== undefined) {
    throw new Error("--update is for all clients and all faults");
  }
  const faults = chosenFaults();
  const specs = await prepare(chosenClients());
  if (args.update === true && specs.length <= PEERS.length)
    throw new Error("--update: not all run");
  const columns: Column[] = [];
  for (const spec of specs) {
    columns.push({ ...(await introduce(spec)), id: spec.id, node: nodeVersion(spec.node) });
  }
  const clients = specs.map((spec, at) => ({ spec, cannot: columns[at]?.cannot ?? [] }));
  const cells = await runCells(faults, clients, {
    parallel: Number(args.parallel ?? 2),
    onCell: print,
  });

  const results = { faults, columns, cells };
  const date = new Date();
  console.log(toText(results, process.stdout.isTTY && process.env["NO_COLOR"] === undefined));
  console.log(`\n${NOTES.join("\n")}`);
  if (args.json !== undefined) {
    writeFileSync(args.json, JSON.stringify({ date, clients: columns, faults, cells }, null, 2));
  }
  if (args.update === true) {
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
    for (const problem of problems) console.log(`    ${problem}`);
  }
}

try {
  await main();
} catch (error) {
  // What the caller gave wrongly needs no stack; a fault of the suite itself does.
  const isOurs = error instanceof Error && error.cause === undefined;
  console.error(isOurs ? error.message : error);
  process.exitCode = 1;
}
