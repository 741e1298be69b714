// The runs of the study: a fresh process each, without any loader.

import { execFile } from "node:child_process";
import path from "node:path";
import { promisify } from "node:util";
import type { Contender } from "./contenders.ts";

export interface Run {
  readonly timeMs: number;
  readonly cpuMs: number;
  /** Of an import: the whole heap, after a collection. */
  readonly heapBytes?: number | undefined;
  /** Of a call: its answer. */
  readonly text?: string | undefined;
}

/** Each is done in a second or two. Milliseconds. */
const LIMIT_MS = 60_000;

/** For the addresses of some thousand files. */
const OUTPUT_BYTES = 2 ** 24;

const run = promisify(execFile);

export async function importOf({ modules }: Pick<Contender, "modules">): Promise<Run> {
  return (await inProcess("import.mjs", modules)) as Run;
}

/** The URLs of the files that are loaded. */
export async function loadedBy({ modules }: Contender): Promise<string[]> {
  return (await inProcess("loaded.mjs", modules)) as string[];
}

export async function firstAnswer({ name, modules }: Contender, url: string): Promise<Run> {
  // A second build is called as the first one is.
  const whose = name === "other" ? "pool" : name;
  return (await inProcess("first-answer.mjs", [whose, url, ...modules])) as Run;
}

async function inProcess(script: string, args: readonly string[]): Promise<unknown> {
  // What a developer has set for all of Node would be measured too.
  const { NODE_OPTIONS: _options, NODE_COMPILE_CACHE: _cache, ...env } = process.env;
  const file = path.join(import.meta.dirname, script);
  const limits = { timeout: LIMIT_MS, maxBuffer: OUTPUT_BYTES };
  try {
    const { stdout } = await run(process.execPath, [file, ...args], { env, ...limits });
    return JSON.parse(stdout);
  } catch (error) {
    const { stderr = "", message } = error as Error & { stderr?: string };
    const [what] = /^\w*Error\b.*$/m.exec(stderr) ?? [];
    throw new Error(what ?? message, { cause: error });
  }
}
