// Replicas without shared sessions behind a balancer: does every call succeed, and does each run once?

import { startIntermediary } from "../programs/start.ts";
import type { ProgramName } from "../programs/programs.ts";
import type { Values } from "../programs/render.ts";
import { Replicas } from "../servers/replicas.ts";
import { openPool, runCalls } from "./load.ts";
import type { Outcomes } from "./load.ts";
import { valuesOf } from "./replica-values.ts";

export interface Balancer {
  readonly title: string;
  readonly program: ProgramName;
  readonly config: string;
  readonly replicas: number;
  readonly values?: Values;
  /** The status for a session that a replica does not know. Default 404. */
  readonly refusal?: 404 | 400;
  /** The most handshakes that are permitted. */
  readonly handshakes: number;
}

const CALLS = 200;
const WIDTH = 8;
/** Longest that a row may take, milliseconds: a pool that is lost in handshakes would take minutes. */
const ROW_MS = 60_000;

const perConnection = { program: "HAProxy", config: "per-connection.cfg" } as const;

export const BALANCERS: readonly Balancer[] = [
  {
    title: "round robin per request",
    program: "nginx",
    config: "round-robin.conf",
    replicas: 2,
    handshakes: 3,
  },
  {
    title: "random per request, 2 replicas",
    program: "nginx",
    config: "random.conf",
    replicas: 2,
    handshakes: 3,
  },
  {
    title: "random per request, 3 replicas",
    program: "nginx",
    config: "random.conf",
    replicas: 3,
    handshakes: 3,
  },
  {
    title: "round robin per request, 400 instead of 404",
    program: "nginx",
    config: "round-robin.conf",
    refusal: 400,
    replicas: 2,
    handshakes: 3,
  },
  {
    title: "per connection in turn, 2 replicas",
    ...perConnection,
    values: { balance: "roundrobin" },
    replicas: 2,
    handshakes: 3,
  },
  {
    title: "per connection in turn, 3 replicas",
    ...perConnection,
    values: { balance: "roundrobin" },
    replicas: 3,
    handshakes: 3,
  },
  {
    title: "per connection at random, 2 replicas",
    ...perConnection,
    values: { balance: "random(1)" },
    replicas: 2,
    handshakes: 3,
  },
  {
    title: "per connection at random, 3 replicas",
    ...perConnection,
    values: { balance: "random(1)" },
    replicas: 3,
    handshakes: 3,
  },
  {
    title: "per connection at random, 400 instead of 404",
    ...perConnection,
    values: { balance: "random(1)" },
    refusal: 400,
    replicas: 2,
    handshakes: 3,
  },
  {
    title: "cookie",
    program: "HAProxy",
    config: "cookie.cfg",
    replicas: 2,
    handshakes: 3,
  },
  {
    title: "cookie",
    program: "nginx",
    config: "recommended.conf",
    replicas: 2,
    handshakes: 3,
  },
  {
    title: "cookie",
    program: "Apache",
    config: "recommended.conf",
    replicas: 2,
    handshakes: 3,
  },
  {
    title: "cookie",
    program: "Varnish",
    config: "recommended.vcl",
    replicas: 2,
    handshakes: 3,
  },
  {
    title: "cookie",
    program: "Caddy",
    config: "recommended.caddyfile",
    replicas: 2,
    handshakes: 3,
  },
  {
    title: "session id, learned from the answer to initialize",
    program: "HAProxy",
    config: "recommended.cfg",
    replicas: 2,
    handshakes: 3,
  },
  {
    // A session is found only where its hash leads; half of the handshakes end elsewhere.
    title: "hash of the session id",
    program: "nginx",
    config: "session-hash.conf",
    replicas: 2,
    handshakes: 8,
  },
];

export interface BalancerResult extends Outcomes {
  readonly calls: number;
  /** Why the server was not connected at all. */
  readonly refused: string | undefined;
  readonly handshakes: number;
  readonly refusals: number;
  readonly executions: number;
  /** Calls that ran more than once. */
  readonly doubled: number;
  readonly seconds: number;
  readonly warnings: readonly string[];
}

export async function measureBalancer(balancer: Balancer): Promise<BalancerResult> {
  const { program, config, values, refusal = 404 } = balancer;
  await using replicas = await Replicas.start(balancer.replicas, { refusal });
  await using proxy = await startIntermediary(program, config, {
    ...valuesOf(replicas),
    ...values,
  });
  await using watched = openPool();
  const { pool, warnings } = watched;
  const startedAt = performance.now();
  const signal = AbortSignal.timeout(ROW_MS);
  const refused = await pool.addClient("s", proxy.url).then(
    () => undefined,
    (error: unknown) => (error as Error).message,
  );
  const outcomes = await runCalls(refused === undefined ? CALLS : 0, WIDTH, (key) =>
    pool.callTool("s__work", { key }, { signal }),
  );
  const seconds = (performance.now() - startedAt) / 1_000;
  return {
    ok: outcomes.ok,
    unsent: outcomes.unsent,
    unknown: outcomes.unknown,
    errors: outcomes.errors,
    calls: CALLS,
    refused,
    handshakes: replicas.count("initialize"),
    refusals: replicas.count("refused"),
    executions: replicas.count("ran"),
    doubled: replicas.doubled.length,
    seconds,
    warnings,
  };
}

/** What the issue of balancers does not allow. */
export function problemsOfBalancer(balancer: Balancer, result: BalancerResult): string[] {
  const { calls, ok, executions, doubled, handshakes, refused } = result;
  return [
    refused === undefined ? "" : `not connected: ${refused}`,
    ok === calls ? "" : `${ok} of ${calls} calls succeed`,
    executions === calls ? "" : `${executions} executions`,
    doubled === 0 ? "" : `${doubled} calls ran twice`,
    handshakes <= balancer.handshakes ? "" : `${handshakes} handshakes`,
  ].filter((problem) => problem !== "");
}
