// A server that is restarted under load behind a proxy: how long is it out, and what becomes of the calls?

import { startIntermediary } from "../programs/start.ts";
import type { ProgramName } from "../programs/programs.ts";
import { Replicas } from "../servers/replicas.ts";
import { Tally, openPool } from "./load.ts";
import type { Outcomes } from "./load.ts";
import { valuesOf } from "./replica-values.ts";

export interface Restart {
  readonly program: ProgramName;
  readonly config: string;
}

export const RESTARTS: readonly Restart[] = [
  { program: "nginx", config: "plain.conf" },
  { program: "HAProxy", config: "plain.cfg" },
  { program: "Apache", config: "recommended.conf" },
  { program: "Varnish", config: "recommended.vcl" },
  { program: "Caddy", config: "recommended.caddyfile" },
];

const WIDTH = 8;
/** How long the server is down, milliseconds. */
const DOWN_MS = 2_000;
/** How long calls run before and after, milliseconds. */
const AROUND_MS = 1_000;
/** Longest that calls may fail after the server's return, milliseconds: today's pool takes 30 s. */
const RETURN_MS = 40_000;
/** The pause of a caller whose call failed, milliseconds: an agent does not spin either. */
const AFTER_FAILURE_MS = 20;

export interface RestartResult extends Outcomes {
  /** From the last success before the server went to the first after its return, seconds. */
  readonly outage: number;
  /** Of that, how long the server was away. */
  readonly down: number;
  readonly handshakes: number;
  readonly doubled: number;
  /** Each change of the connection or the circuit, with its time in seconds after the server went. */
  readonly events: readonly string[];
}

export async function measureRestart({ program, config }: Restart): Promise<RestartResult> {
  await using replicas = await Replicas.start(1);
  await using proxy = await startIntermediary(program, config, valuesOf(replicas));
  await using watched = openPool();
  const { pool } = watched;
  await pool.addClient("s", proxy.url);
  const tally = new Tally();
  const ending = new AbortController();
  const last = { success: performance.now() };
  let next = 0;
  const work = async (): Promise<void> => {
    while (!ending.signal.aborted) {
      next += 1;
      const succeeded = await tally.of(pool.callTool("s__work", { key: `call ${next}`, ms: 5 }));
      if (succeeded) last.success = performance.now();
      else await pause(AFTER_FAILURE_MS);
    }
  };
  const workers = Array.from({ length: WIDTH }, work);
  await pause(AROUND_MS);
  // It boots now, so that the time that a boot takes on this machine is no part of the outage.
  const listen = await replicas.first.boot();
  await replicas.first.kill();
  const goneAt = performance.now();
  const events = recordEvents(pool, goneAt);
  await pause(DOWN_MS);
  // Taken only now: answers that were on their way when the server went have arrived.
  const before = last.success;
  await listen();
  const backAt = performance.now();
  while (last.success === before && performance.now() < backAt + RETURN_MS) await pause(5);
  const outage = (last.success === before ? performance.now() : last.success) - before;
  await pause(AROUND_MS);
  ending.abort();
  await Promise.all(workers);
  return {
    ok: tally.ok,
    unsent: tally.unsent,
    unknown: tally.unknown,
    errors: tally.errors,
    outage: outage / 1_000,
    down: (backAt - goneAt) / 1_000,
    handshakes: replicas.count("initialize"),
    doubled: replicas.doubled.length,
    events,
  };
}

/** @param limit the longest outage that is permitted, seconds. */
export function problemsOfRestart(result: RestartResult, limit: number): string[] {
  const { outage, unsent, doubled, errors } = result;
  return [
    outage < limit ? "" : `an outage of ${outage.toFixed(1)} s`,
    unsent === 0 ? "" : `${unsent} calls failed that were never sent: ${JSON.stringify(errors)}`,
    doubled === 0 ? "" : `${doubled} calls ran twice`,
  ].filter((problem) => problem !== "");
}

function recordEvents(pool: ReturnType<typeof openPool>["pool"], since: number): string[] {
  const events: string[] = [];
  const names = [
    "server.disconnected",
    "server.reconnected",
    "server.circuit-opened",
    "server.circuit-closed",
  ] as const;
  for (const name of names) {
    pool.on(name, () => {
      const seconds = (performance.now() - since) / 1_000;
      events.push(`${name.slice("server.".length)} at ${seconds.toFixed(1)}`);
    });
  }
  return events;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
