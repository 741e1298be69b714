// What it costs to import the package: time, memory and files, beside undici and other clients.

import { inTurn, judge, spread, summarise } from "../../study.ts";
import type { Findings, Metric, Row, Sample, Settings, Study, Target } from "../../study.ts";
import { HttpServer } from "../calls/processes.ts";
import { contendersOf, isMeasured } from "./contenders.ts";
import type { Contender } from "./contenders.ts";
import { firstAnswer, importOf, loadedBy } from "./runs.ts";
import type { Run } from "./runs.ts";

const TIME = "time";
const MORE = "more than undici";
const CPU = "CPU";
const HEAP = "heap";
const FILES = "files";
const UNNEEDED = "unneeded packages";

const METRICS: readonly Metric[] = [
  { name: TIME, unit: "ms", better: "less", digits: 0 },
  { name: MORE, unit: "ms", better: "less", digits: 0 },
  { name: CPU, unit: "ms", better: "less", digits: 0 },
  { name: HEAP, unit: "MiB", better: "less", digits: 2 },
  { name: FILES, unit: "", better: "less", digits: 0 },
  { name: UNNEEDED, unit: "", better: "less", digits: 0 },
];

const IMPORT = "import";
const FIRST_ANSWER = "import, and the first answer over HTTP";

const TARGETS: readonly Target[] = [
  { point: IMPORT, of: "pool", metric: MORE, limit: "at most", value: 25 },
  { point: IMPORT, of: "pool", metric: UNNEEDED, limit: "at most", value: 0 },
];

/** What the pool may need later and must not load before. */
const LATER = /^(@modelcontextprotocol\/.+|@opentelemetry\/.+|ajv|ajv-formats)$/;

const ROUNDS = { full: 21, quick: 2 };

/** Of files, in the note of one contender. */
const PACKAGES_SHOWN = 14;

export const IMPORTING: Study = {
  name: "importing",
  title: "Importing: time, memory, files",
  method: `Each \`import()\` happens in a fresh process, which takes the time and the CPU around it (\`performance.now\`, \`process.cpuUsage\`), and then its heap after a collection, less that of a process that imports nothing. No loader, no compile cache; the files are in the system's cache. A round runs every contender once, in changing order. The floor is \`import "undici"\`, by which the pool speaks HTTP; *${MORE}* is the time less the floor's in the same round. The SDKs, and the AI SDK's client, are imported with their HTTP and stdio transports; LangChain's adapters load theirs by themselves. Files are counted in a process apart: ES modules by a load hook, CommonJS modules in Node's own table. *${UNNEEDED}* are the official SDK, OpenTelemetry and ajv: nothing of them is to be loaded before it is needed.

What is loaded only with the first connection is paid for in the second part: from nothing to the first answer of a tool over HTTP, handshake included. There the floor imports undici and sends that one request.`,
  run: measure,
};

async function measure(settings: Settings): Promise<Findings> {
  const notes: string[] = [];
  const able = await withoutBroken(await contendersOf(settings, notes), notes);
  const loaded = new Map<string, string[]>();
  for (const one of able) loaded.set(one.name, (await loadedBy(one)).filter(isMeasured));
  const { heapBytes: emptyBytes } = await importOf({ modules: [] });
  const imports = await inRounds(able, settings, (one) => importOf(one));
  const rows = summarise(IMPORT, samplesOf(imports, emptyBytes)).map((row) =>
    withFiles(row, loaded.get(row.contender)),
  );
  const answers = await firstAnswers(able, settings);
  rows.push(...summarise(FIRST_ANSWER, samplesOf(answers, 0)));
  notes.push(...Array.from(loaded, ([name, files]) => packagesNote(name, files)));
  return { metrics: METRICS, rows, verdicts: judge(TARGETS, rows), notes };
}

/** One run each, which brings the files into the system's cache too. */
async function withoutBroken(
  contenders: readonly Contender[],
  notes: string[],
): Promise<Contender[]> {
  const able: Contender[] = [];
  for (const one of contenders) {
    try {
      await importOf(one);
      able.push(one);
    } catch (error) {
      if (one.name === "pool") throw error;
      notes.push(`${one.name} cannot be imported: ${(error as Error).message}`);
    }
  }
  return able;
}

async function firstAnswers(
  contenders: readonly Contender[],
  settings: Settings,
): Promise<Map<string, Run[]>> {
  const callers = contenders.filter(({ canCall }) => canCall);
  const server = await HttpServer.start("http");
  try {
    const url = `${server.origin}/json`;
    const texts = new Set<string | undefined>();
    for (const one of callers) texts.add((await firstAnswer(one, url)).text);
    if (texts.size > 1) throw new Error(`different answers: ${[...texts].join("; ")}`);
    return await inRounds(callers, settings, (one) => firstAnswer(one, url));
  } finally {
    await server.end();
  }
}

/** By contender, one per round; each round begins with another one. */
async function inRounds(
  contenders: readonly Contender[],
  { quick, rounds = quick ? ROUNDS.quick : ROUNDS.full }: Settings,
  run: (contender: Contender) => Promise<Run>,
): Promise<Map<string, Run[]>> {
  const runs = new Map(contenders.map(({ name }): [string, Run[]] => [name, []]));
  for (let round = 0; round < rounds; round++) {
    for (const one of inTurn(contenders, round)) {
      runs.get(one.name)?.push(await run(one));
    }
  }
  return runs;
}

function samplesOf(
  runs: ReadonlyMap<string, readonly Run[]>,
  emptyBytes = 0,
): Map<string, Sample[]> {
  const floor = runs.get("floor");
  const toSample = (name: string, { timeMs, cpuMs, heapBytes }: Run, round: number): Sample => {
    const floorMs = name === "floor" ? undefined : floor?.[round]?.timeMs;
    return {
      [TIME]: timeMs,
      [CPU]: cpuMs,
      ...(floorMs === undefined ? {} : { [MORE]: timeMs - floorMs }),
      ...(heapBytes === undefined ? {} : { [HEAP]: (heapBytes - emptyBytes) / 2 ** 20 }),
    };
  };
  return new Map(
    Array.from(runs, ([name, own]) => [name, own.map((one, round) => toSample(name, one, round))]),
  );
}

function withFiles(row: Row, files: readonly string[] = []): Row {
  const unneeded = [...countsOf(files).keys()].filter((name) => LATER.test(name)).length;
  const values = {
    ...row.values,
    [FILES]: spread([files.length]),
    // What the pool loads late is what others are made of.
    ...(row.contender === "pool" ? { [UNNEEDED]: spread([unneeded]) } : {}),
  };
  return { ...row, values };
}

function packagesNote(contender: string, files: readonly string[]): string {
  const counts = [...countsOf(files)].toSorted(([, a], [, b]) => b - a);
  const shown = counts.slice(0, PACKAGES_SHOWN).map(([name, count]) => `${name} ${count}`);
  const more = counts.length - shown.length;
  return `Files of ${contender}: ${shown.join(", ")}${more > 0 ? `, and ${more} more` : ""}.`;
}

/** How many files of each package; the build that is measured lies in none. */
function countsOf(files: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const file of files) {
    const [, inside] = /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(file) ?? [];
    const name = inside ?? "its own";
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return counts;
}
