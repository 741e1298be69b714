// Calls of one small tool: the pool beside the floor and the official clients, in interleaved rounds.

import { contender, kindOf } from "../../contenders/index.ts";
import type { ContenderName } from "../../contenders/index.ts";
import { inTurn, spread, summarise } from "../../study.ts";
import type { Findings, Row, Sample, Settings, Study } from "../../study.ts";
import type { Order } from "./calls.child.ts";
import { CASES, pointOf } from "./cases.ts";
import type { Case } from "./cases.ts";
import { effortOf, shares } from "./effort.ts";
import type { Effort } from "./effort.ts";
import { ClientProcess, HttpServer, targetOf } from "./processes.ts";
import type { RecordedRequest } from "./processes.ts";
import { BYTES, METRICS, verdictsOf } from "./targets.ts";
import { bytesOf, differencesFromFloor } from "./wire.ts";

const FULL: Effort = { rounds: 6, processes: 2, durationMs: 600 };
const QUICK: Effort = { rounds: 3, processes: 1, durationMs: 200 };
/** Unmeasured, of each process before its first measurement, milliseconds: the more code there is, the later it is compiled. */
const WARM_UP_MS = 500;

export const CALL_STUDIES: readonly Study[] = CASES.map((one) => ({
  name: one.name,
  title: one.title,
  method: methodOf(one),
  run: (settings) => runCase(one, settings),
}));

function methodOf({ server }: Case): string {
  const floor =
    server === "stdio"
      ? "a bare pipe: lines cut at LF, `JSON.stringify`, `JSON.parse`, answers matched by id"
      : "undici's bare `dispatch` with `JSON.stringify` and `JSON.parse` (for streams, eventsource-parser)";
  const check =
    server === "http"
      ? " The server compares the floor's request with the pool's, header for header and byte for byte."
      : "";
  return `One tool with an answer of 225 characters, called again and again with that many calls in flight. Each contender is a process, the server another one; a round measures every contender once, in changing order, after a warm-up. The floor is ${floor}, and nothing else.${check} CPU is that of the client's process (\`process.cpuUsage\`), user and system, with the garbage collector's threads.`;
}

/** By contender, one per round. */
type SampleLists = Map<ContenderName, Sample[]>;

/** Everybody who takes part in a case, connected, and the first call of each as the server saw it. */
interface Field {
  readonly clients: Map<ContenderName, ClientProcess>;
  readonly requests: Map<ContenderName, RecordedRequest>;
}

async function runCase(one: Case, settings: Settings): Promise<Findings> {
  const effort = effortOf(settings, FULL, QUICK);
  const counts = settings.quick ? one.quick : one.inFlight;
  const samples = counts.map((): SampleLists => new Map());
  const bytes = new Map<ContenderName, number>();
  for (const share of shares(effort)) {
    await inProcesses(one, settings, async ({ clients, requests }) => {
      for (const [name, request] of requests) bytes.set(name, bytesOf(request));
      for (const [index, inFlight] of counts.entries()) {
        const order = { inFlight, durationMs: effort.durationMs };
        // Sockets and garbage are others at each point.
        const warmUpMs = index === 0 ? WARM_UP_MS : order.durationMs / 2;
        for (const [, client] of clients) await client.measure({ inFlight, durationMs: warmUpMs });
        await runRounds(clients, order, share, samples[index] ?? new Map());
      }
    });
  }
  const rows = counts.flatMap((inFlight, index) =>
    withBytes(summarise(pointOf(inFlight), samples[index] ?? new Map()), bytes),
  );
  return { metrics: METRICS, rows, verdicts: verdictsOf(one.name, rows), notes: [] };
}

/** Headers and body of a call, where the server could see them. */
function withBytes(rows: readonly Row[], bytes: ReadonlyMap<string, number>): Row[] {
  return rows.map((row) => {
    const size = bytes.get(row.contender);
    if (size === undefined) return row;
    return { ...row, values: { ...row.values, [BYTES]: spread([size]) } };
  });
}

/** Runs `work` with a server and the contenders of its own, and ends them. */
async function inProcesses(
  one: Case,
  settings: Settings,
  work: (field: Field) => Promise<void>,
): Promise<void> {
  const server = one.server === "stdio" ? undefined : await HttpServer.start(one.server);
  const field: Field = { clients: new Map(), requests: new Map() };
  try {
    await enter(field, one, server, settings);
    checkAnswers(field.clients);
    for (const line of differencesFromFloor(field.requests)) settings.log(`${one.name}: ${line}`);
    await work(field);
  } finally {
    await Promise.all(Array.from(field.clients.values(), (client) => client.close()));
    await server?.end();
  }
}

/** Starts the contenders one after the other, so that the server knows whose call it sees. */
async function enter(
  { clients, requests }: Field,
  one: Case,
  server: HttpServer | undefined,
  { build, against, contenders, log }: Settings,
): Promise<void> {
  const target = targetOf(one, server);
  const start = async (name: ContenderName, folder: string): Promise<void> => {
    const [client, request] = await Promise.all([
      ClientProcess.start({ contender: name, target, build: folder }),
      one.server === "http" ? server?.record() : undefined,
    ]);
    clients.set(name, client);
    if (request !== undefined) requests.set(name, request);
  };
  const chosen = one.contenders.filter(
    (name) => contenders.length === 0 || contenders.includes(name),
  );
  for (const name of chosen) await start(name, build);
  if (against === undefined) return;
  for (const name of chosen) {
    if (name === "pool") await start("other", against);
    else if (kindOf(name) === "pool") await startIfAble(start, against, log);
  }
}

/** A second build may be older than the stateless era. */
async function startIfAble(
  start: (name: ContenderName, folder: string) => Promise<void>,
  against: string,
  log: (line: string) => void,
): Promise<void> {
  const name = contender("other", "stateless");
  try {
    await start(name, against);
  } catch (error) {
    log(`${name} does not take part: ${(error as Error).message}\n`);
  }
}

/** Every round runs each contender once, beginning with another one each time. */
async function runRounds(
  clients: ReadonlyMap<ContenderName, ClientProcess>,
  order: Order,
  rounds: readonly number[],
  samples: SampleLists,
): Promise<void> {
  const entries = [...clients];
  for (const [name] of entries) if (!samples.has(name)) samples.set(name, []);
  for (const round of rounds) {
    for (const [name, client] of inTurn(entries, round)) {
      samples.get(name)?.push(await client.measure(order));
    }
  }
}

/** Whoever does less work than the others does not take part. */
function checkAnswers(clients: ReadonlyMap<ContenderName, ClientProcess>): void {
  const [expected] = Array.from(clients.values(), ({ text }) => text);
  for (const [name, { text }] of clients) {
    if (text !== expected) throw new Error(`${name} got another answer: ${text}`);
  }
}
