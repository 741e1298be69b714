// The kinds of simulated servers: era, replicas, form of answers, and the words in which a server refuses a lost session.

import type { Random } from "../../support/random.ts";

export type Era = "session" | "stateless";

/** The refusal of a session that is not known: a status, with a text or with a JSON-RPC error without the request's id. */
export type Refusal =
  | { readonly status: 400 | 401 | 403 | 404 | 410; readonly code: undefined }
  | { readonly status: 400 | 404; readonly code: number };

export interface ServerPlan {
  readonly name: string;
  /** `channel`: a transport of the user's own, one channel for all messages. */
  readonly kind: "http" | "channel";
  readonly era: Era;
  /** False: sessions without an id. */
  readonly hasSessionIds: boolean;
  readonly refusal: Refusal;
  /** 1, or replicas that do not share their sessions. */
  readonly replicas: number;
  readonly routing: "per-request" | "per-connection";
  /** `events-with-ids`: streams that can be resumed. */
  readonly answers: "json" | "events" | "events-with-ids";
  /** Whether it offers a stream of changes. */
  readonly hasChangeStream: boolean;
  readonly trusted: boolean;
  /** One way, milliseconds: the shortest, and how much longer it may be. */
  readonly latencyMs: readonly [number, number];
  readonly healthCheckIntervalMs: number | false;
  readonly isLazy: boolean;
  /** Of the pool's time limits: its defaults, or short ones. */
  readonly limits: "default" | "short";
}

const REFUSALS: readonly Refusal[] = [
  { status: 404, code: undefined },
  { status: 404, code: undefined },
  { status: 404, code: -32001 },
  { status: 400, code: -32000 },
  { status: 400, code: undefined },
  { status: 401, code: undefined },
  { status: 403, code: undefined },
  { status: 410, code: undefined },
];

export function drawServers(random: Random): ServerPlan[] {
  return Array.from({ length: random.int(1, 4) }, (_, index) => drawServer(random, `s${index}`));
}

function drawServer(random: Random, name: string): ServerPlan {
  const isReplicated = random.chance(0.25);
  return {
    name,
    kind: random.chance(0.85) ? "http" : "channel",
    era: random.chance(0.7) ? "session" : "stateless",
    hasSessionIds: random.chance(0.9),
    refusal: random.pick(REFUSALS),
    replicas: isReplicated ? random.int(2, 3) : 1,
    routing: random.pick(["per-request", "per-connection"]),
    answers: random.pick(["json", "events", "events-with-ids"]),
    hasChangeStream: random.chance(0.7),
    trusted: random.chance(0.6),
    latencyMs: random.pick([
      [0, 0],
      [1, 4],
      [20, 60],
      [80, 100],
    ]),
    healthCheckIntervalMs: random.pick([false, 60_000, 240_000]),
    isLazy: random.chance(0.15),
    limits: random.pick(["default", "default", "short"]),
  };
}
