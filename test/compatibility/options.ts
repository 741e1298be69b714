// The command line of `npm run compatibility`.

import type { KnownClient } from "../fault/suite/clients.ts";
import { UsageError, integerOf, readOptions } from "../fault/suite/command-line.ts";
import type { Behaviour } from "./behaviour.ts";
import { BEHAVIOURS, GROUPS } from "./catalogue.ts";
import { CLIENTS } from "./clients.ts";

const MOST_PARALLEL = 64;
const CLIENT_IDS = CLIENTS.map(({ id }) => id).join(", ");
const KIND_IDS = GROUPS.map(({ kind }) => kind).join(", ");

export const HELP = `Usage: npm run compatibility -- [options]

Runs each client against each behaviour that servers were reported to have, the client in a process
of its own, and prints what came of it.

  --only <id>        this behaviour, or all of this kind, only; again, or with commas, for more
  --client <id>      this client only; again, or with commas, for more. It is one of
                     ${CLIENT_IDS}
  --list             print the behaviours (those of --only), run nothing
  --verbose          print each cell as it is done
  --parallel <n>     cells at a time, 1 to ${MOST_PARALLEL} (2)
  --write            keep the results in test/compatibility/results.json, beside those that were not
                     measured again, and rewrite the generated parts of docs/COMPATIBILITY.md
  --help             print this

Exit code: 0 this package works with all that was run; 1 it does not, or the suite itself failed;
2 wrong options; 130 and 143 ended by Ctrl-C and SIGTERM.`;

export type CompatibilityOptions =
  | { readonly kind: "help" }
  | { readonly kind: "list"; readonly behaviours: readonly Behaviour[] }
  | RunPlan;

export interface RunPlan {
  readonly kind: "run";
  readonly behaviours: readonly Behaviour[];
  readonly clients: readonly KnownClient[];
  readonly parallel: number;
  readonly verbose: boolean;
  readonly write: boolean;
}

/** @throws {UsageError} */
export function parseOptions(argv: readonly string[]): CompatibilityOptions {
  const values = readOptions(argv, {
    only: { type: "string", multiple: true },
    client: { type: "string", multiple: true },
    list: { type: "boolean" },
    verbose: { type: "boolean" },
    parallel: { type: "string" },
    write: { type: "boolean" },
    help: { type: "boolean", short: "h" },
  });
  if (values.help === true) return { kind: "help" };
  const behaviours = chosenBehaviours(values.only);
  if (values.list === true) return { kind: "list", behaviours };
  const parallel = integerOf("--parallel", values.parallel ?? "2", 1, MOST_PARALLEL);
  const { verbose = false, write = false } = values;
  return {
    kind: "run",
    behaviours,
    clients: chosenClients(values.client),
    parallel,
    verbose,
    write,
  };
}

function chosenBehaviours(values: readonly string[] | undefined): readonly Behaviour[] {
  const wanted = idsOf(values);
  if (wanted === undefined) return BEHAVIOURS;
  const chosen = new Set<Behaviour>();
  for (const id of wanted) {
    const group = GROUPS.find(({ kind }) => kind === id);
    const found = group?.behaviours ?? BEHAVIOURS.filter((one) => one.id === id);
    if (found.length === 0) {
      throw new UsageError(
        `--only ${id}: there is none; --list prints them, kinds are ${KIND_IDS}`,
      );
    }
    for (const one of found) chosen.add(one);
  }
  return BEHAVIOURS.filter((one) => chosen.has(one));
}

function chosenClients(values: readonly string[] | undefined): readonly KnownClient[] {
  const wanted = idsOf(values);
  for (const id of wanted ?? []) {
    if (CLIENTS.some((client) => client.id === id)) continue;
    throw new UsageError(`--client ${id}: it is one of ${CLIENT_IDS}`);
  }
  return CLIENTS.filter(({ id }) => wanted?.includes(id) ?? true);
}

/** Undefined: not asked for. */
function idsOf(values: readonly string[] | undefined): string[] | undefined {
  return values?.flatMap((value) => value.split(",").map((id) => id.trim())).filter(Boolean);
}
