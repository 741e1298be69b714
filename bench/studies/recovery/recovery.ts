// A server is killed with calls in flight, and is back after a while: how soon its clients are, and what has run twice.

import { setTimeout as delay } from "node:timers/promises";
import { Child } from "../../children.ts";
import { inTurn, summarise } from "../../study.ts";
import type { Findings, Row, Sample, Settings, Study } from "../../study.ts";
import { CONTENDERS } from "./clients.ts";
import type { ContenderName } from "./clients.ts";
import { ALL, CPU, FAILED, FIRST, METRICS, TWICE, verdictsOf } from "./metrics.ts";
import type { Order, Outcome, Setup } from "./recovery.child.ts";

const LANES = 32;

/** From the death of the server until all lanes have had an answer, beyond its absence, milliseconds. */
const LIMIT_MS = 40_000;

/** A port that was given up may be somebody else's when it is wanted again; then all is done once more. */
const TRIES = 3;

interface Effort {
  /** How long the server is away, milliseconds; each is a point. */
  readonly awayMs: readonly number[];
  readonly rounds: number;
}

const FULL: Effort = { awayMs: [200, 1_000, 3_000], rounds: 5 };
const QUICK: Effort = { awayMs: [500], rounds: 1 };

export const RECOVERY: Study = {
  name: "recovery",
  title: "An HTTP server is killed with 32 calls in flight, and comes back",
  method: `A server with sessions is killed (SIGKILL) while ${LANES} lanes each have a call there that is not answered yet; after a while another process listens on the same port, and knows nothing of the session. A lane whose call is rejected makes another one at once. Measured from the moment at which the port is open again until the first call, and until a call of every lane, has been answered: by the monotonic clock, which all processes share. Each time has new servers and a new client, in a process that has done the same before; a round has every contender once, in changing order.

\`pool\` calls a tool of which nothing is known, \`pool-repeatable\` one that calls itself idempotent, on a server that is trusted. \`sdk-v2\` is the official client in the usual wrapper: on any error a new client, shared by all lanes, and the same call again, every 100 ms. The floor does the same every 10 ms with undici's bare \`request\`. Every call has an id of its own, and the servers count: a call ran twice if its id came twice. Calls that failed are those whose caller was told that they may have run.`,
  run: runRecovery,
};

async function runRecovery(settings: Settings): Promise<Findings> {
  const effort = settings.quick ? QUICK : FULL;
  const rounds = settings.rounds ?? effort.rounds;
  const { contenders, build } = settings;
  const names = CONTENDERS.filter((name) => contenders.length === 0 || contenders.includes(name));
  const clients = new Map(names.map((name) => [name, launch({ name, build, lanes: LANES })]));
  const rows: Row[] = [];
  const notes: string[] = [];
  try {
    await Promise.all(Array.from(clients.values(), (client) => client.next()));
    for (const awayMs of effort.awayMs) {
      const samples = await runRounds(clients, awayMs, rounds, notes);
      rows.push(...summarise(pointOf(awayMs), samples));
    }
  } finally {
    await Promise.all(Array.from(clients.values(), (client) => client.end(false)));
  }
  const verdicts = verdictsOf(effort.awayMs.map(pointOf), rows);
  return { metrics: METRICS, rows, verdicts, notes };
}

function pointOf(awayMs: number): string {
  return `away for ${awayMs / 1_000} s`;
}

function launch(setup: Setup): Child {
  return new Child({
    name: setup.name,
    file: new URL("./recovery.child.ts", import.meta.url),
    args: [JSON.stringify(setup)],
  });
}

/** Every round has each contender once, beginning with another one each time; who fails takes no further part. */
async function runRounds(
  clients: Map<ContenderName, Child>,
  awayMs: number,
  rounds: number,
  notes: string[],
): Promise<Map<ContenderName, Sample[]>> {
  const samples = new Map([...clients.keys()].map((name): [ContenderName, Sample[]] => [name, []]));
  for (let round = 0; round < rounds; round += 1) {
    for (const [name, client] of inTurn([...clients], round)) {
      try {
        samples.get(name)?.push(await recover(client, awayMs));
      } catch (error) {
        samples.delete(name);
        clients.delete(name);
        notes.push(`${name} is left out of ${pointOf(awayMs)}: ${(error as Error).message}`);
        await client.end(false);
      }
    }
  }
  return samples;
}

async function recover(client: Child, awayMs: number): Promise<Sample> {
  for (let left = TRIES; ; left -= 1) {
    try {
      return await recoverOnce(client, awayMs);
    } catch (error) {
      if (!(error instanceof PortTaken) || left === 1) throw error;
      await client.ask("stop" satisfies Order);
    }
  }
}

class PortTaken extends Error {}

async function recoverOnce(client: Child, awayMs: number): Promise<Sample> {
  const mortal = launchServer();
  const successor = launchServer();
  try {
    const { port } = await listen(mortal, 0);
    await client.ask({ url: `http://127.0.0.1:${port}/mcp` } satisfies Order);
    const { ran } = (await mortal.ask({ hold: LANES })) as Report;
    await client.ask("watch" satisfies Order);
    const [outcome, openAt] = await Promise.all([
      client.next(LIMIT_MS + awayMs) as Promise<Outcome>,
      // Killed by its id, with no time to end anything.
      mortal.end(false).then(async () => {
        await delay(awayMs);
        return (await listen(successor, port)).at;
      }),
    ]);
    await client.ask("stop" satisfies Order);
    const report = (await successor.ask("report")) as Report;
    const all = [...ran, ...report.ran];
    return {
      [FIRST]: outcome.firstAt - openAt,
      [ALL]: outcome.allAt - openAt,
      [FAILED]: outcome.failed,
      [TWICE]: all.length - new Set(all).size,
      [CPU]: outcome.cpuMs,
    };
  } finally {
    await Promise.all([mortal.end(false), successor.end(false)]);
  }
}

interface Report {
  /** The ids of all calls that have run there. */
  readonly ran: readonly string[];
}

function launchServer(): Child {
  const file = new URL("../../servers/mortal-http.mjs", import.meta.url);
  return new Child({ name: "the server", file });
}

async function listen(server: Child, port: number): Promise<{ at: number; port: number }> {
  const answer = await server.ask({ port });
  const { error, ...open } = answer as { at: number; port: number; error?: string };
  if (error !== undefined) throw new PortTaken(`the port could not be opened again: ${error}`);
  return open;
}
