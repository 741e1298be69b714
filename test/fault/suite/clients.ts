// The clients of the table, and the Node that each needs.

import { existsSync } from "node:fs";
import path from "node:path";
import type { ClientSpec } from "./client-process.ts";

export interface KnownClient {
  readonly id: string;
  readonly adapter: string;
  /** The oldest Node that it runs on: major, minor. */
  readonly node: readonly [number, number];
}

const peers = path.join(import.meta.dirname, "../../peers");

export const OURS: KnownClient = {
  id: "pool",
  adapter: path.join(import.meta.dirname, "adapters/pool.ts"),
  node: [20, 19],
};

export const PEERS: readonly KnownClient[] = [
  { id: "sdk", adapter: path.join(peers, "sdk.mjs"), node: [20, 0] },
  { id: "langchain", adapter: path.join(peers, "langchain.mjs"), node: [20, 10] },
  { id: "ai-sdk", adapter: path.join(peers, "ai-sdk.mjs"), node: [22, 0] },
  { id: "mcporter", adapter: path.join(peers, "mcporter.mjs"), node: [24, 0] },
  { id: "mastra", adapter: path.join(peers, "mastra.mjs"), node: [22, 13] },
];

/** Somebody else's adapter; it runs on the Node that runs this. */
export function clientAt(file: string): KnownClient {
  const adapter = path.resolve(file);
  if (!existsSync(adapter)) throw new Error(`--client ${file}: there is no such file`);
  return { id: path.basename(file).replace(/\.[^.]*$/, ""), adapter, node: [20, 0] };
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
