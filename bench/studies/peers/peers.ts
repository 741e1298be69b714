// Calls of one small tool by what people use today, beside the pool, in interleaved rounds.

import { inTurn, summarise } from "../../study.ts";
import type { Findings, Row, Sample, Settings, Study } from "../../study.ts";
import type { Order } from "../calls/calls.child.ts";
import { CASES, pointOf } from "../calls/cases.ts";
import type { Case } from "../calls/cases.ts";
import { effortOf, shares } from "../calls/effort.ts";
import type { Effort } from "../calls/effort.ts";
import { HttpServer, targetOf } from "../calls/processes.ts";
import { METRICS } from "../calls/targets.ts";
import { enlist } from "./entrants.ts";
import type { Entrant } from "./entrants.ts";
import { Participant } from "./participant.ts";

const FULL: Effort = { rounds: 6, processes: 2, durationMs: 250 };
const QUICK: Effort = { rounds: 2, processes: 1, durationMs: 200 };
/** Unmeasured, of each process, for the compiler: the more in flight, the more it sees. */
const WARM_UP: Order = { inFlight: 32, durationMs: 400 };

/** Of the cases of the study of calls, how many are in flight. */
const IN_FLIGHT: Readonly<Record<string, readonly number[]>> = {
  "http-json": [1, 32],
  "http-sse": [32],
  stdio: [32],
};
const QUICK_IN_FLIGHT: typeof IN_FLIGHT = { "http-json": [32] };

export const PEERS: Study = {
  name: "peers",
  title: "callTool by other clients, beside the pool",
  method: `One tool with an answer of 225 characters, called again and again with that many calls in flight, by each client as its documentation shows it; the same servers and processes as where the pool is measured beside its floor. A client that does not run on the Node of the benchmark runs on Node 24, and the pool is measured there too: compare \`mcporter (Node 24)\` with \`pool (Node 24)\`. The pool and the official clients speak the session era; the others what they negotiate. Every call has a timeout; where a client takes a signal, each call has one of its own. There is no floor here: what counts is the ratio to the pool.`,
  run: runPeers,
};

/** By the name of the entrant, one per round. */
type SampleLists = ReadonlyMap<string, Sample[]>;

interface Running {
  readonly settings: Settings;
  readonly effort: Effort;
  readonly entrants: readonly Entrant[];
  readonly note: (line: string) => void;
  /** What each says that it speaks, by its name. */
  readonly revisions: Map<string, string>;
}

async function runPeers(settings: Settings): Promise<Findings> {
  const notes = new Set<string>();
  const note = (line: string): void => void notes.add(line);
  const entrants = await enlist(settings, note);
  const effort = effortOf(settings, FULL, QUICK);
  const running: Running = { settings, effort, entrants, note, revisions: new Map() };
  const rows: Row[] = [];
  for (const one of entrants.length > 0 ? CASES : []) rows.push(...(await runCase(one, running)));
  const spoken = Array.from(running.revisions, ([name, revision]) => `${name} ${revision}`);
  if (spoken.length > 0) note(`Revisions spoken over HTTP: ${spoken.join(", ")}.`);
  return { metrics: METRICS, rows, verdicts: [], notes: [...notes] };
}

async function runCase(one: Case, running: Running): Promise<Row[]> {
  const { settings, effort, entrants } = running;
  const { rounds, durationMs } = effort;
  const points = ((settings.quick ? QUICK_IN_FLIGHT : IN_FLIGHT)[one.name] ?? []).map(
    (inFlight) => ({
      order: { inFlight, durationMs },
      lists: new Map(entrants.map(({ name }): [string, Sample[]] => [name, []])),
    }),
  );
  for (const share of points.length > 0 ? shares(effort) : []) {
    await inProcesses(one, running, async (field) => {
      for (const client of field) await client.measure(WARM_UP);
      for (const { order, lists } of points) await runRounds(field, order, share, lists);
    });
  }
  return points.flatMap(({ order, lists }) => {
    // A ratio needs every round of both.
    const whole = [...lists].filter(([, own]) => own.length === rounds);
    return summarise(`${one.name}, ${pointOf(order.inFlight)}`, new Map(whole));
  });
}

/** Runs `work` with a server and those who connect to it and answer as the first one does; ends them all. */
async function inProcesses(
  one: Case,
  { settings: { build }, entrants, note, revisions }: Running,
  work: (field: readonly Participant[]) => Promise<void>,
): Promise<void> {
  const noteHere = (line: string): void => note(`${one.name}: ${line}`);
  const server = one.server === "stdio" ? undefined : await HttpServer.start(one.server);
  const target = targetOf(one, server);
  const starting = entrants.map((entrant) => Participant.start(entrant, target, build, noteHere));
  const started = (await Promise.all(starting)).filter((client) => client !== undefined);
  try {
    const field = started.filter(({ text }) => text === started[0]?.text);
    for (const client of started) {
      if (!field.includes(client)) noteHere(`${client.name} got another answer.`);
    }
    if (server !== undefined) {
      for (const client of field) await client.showTo(server);
    }
    for (const { name, revision } of field) {
      if (revision !== undefined) revisions.set(name, revision);
    }
    await work(field);
  } finally {
    await Promise.all(started.map((client) => client.close()));
    await server?.end();
  }
}

/** Every round measures each once that has not failed, beginning with another one each time. */
async function runRounds(
  field: readonly Participant[],
  order: Order,
  rounds: readonly number[],
  lists: SampleLists,
): Promise<void> {
  for (const round of rounds) {
    for (const client of inTurn(field, round)) {
      const sample = await client.measure(order);
      if (sample !== undefined) lists.get(client.name)?.push(sample);
    }
  }
}
