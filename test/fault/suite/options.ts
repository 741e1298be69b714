// The command line of `npm run faults`: what it may be, what is wrong with it, how it is explained.

import { FAULTS } from "./catalogue.ts";
import { OURS, PEERS, clientsAt } from "./clients.ts";
import type { KnownClient } from "./clients.ts";
import { UsageError, checkWritable, integerOf, readOptions } from "./command-line.ts";
import type { Fault } from "./fault.ts";

const KNOWN: readonly KnownClient[] = [OURS, ...PEERS];
const MOST_PARALLEL = 64;
const IDS = KNOWN.map(({ id }) => id).join(", ");

export const HELP = `Usage: npm run faults -- [options]

Runs each fault against each client, the client in a process of its own, and prints what came of it.

  --only <id>        this client only; again, or with commas, for more. It is one of
                     ${IDS}
  --client <file>    an adapter of your own (its interface: test/fault/suite/adapter.ts); again for
                     more. It lies where what it imports is found. Alone unless --only adds others
  --fault <id>       this fault only; again, or with commas, for more. 39 means 39a and 39b
  --list             print the faults (those of --fault), run nothing
  --verbose          print what was found wrong in each cell
  --parallel <n>     cells at a time, 1 to ${MOST_PARALLEL} (2)
  --json <file>      write all results there
  --update           rewrite the generated part of docs/RELIABILITY.md (all clients, all faults)
  --help             print this

Exit code: 0 all went well; 1 this package has a cell that is worse than its row permits, or the
suite itself failed; 2 wrong options, or nothing was run; 130 and 143 ended by Ctrl-C and SIGTERM.`;

export interface RunPlan {
  readonly kind: "run";
  readonly faults: readonly Fault[];
  readonly clients: readonly KnownClient[];
  readonly parallel: number;
  readonly verbose: boolean;
  readonly json: string | undefined;
  readonly update: boolean;
}

export type FaultOptions =
  | { readonly kind: "help" }
  | { readonly kind: "list"; readonly faults: readonly Fault[] }
  | RunPlan;

/** @throws {UsageError} */
export function parseOptions(argv: readonly string[]): FaultOptions {
  const values = readOptions(argv, {
    only: { type: "string", multiple: true },
    client: { type: "string", multiple: true },
    fault: { type: "string", multiple: true },
    list: { type: "boolean" },
    verbose: { type: "boolean" },
    parallel: { type: "string" },
    json: { type: "string" },
    update: { type: "boolean" },
    help: { type: "boolean", short: "h" },
  });
  if (values.help === true) return { kind: "help" };
  const faults = chosenFaults(values.fault);
  if (values.list === true) return { kind: "list", faults };
  const update = values.update === true;
  if (update && (values.only ?? values.client ?? values.fault) !== undefined) {
    throw new UsageError("--update is for all clients and all faults");
  }
  const clients = chosenClients(values.only, values.client);
  const parallel = integerOf("--parallel", values.parallel ?? "2", 1, MOST_PARALLEL);
  if (values.json !== undefined) checkWritable("--json", values.json);
  const { json, verbose = false } = values;
  return { kind: "run", faults, clients, parallel, verbose, json, update };
}

/** Undefined: not asked for. An option that names nothing is none that asks for everything. */
function many(option: string, values: readonly string[] | undefined): string[] | undefined {
  const ids = values?.flatMap((value) => value.split(",").map((id) => id.trim())).filter(Boolean);
  if (ids?.length === 0) throw new UsageError(`${option} needs a value`);
  return ids;
}

function chosenFaults(values: readonly string[] | undefined): readonly Fault[] {
  const wanted = many("--fault", values);
  for (const id of wanted ?? []) {
    if (FAULTS.some((fault) => matches(fault, id))) continue;
    throw new UsageError(`--fault ${id}: there is none; --list prints them`);
  }
  return FAULTS.filter((fault) => wanted?.some((id) => matches(fault, id)) ?? true);
}

/** `15` is 15a and 15b. */
function matches(fault: Fault, id: string): boolean {
  return fault.id === id || fault.id.replace(/[a-z]$/, "") === id;
}

function chosenClients(
  only: readonly string[] | undefined,
  files: readonly string[] | undefined,
): readonly KnownClient[] {
  const wanted = many("--only", only);
  for (const id of wanted ?? []) {
    if (KNOWN.some((client) => client.id === id)) continue;
    throw new UsageError(`--only ${id}: it is one of ${IDS}`);
  }
  const own = clientsAt(files ?? []);
  if (wanted === undefined) return own.length > 0 ? own : KNOWN;
  return [...new Set([...KNOWN.filter(({ id }) => wanted.includes(id)), ...own])];
}
