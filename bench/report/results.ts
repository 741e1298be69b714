// Reads what `npm run bench` has written, and takes nothing on trust: the files are committed, and edited by merges.

import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import * as v from "valibot";
import type { Written } from "../study.ts";

const SPREAD = v.object({ median: v.number(), min: v.number(), max: v.number() });
const VALUES = v.record(v.string(), SPREAD);

const WRITTEN = v.object({
  study: v.string(),
  title: v.string(),
  method: v.string(),
  at: v.pipe(v.string(), v.isoTimestamp()),
  quick: v.boolean(),
  machine: v.pipe(
    v.object({
      node: v.string(),
      v8: v.string(),
      cpu: v.optional(v.string()),
      cores: v.number(),
    }),
    v.transform(({ cpu, ...machine }) => ({ ...machine, cpu })),
  ),
  findings: v.object({
    metrics: v.array(
      v.object({
        name: v.string(),
        unit: v.string(),
        better: v.picklist(["less", "more"]),
        digits: v.number(),
      }),
    ),
    rows: v.array(
      v.object({
        point: v.string(),
        contender: v.string(),
        values: VALUES,
        ratios: v.record(v.string(), VALUES),
      }),
    ),
    verdicts: v.array(
      v.object({
        target: v.object({
          point: v.string(),
          of: v.string(),
          metric: v.string(),
          against: v.optional(v.string()),
          limit: v.picklist(["at most", "at least"]),
          value: v.number(),
        }),
        measured: SPREAD,
        isMet: v.boolean(),
        note: v.optional(v.string()),
      }),
    ),
    notes: v.array(v.string()),
  }),
});

/** In this order; studies that are not named follow, by the alphabet. */
const ORDER: readonly string[] = [
  "http-json",
  "http-sse",
  "stdio",
  "http-sdk",
  "peers",
  "payloads",
  "fleet",
  "catalogue",
  "spawning",
  "recovery",
  "importing",
  "endurance",
  "footprint",
];

/**
 * The findings of every `<study>.json` in the folder; what lies in folders of it is left alone.
 *
 * @throws {Error} if the folder is missing or without findings, or if a file is broken
 */
export function readResults(folder: string): Written[] {
  const files = filesOf(folder);
  if (files.length === 0) throw new Error(`no results in ${folder}: run npm run bench first`);
  const results = files.map((file) => readResult(path.join(folder, file)));
  return results.toSorted((a, b) => rankOf(a) - rankOf(b) || (a.study < b.study ? -1 : 1));
}

function filesOf(folder: string): string[] {
  try {
    return readdirSync(folder).filter((name) => name.endsWith(".json"));
  } catch (error) {
    throw new Error(`no folder ${folder}: run npm run bench first`, { cause: error });
  }
}

function readResult(file: string): Written {
  const parsed = v.safeParse(WRITTEN, parse(file));
  if (!parsed.success) {
    const [{ message }] = parsed.issues;
    throw new Error(`${file}: ${v.getDotPath(parsed.issues[0]) ?? ""}: ${message}`);
  }
  const { output } = parsed;
  if (path.basename(file) !== `${output.study}.json`) {
    throw new Error(`${file}: holds the findings of ${output.study}`);
  }
  return output;
}

function parse(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch (error) {
    throw new Error(`${file}: ${(error as Error).message}`, { cause: error });
  }
}

function rankOf({ study }: Written): number {
  const index = ORDER.indexOf(study);
  return index < 0 ? ORDER.length : index;
}
