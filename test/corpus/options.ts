// The command line of `npm run corpus`.

import { existsSync } from "node:fs";
import path from "node:path";
import { UsageError, readOptions } from "../fault/suite/command-line.ts";
import { readServers } from "./servers.ts";
import type { CorpusServer } from "./servers.ts";

const root = path.join(import.meta.dirname, "../..");

export const HELP = `Usage: npm run corpus -- [options]

Installs real servers from npm under the system's temporary folder, and has the pool connect to each, list what it
has and make one harmless call; the official SDK's client connects and lists too. Needs npm's registry on first use.

  --only <name>      this server only; again, or with commas, for more
  --list             print the servers, run nothing
  --against dist     the built package instead of the sources (npm run build first)
  --write            keep the results in test/corpus/results.json and rewrite the table in docs/SERVERS.md; with
                     --only, those of the other servers stay
  --page             rewrite that table from the results as they are, run nothing
  --help             print this

Exit code: 0 the pool works with every server that the official client works with, and nothing was left behind;
1 it does not; 2 wrong options.`;

export interface Plan {
  readonly kind: "run" | "list" | "page" | "help";
  readonly servers: readonly CorpusServer[];
  /** The pool's module. */
  readonly pool: string;
  readonly write: boolean;
}

/** @throws {UsageError} */
export function parseOptions(argv: readonly string[]): Plan {
  const values = readOptions(argv, {
    only: { type: "string", multiple: true },
    against: { type: "string" },
    list: { type: "boolean" },
    write: { type: "boolean" },
    page: { type: "boolean" },
    help: { type: "boolean", short: "h" },
  });
  const kind = (["help", "list", "page"] as const).find((name) => values[name] === true) ?? "run";
  const pool = moduleOf(values.against);
  return { kind, servers: chosen(values.only), pool, write: values.write === true };
}

function moduleOf(against: string | undefined): string {
  if (against === undefined) return path.join(root, "src/index.ts");
  if (against !== "dist") throw new UsageError(`--against ${against}: it is dist`);
  const file = path.join(root, "dist/index.js");
  if (!existsSync(file)) throw new UsageError("--against dist: there is none; npm run build first");
  return file;
}

function chosen(only: readonly string[] | undefined): readonly CorpusServer[] {
  const servers = readServers();
  if (only === undefined) return servers;
  const names = only.flatMap((value) => value.split(",")).map((name) => name.trim());
  for (const name of names) {
    if (servers.some((server) => server.name === name)) continue;
    throw new UsageError(`--only ${name}: there is none; --list prints them`);
  }
  return servers.filter(({ name }) => names.includes(name));
}
