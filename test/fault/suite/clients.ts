// The clients of the table, and the Node that each needs.

import { realpathSync, statSync } from "node:fs";
import path from "node:path";
import type { ClientSpec } from "./client-process.ts";
import { UsageError } from "./command-line.ts";

export interface KnownClient {
  readonly id: string;
  /** Head of its column. */
  readonly short: string;
  readonly adapter: string;
  /** The oldest Node that it runs on: major, minor. */
  readonly node: readonly [number, number];
  /** As it was given, of an adapter that is not one of ours. */
  readonly file?: string;
}

const peers = path.join(import.meta.dirname, "../../peers");

export const OURS: KnownClient = {
  id: "pool",
  short: "pool",
  adapter: path.join(import.meta.dirname, "adapters/pool.ts"),
  node: [20, 19],
};

export const PEERS: readonly KnownClient[] = [
  { id: "sdk", short: "SDK v2", adapter: path.join(peers, "sdk.mjs"), node: [20, 0] },
  {
    id: "langchain",
    short: "LangChain",
    adapter: path.join(peers, "langchain.mjs"),
    node: [20, 10],
  },
  { id: "ai-sdk", short: "AI SDK", adapter: path.join(peers, "ai-sdk.mjs"), node: [22, 0] },
  { id: "mcporter", short: "mcporter", adapter: path.join(peers, "mcporter.mjs"), node: [24, 0] },
  { id: "mastra", short: "Mastra", adapter: path.join(peers, "mastra.mjs"), node: [22, 13] },
];

/** A longer head of a column is its number instead. */
const MOST_SHORT = 10;

/**
 * Somebody else's adapters, each file once; they run on the Node that runs this. The file of a known client is that
 * client. An id is the file's name, with as much of its path as tells it from all others.
 *
 * @throws {UsageError} if there is no such file.
 */
export function clientsAt(files: readonly string[]): KnownClient[] {
  const known = [OURS, ...PEERS];
  const given = new Map<string, string>();
  for (const file of files) {
    const adapter = realPathOf(file);
    if (!given.has(adapter)) given.set(adapter, file);
  }
  const own = [...given.keys()].filter((adapter) => known.every((one) => one.adapter !== adapter));
  const taken = known.flatMap(({ id, short }) => [id, short]);
  return [...given].map(([adapter, file]): KnownClient => {
    const same = known.find((one) => one.adapter === adapter);
    if (same !== undefined) return same;
    const others = own.filter((one) => one !== adapter).flatMap(namesOf);
    const isFree = (name: string): boolean => !taken.includes(name) && !others.includes(name);
    const id = namesOf(adapter).find(isFree) ?? adapter;
    const short = id.length <= MOST_SHORT ? id : `client ${own.indexOf(adapter) + 1}`;
    return { id, short, adapter, node: [20, 0], file };
  });
}

/** From its short name to its whole path. */
function namesOf(file: string): string[] {
  const parts = file.split(path.sep);
  const longer = parts.map((_, at) => parts.slice(-1 - at).join("/"));
  return [path.basename(file, path.extname(file)), ...longer];
}

function realPathOf(file: string): string {
  const found = statSync(file, { throwIfNoEntry: false });
  if (found?.isFile() !== true) throw new UsageError(`--client ${file}: there is no such file`);
  return realpathSync(file);
}

/** Our own Node where it is new enough, else Node 24. */
export function specOf(client: KnownClient, node24: string): ClientSpec {
  return {
    id: client.id,
    adapter: client.adapter,
    node: isNewEnough(client) ? process.execPath : node24,
  };
}

export function isNewEnough({ node: [major, minor] }: KnownClient): boolean {
  const [ownMajor = 0, ownMinor = 0] = process.versions.node.split(".").map(Number);
  return ownMajor > major || (ownMajor === major && ownMinor >= minor);
}
