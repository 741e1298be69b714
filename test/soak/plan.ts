// One call as the seed wants it: what is asked of whom, with which limits, and what its server shall do to it.

import { FLEET } from "./fleet.ts";
import type { ServerSpec } from "./fleet.ts";
import { Random } from "../support/random.ts";

export type CallClass = "S" | "R" | "U";
export type CallKind = "act" | "look" | "put" | "read" | "prompt" | "complete" | "list";

/** What the server does when it sees the call: the first of them the first time, and so on; then `ok`. */
export type Fate =
  | "ok"
  | "slow-run"
  | "slow-answer"
  | "reset-before"
  | "reset-after"
  | "cut-body"
  | "throttled"
  | "throttled-later"
  | "busy"
  | "busy-later"
  | "busy-after"
  | "gateway"
  | "hang-before"
  | "hang-after"
  | "foreign"
  | "foreign-then-own"
  | "stream-cut"
  | "stream-cut-id"
  | "double"
  | "html"
  | "empty"
  | "garbage"
  | "forget"
  | "close-after"
  | "tool-error"
  | "rpc-error"
  | "progress"
  | "crash-before"
  | "crash-after"
  | "crash-half"
  | "noise"
  | "flood"
  | "storm";

export interface Plan {
  /** Unique in the run: the argument, the answer, and what the servers log. */
  readonly key: string;
  readonly server: ServerSpec;
  readonly kind: CallKind;
  readonly replay: "safe" | "always" | "never";
  readonly timeoutMs: number;
  readonly totalTimeoutMs: number;
  readonly abortAfterMs: number | undefined;
  /** The signal that all such calls share, and that is never aborted. */
  readonly isWatched: boolean;
  readonly wantsProgress: boolean;
  readonly fates: readonly Fate[];
  /** Of fates that are slow. */
  readonly delayMs: number;
  /** Before the lane's next call. */
  readonly pauseMs: number;
}

type Weights = Partial<Record<Fate, number>>;

const ANYWHERE: Weights = {
  "slow-run": 2,
  "slow-answer": 2,
  "hang-before": 0.5,
  "hang-after": 0.5,
  foreign: 0.4,
  "foreign-then-own": 1,
  double: 1,
  "tool-error": 1,
  "rpc-error": 1,
  progress: 2,
  storm: 0.2,
};

const OVER_HTTP: Weights = {
  "reset-before": 1,
  "reset-after": 1,
  throttled: 1,
  "throttled-later": 0.3,
  busy: 1,
  "busy-later": 0.3,
  "busy-after": 0.7,
  "close-after": 3,
};

const FATES: Readonly<Record<ServerSpec["kind"], Weights>> = {
  http: {
    ...ANYWHERE,
    ...OVER_HTTP,
    "cut-body": 1,
    gateway: 0.7,
    "stream-cut": 1,
    "stream-cut-id": 2,
    html: 0.5,
    empty: 0.5,
    garbage: 0.5,
    forget: 0.15,
  },
  legacy: { ...ANYWHERE, ...OVER_HTTP, "stream-cut": 0.3, garbage: 0.3 },
  stdio: {
    ...ANYWHERE,
    "crash-before": 0.12,
    "crash-after": 0.12,
    "crash-half": 0.08,
    noise: 2,
    flood: 0.3,
    garbage: 1,
  },
  memory: ANYWHERE,
};

const KINDS: Readonly<Record<CallKind, number>> = {
  act: 50,
  look: 14,
  put: 8,
  read: 10,
  prompt: 6,
  complete: 6,
  list: 6,
};

/** Share of calls to which something is done; and of those, the share to whose next attempt something is done. */
const TROUBLED = 0.2;
const TROUBLED_AGAIN = 0.3;

/** The plan depends on the seed and the key alone. */
export function planOf(seed: number, key: string, server?: ServerSpec): Plan {
  const random = new Random(seed, "call", key);
  const target = random.pick(FLEET);
  const chosen = server ?? target;
  const fates: Fate[] = [];
  if (random.chance(TROUBLED)) fates.push(random.draw(FATES[chosen.kind]));
  while (fates.length > 0 && fates.length < 4 && random.chance(TROUBLED_AGAIN)) {
    fates.push(random.draw(FATES[chosen.kind]));
  }
  const isPatient = random.chance(0.5);
  return {
    key,
    server: chosen,
    kind: random.draw(KINDS),
    replay: random.draw({ safe: 80, always: 10, never: 10 }),
    timeoutMs: isPatient ? random.int(1_000, 2_000) : random.int(150, 600),
    totalTimeoutMs: isPatient ? random.int(2_000, 4_000) : random.int(400, 2_000),
    abortAfterMs: random.chance(0.06) ? random.int(0, 120) : undefined,
    isWatched: random.chance(0.4),
    wantsProgress: random.chance(0.15),
    fates,
    delayMs: random.int(1, 250),
    pauseMs: random.int(20, 120),
  };
}

/** By the protocol, and by the word of a trusted server. */
export function classOf({ kind, server }: Pick<Plan, "kind" | "server">): CallClass {
  if (kind === "act") return "U";
  if (kind === "look" || kind === "put") return server.trusted ? "R" : "U";
  return "S";
}

/** What may run more than once: by its class, unless the caller said otherwise. */
export function mayRepeat(callClass: CallClass, replay: Plan["replay"]): boolean {
  return replay === "always" || (replay === "safe" && callClass !== "U");
}
