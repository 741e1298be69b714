// What happens to the servers in one round, and when: drawn from the seed alone.

import { FLEET } from "./fleet.ts";
import type { Era, ServerSpec } from "./fleet.ts";
import { Random } from "../support/random.ts";

export type FaultKind =
  /** The server ends and begins again on the same port, without its sessions. */
  | "restart"
  /** The same, with a while between. */
  | "away"
  | "forget-sessions"
  | "drop-sockets"
  /** Idle sockets are closed just as calls begin. */
  | "drop-idle"
  /** It takes requests and does not answer for a while; a child is stopped. */
  | "freeze"
  /** 429 to everything for a while. */
  | "throttle"
  /** 503 to everything for a while. */
  | "refuse"
  | "list-storm"
  | "end-streams"
  | "era-change"
  /** SIGKILL to a child; a pair in memory breaks. */
  | "kill"
  /** The pool loses it and gets it again, with calls in flight. */
  | "re-add"
  /** Many calls at once, all aborted soon. */
  | "cancelled-burst"
  /** More calls at once than its limits let through. */
  | "rush";

export interface TimedFault {
  /** Milliseconds since the beginning of the round. */
  readonly atMs: number;
  readonly kind: FaultKind;
  readonly server: ServerSpec;
  /** How long it goes on. */
  readonly forMs: number;
  /** The era to change to; `reset` or empty; how often. */
  readonly detail: string;
}

type Weights = Partial<Record<FaultKind, number>>;

const ANYWHERE: Weights = { "list-storm": 1, "re-add": 1, "cancelled-burst": 1, rush: 1 };

const OVER_HTTP: Weights = {
  restart: 2,
  away: 2,
  "forget-sessions": 1,
  "drop-sockets": 2,
  "drop-idle": 4,
  freeze: 1,
  "end-streams": 1,
};

const KINDS: Readonly<Record<ServerSpec["kind"], Weights>> = {
  http: { ...ANYWHERE, ...OVER_HTTP, throttle: 1, refuse: 1 },
  legacy: { ...ANYWHERE, ...OVER_HTTP },
  stdio: { "re-add": 1, "cancelled-burst": 1, rush: 1, kill: 3, freeze: 2 },
  memory: { "list-storm": 1, "re-add": 1, "cancelled-burst": 1, rush: 1, kill: 1 },
};

/** Faults per second of a round; and the share of them that does not come alone. */
const FAULTS_PER_SECOND = 1.6;
const IN_COMPANY = 0.3;

export function scheduleOf(seed: number, round: number, durationMs: number): TimedFault[] {
  const random = new Random(seed, "round", round);
  const count = Math.max(1, Math.round((durationMs / 1_000) * FAULTS_PER_SECOND));
  const faults: TimedFault[] = [];
  while (faults.length < count) {
    const first = drawFault(random, random.pick(FLEET), random.int(0, durationMs));
    faults.push(first);
    if (!random.chance(IN_COMPANY)) continue;
    // Half of the company is on the same server.
    const server = random.chance(0.5) ? first.server : random.pick(FLEET);
    faults.push(drawFault(random, server, first.atMs));
  }
  return faults.toSorted((a, b) => a.atMs - b.atMs);
}

function drawFault(random: Random, server: ServerSpec, atMs: number): TimedFault {
  const changesEra = server.kind === "http" && server.changesEra;
  const weights = { ...KINDS[server.kind], ...(changesEra ? { "era-change": 8 } : {}) };
  const kind = random.draw<FaultKind>(weights);
  return { atMs, kind, server, forMs: random.int(200, 2_000), detail: detailOf(random, kind) };
}

function detailOf(random: Random, kind: FaultKind): string {
  switch (kind) {
    case "era-change":
      return random.pick<Era>(["sessions", "stateless", "both"]);
    case "drop-idle":
      return random.pick(["reset", ""]);
    case "list-storm":
      return String(random.int(10, 500));
    case "re-add":
      return String(random.pick([0, 50, 500]));
    default:
      return "";
  }
}
