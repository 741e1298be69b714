// `npm run corpus`: real servers from npm, each with the pool and with the official client. `--help` says more.

import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import path from "node:path";
import { UsageError } from "../fault/suite/command-line.ts";
import { messageOf } from "./client.ts";
import { updateDocument } from "./document.ts";
import { install } from "./install.ts";
import { measure } from "./measure.ts";
import type { Measured } from "./measure.ts";
import { HELP, parseOptions } from "./options.ts";
import type { Plan } from "./options.ts";
import { readResults, writeResults } from "./results.ts";
import type { Result, Results } from "./results.ts";
import { readServers } from "./servers.ts";
import type { CorpusServer } from "./servers.ts";
import { lineOf, problemsOf } from "./verdict.ts";

/** Servers at a time: each is two or three processes, and some need a core to start. */
const PARALLEL = 2;

const ending = new AbortController();

async function resultOf(server: CorpusServer, pool: string): Promise<Result> {
  const { name, version } = server;
  try {
    const program = await install(server, ending.signal);
    const one = async (client: "pool" | "sdk"): Promise<Measured> =>
      await measure(client, server, program, pool, ending.signal);
    return { name, version, pool: await one("pool"), sdk: await one("sdk") };
  } catch (error) {
    const failed = { error: messageOf(error), connectMs: 0, listed: {}, quirks: {}, warnings: [] };
    return {
      name,
      version,
      pool: { ...failed, leftBehind: [] },
      sdk: { ...failed, leftBehind: [] },
    };
  }
}

async function runAll({ servers, pool }: Plan): Promise<Result[]> {
  const waiting = [...servers];
  const results: Result[] = [];
  const work = async (): Promise<void> => {
    for (let server = waiting.shift(); server !== undefined; server = waiting.shift()) {
      const result = await resultOf(server, pool);
      ending.signal.throwIfAborted();
      results.push(result);
      console.log(lineOf(server, result));
      for (const problem of problemsOf(server, result)) {
        console.log(`  ${problem}`);
        process.exitCode = 1;
      }
    }
  };
  // All of them are waited for: what they started is ended in their places.
  const done = await Promise.allSettled(Array.from({ length: PARALLEL }, work));
  for (const one of done) if (one.status === "rejected") throw one.reason;
  return results;
}

/** Those of this run; of servers that were not in it, what an earlier run has found. */
function merge(results: readonly Result[]): Results {
  const earlier = readResults()?.servers ?? [];
  const { version } = readManifest(path.join(import.meta.dirname, "../../package.json"));
  const sdk = createRequire(import.meta.url).resolve("@modelcontextprotocol/client");
  return {
    at: new Date().toISOString().slice(0, 10),
    node: process.versions.node,
    platform: `${process.platform}-${process.arch}`,
    pool: version,
    sdk: readManifest(path.join(sdk, "../../package.json")).version,
    servers: readServers().flatMap((server) => {
      const ofServer = ({ name }: Result): boolean => name === server.name;
      return results.find(ofServer) ?? earlier.find(ofServer) ?? [];
    }),
  };
}

function readManifest(file: string): { version: string } {
  return JSON.parse(readFileSync(file, "utf8")) as { version: string };
}

async function main(): Promise<void> {
  const plan = parseOptions(process.argv.slice(2));
  switch (plan.kind) {
    case "help":
      console.log(HELP);
      return;
    case "list":
      for (const { name, package: of, version } of plan.servers) {
        console.log(`${name.padEnd(28)} ${of} ${version}`);
      }
      return;
    case "page":
      return await writePage();
    case "run": {
      const results = await runAll(plan);
      if (!plan.write) return;
      writeResults(merge(results));
      await writePage();
    }
  }
}

async function writePage(): Promise<void> {
  const results = readResults();
  if (results === undefined)
    throw new UsageError("there are no results: npm run corpus -- --write");
  await updateDocument(readServers(), results);
}

const EXIT_CODES = { SIGINT: 130, SIGTERM: 143 } as const;
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  // `on`, not `once`: a second Ctrl-C must not end us halfway through ending the others.
  process.on(signal, () => {
    process.exitCode = EXIT_CODES[signal];
    ending.abort(new Error(`${signal}: ended, with all that was started`));
  });
}

try {
  await main();
} catch (error) {
  if (ending.signal.aborted) console.error((ending.signal.reason as Error).message);
  else {
    console.error(error instanceof UsageError ? `${error.message} (see --help)` : error);
    process.exitCode = error instanceof UsageError ? 2 : 1;
  }
}
