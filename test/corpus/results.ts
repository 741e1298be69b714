// What a run of the corpus has found: committed, and read for the page.

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import * as v from "valibot";
import type { CallOutcome } from "./client.ts";
import type { Measured } from "./measure.ts";

const FILE = path.join(import.meta.dirname, "results.json");

const CALL = v.strictObject({
  kind: v.picklist(["result", "tool error", "JSON-RPC error", "failed"]),
  text: v.optional(v.string(), ""),
});

const FINDING = v.strictObject({
  error: v.optional(v.string()),
  connectMs: v.number(),
  era: v.optional(v.string()),
  revision: v.optional(v.string()),
  serverInfo: v.optional(v.string()),
  listed: v.record(v.string(), v.union([v.number(), v.string()])),
  call: v.optional(CALL),
  quirks: v.record(v.string(), v.number()),
  warnings: v.array(v.string()),
  leftBehind: v.array(v.string()),
});

const RESULT = v.strictObject({
  name: v.string(),
  version: v.string(),
  pool: FINDING,
  sdk: FINDING,
});

const RESULTS = v.strictObject({
  at: v.pipe(v.string(), v.isoDate()),
  node: v.string(),
  platform: v.string(),
  pool: v.string(),
  sdk: v.string(),
  servers: v.array(RESULT),
});

export interface Result {
  readonly name: string;
  readonly version: string;
  readonly pool: Measured;
  readonly sdk: Measured;
}

export type Results = Omit<v.InferOutput<typeof RESULTS>, "servers"> & {
  readonly servers: readonly Result[];
};

/** @throws {Error} if they are not as a run writes them. */
export function readResults(): Results | undefined {
  if (!existsSync(FILE)) return undefined;
  return v.parse(RESULTS, JSON.parse(readFileSync(FILE, "utf8"))) as Results;
}

export function writeResults(results: Results): void {
  // A result may say anything of this machine, and that there was one is all that counts.
  const text = JSON.stringify(
    results,
    (key, value: unknown) =>
      key === "call" && (value as CallOutcome).kind === "result" ? { kind: "result" } : value,
    2,
  );
  writeFileSync(FILE, `${text}\n`);
}
