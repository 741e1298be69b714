// One call as the seed wants it: what is asked of whom, within which limits, and what happens to each of its attempts.

import type { Random } from "../support/random.ts";
import type { CallClass } from "../soak/plan.ts";
import type { ServerPlan } from "./servers/spec.ts";

/** The fate of one attempt. A call has a list of them: the first is for its first attempt, and so on; then `ok`. */
export type Fate = "ok" | keyof typeof FATES;

/** Fates, by how often they are drawn. Fates over a channel are those of {@link CHANNEL_FATES}. */
export const FATES = {
  /** It takes long to run. */
  slow: 3,
  /** The connection is refused, for this attempt only. */
  refused: 1,
  /** Reset before the server has got it. */
  "lost-request": 2,
  /** Executed; then the connection breaks. */
  "lost-answer": 2,
  /** Executed; the answer breaks off in the middle. */
  "cut-answer": 2,
  /** It arrives, never runs, and nothing comes back. */
  "hang-before": 1,
  /** It runs, and nothing comes back. */
  "hang-after": 1,
  /** Refused as one too many, and not executed. */
  throttled: 2,
  "throttled-for-long": 1,
  /** 503 by a server that did not execute it. */
  busy: 2,
  /** Executed; then a gateway says 502, 503 or 504. */
  "gateway-after": 2,
  /** Executed by one replica that breaks off; the proxy then asks another, which refuses the session after a second. */
  "late-refusal": 1,
  "tool-error": 1,
  "rpc-error": 1,
  /** Executed; the answer is no JSON. */
  garbage: 1,
  /** Executed; the answer comes twice. */
  double: 1,
  /** Executed; first the answer to another request comes, then its own. */
  foreign: 1,
} as const;

export const CHANNEL_FATES: ReadonlySet<string> = new Set([
  "ok",
  "slow",
  "lost-request",
  "lost-answer",
  "hang-before",
  "hang-after",
  "tool-error",
  "rpc-error",
  "double",
  "foreign",
]);

/** `act`, `look` and `put` are tools: without a hint, read-only, and idempotent. */
export type CallKind = "act" | "look" | "put" | "prompt";

export interface CallPlan {
  /** Unique in the episode: the argument, the answer, and the entry in the ledger. */
  readonly key: string;
  readonly server: string;
  readonly kind: CallKind;
  readonly callClass: CallClass;
  readonly replay: "safe" | "always" | "never";
  /** Absent: the pool's own. */
  readonly timeoutMs: number | undefined;
  readonly totalTimeoutMs: number | undefined;
  readonly abortAfterMs: number | undefined;
  readonly fates: readonly Fate[];
}

interface Choice {
  readonly key: string;
  readonly servers: readonly ServerPlan[];
  readonly fates: Readonly<Partial<Record<keyof typeof FATES, number>>>;
  /** Share of calls to which something happens. */
  readonly trouble: number;
}

export function drawCall(random: Random, { key, servers, fates, trouble }: Choice): CallPlan {
  const server = random.pick(servers);
  const kind = random.draw<CallKind>({ act: 5, look: 2, put: 2, prompt: 1 });
  const drawn: Fate[] = [];
  for (let share = trouble; drawn.length < 4 && random.chance(share); share = 0.4) {
    const fate = random.draw(fates);
    drawn.push(server.kind === "http" || CHANNEL_FATES.has(fate) ? fate : "ok");
  }
  return {
    key,
    server: server.name,
    kind,
    callClass: classOf(kind, server),
    replay: random.draw({ safe: 80, always: 10, never: 10 }),
    timeoutMs: random.chance(0.3) ? random.pick([200, 1_000, 8_000]) : undefined,
    totalTimeoutMs: random.chance(0.3) ? random.pick([500, 5_000, 60_000]) : undefined,
    abortAfterMs: random.chance(0.08) ? random.pick([0, 20, 150, 4_000, 50_000]) : undefined,
    fates: drawn,
  };
}

function classOf(kind: CallKind, { trusted }: ServerPlan): CallClass {
  if (kind === "prompt") return "S";
  return kind === "act" || !trusted ? "U" : "R";
}
