// Many servers that are processes, started together: how long until all are up, and whether all are gone afterwards.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { Child } from "../../children.ts";
import { inTurn, summarise } from "../../study.ts";
import type { Findings, Sample, Settings, Study } from "../../study.ts";
import { aliveOf, mostBooting, readLives } from "./log.ts";
import { BOOTING, LEFT, METRICS, STARTED, verdictsOf } from "./metrics.ts";
import type { Setup } from "./spawning.child.ts";
import { STARTERS } from "./starters.ts";
import type { StarterName } from "./starters.ts";

const SERVER = fileURLToPath(new URL("../../servers/logged-stdio.mjs", import.meta.url));

/** Starting all, and ending all, longest, milliseconds. */
const LIMIT_MS = 90_000;

const FULL = { servers: 100, rounds: 5 };
const QUICK = { servers: 16, rounds: 2 };

export const SPAWNING: Study = {
  name: "spawning",
  title: "100 stdio servers started together",
  method: `100 servers (with \`--quick\` 16), each a process of its own with the raw stdio server, from nothing until all are up. Each contender runs in a fresh process, loaded before the clock starts; a round has every contender once, in changing order. The floor is a bare \`spawn\` of the same command, four at a time for each core, an \`initialize\` written at once, and the next process when the answer has come: no list of tools, no limits, no errors. The pool is \`connect()\` of a pool with default options, and the SDK one client for each server, \`connect\` and \`listTools\`, all at once; both have the tools of every server in the end. CPU is that of the contender's process, not of the servers.

Every server writes down when its process began and when it answered first, by the monotonic clock; the most that were in between at the same time are those that boot at once. It begins when Node does, a few milliseconds after the process. "Left behind" are processes of all that were started that still exist when the contender has said that all is closed.`,
  run: runSpawning,
};

async function runSpawning(settings: Settings): Promise<Findings> {
  const { contenders } = settings;
  const { servers, rounds: usual } = settings.quick ? QUICK : FULL;
  const rounds = settings.rounds ?? usual;
  const names = STARTERS.filter((name) => contenders.length === 0 || contenders.includes(name));
  const samples = new Map(names.map((name): [StarterName, Sample[]] => [name, []]));
  const notes: string[] = [];
  const folder = mkdtempSync(path.join(os.tmpdir(), "bench-spawning-"));
  const measure = (name: StarterName): Promise<Sample> =>
    startAll(name, servers, settings.build, path.join(folder, "log"));
  try {
    // Unmeasured, so that nobody is the first to read what is on the disk.
    for (const name of names.slice(0, 1)) await measure(name);
    for (let round = 0; round < rounds; round += 1) {
      for (const name of inTurn([...samples.keys()], round)) {
        try {
          samples.get(name)?.push(await measure(name));
        } catch (error) {
          samples.delete(name);
          notes.push(`${name} is left out: ${(error as Error).message}`);
        }
      }
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  const point = `${servers} servers`;
  const rows = summarise(point, samples);
  return { metrics: METRICS, rows, verdicts: verdictsOf(point, rows), notes };
}

async function startAll(
  name: StarterName,
  servers: number,
  build: string,
  log: string,
): Promise<Sample> {
  writeFileSync(log, "");
  const command = { command: process.execPath, args: [SERVER, log] };
  const setup: Setup = { name, command, build, servers };
  const child = new Child({
    name,
    file: new URL("./spawning.child.ts", import.meta.url),
    args: [JSON.stringify(setup)],
  });
  try {
    await child.next();
    const sample = (await child.ask("start", LIMIT_MS)) as Sample;
    const lives = readLives(log);
    await child.ask("close", LIMIT_MS);
    const left = aliveOf(lives);
    return {
      ...sample,
      [BOOTING]: mostBooting(lives),
      [STARTED]: lives.size,
      [LEFT]: left.length,
    };
  } finally {
    await child.end(false);
  }
}
