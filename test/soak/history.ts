// The history checker: what callers were told, against what the servers did. Pure; the promise of the package stands here.

import { mayRepeat } from "./plan.ts";
import type { CallClass, Plan } from "./plan.ts";

/** A call as its caller saw it. */
export interface CallRecord {
  readonly key: string;
  readonly server: string;
  readonly callClass: CallClass;
  readonly kind: string;
  readonly replay: Plan["replay"];
  readonly fates: readonly string[];
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  readonly tookMs: number;
  /** `aborted`: rejected with the signal's reason. `foreign-answer`: with the answer to another call. */
  readonly outcome: "success" | "error" | "aborted" | "hung" | "foreign-answer";
  /** Of an error: whether it is an `McpError`. */
  readonly isTyped?: boolean;
  readonly code?: string;
  readonly sent?: string;
  readonly message?: string;
}

/** What the servers' logs say of one key. */
export interface ServerSide {
  /** Times that it arrived: served, or turned away. */
  readonly seen: number;
  /** Times that it was executed. */
  readonly ran: number;
}

export type CallPromise = (typeof PROMISES)[number];

export interface Violation {
  readonly promise: string;
  /** Of the call that it is about; absent if it is about none. */
  readonly key?: string;
  readonly what: string;
}

/** Executions beyond the first that the policy allows at most to what may be repeated. */
const MAX_REPLAYS = 2;

/** What is promised of calls, by the words of the report. */
export const PROMISES = [
  "class U ran at most once",
  'replay: "never" ran at most once',
  "what may be repeated ran three times at most",
  "every success ran",
  'sent "no" did not run',
  'sent "yes" was seen by the server',
  "the outcome is not unknown where it is known",
  "every call settled",
  "every error is typed",
  "every answer is the call's own",
  "every execution belongs to a call",
] as const;

const NOTHING: ServerSide = { seen: 0, ran: 0 };

export function checkHistory(
  calls: readonly CallRecord[],
  servers: ReadonlyMap<string, ServerSide>,
): Violation[] {
  const known = new Set(calls.map(({ key }) => key));
  const violations = calls.flatMap((call) => checkCall(call, servers.get(call.key) ?? NOTHING));
  for (const [key, { ran }] of servers) {
    if (known.has(key) || ran === 0) continue;
    violations.push({
      promise: "every execution belongs to a call",
      key,
      what: `ran ${times(ran)}, and nobody was told`,
    });
  }
  return violations;
}

function checkCall(call: CallRecord, { seen, ran }: ServerSide): Violation[] {
  const { key, callClass, replay, outcome, code, sent } = call;
  const violations: Violation[] = [];
  const check = (promise: CallPromise, holds: boolean, what: string): void => {
    if (!holds) violations.push({ promise, key, what });
  };
  const told = `${outcome}${code === undefined ? "" : ` ${code}, sent "${sent}"`}`;
  const isRepeatable = mayRepeat(callClass, replay);
  if (replay === "never") {
    check('replay: "never" ran at most once', ran <= 1, `ran ${times(ran)} (${told})`);
  } else if (!isRepeatable) {
    check("class U ran at most once", ran <= 1, `ran ${times(ran)} (${told})`);
  } else {
    const most = 1 + MAX_REPLAYS;
    const what = `ran ${times(ran)} (${told})`;
    check("what may be repeated ran three times at most", ran <= most, what);
  }
  if (outcome === "success") check("every success ran", ran >= 1, "succeeded and never ran");
  check("every call settled", outcome !== "hung", `not settled after ${call.tookMs} ms`);
  check("every answer is the call's own", outcome !== "foreign-answer", "got another's answer");
  if (outcome !== "error") return violations;
  const isTyped = call.isTyped === true && code !== undefined && SENT.has(sent);
  check("every error is typed", isTyped, `rejected with ${call.message ?? "nothing"}`);
  if (sent === "no") check('sent "no" did not run', ran === 0, `ran ${times(ran)} (${told})`);
  if (sent === "yes") {
    check('sent "yes" was seen by the server', seen > 0, `the server never saw it (${told})`);
  }
  const isUnknown = code === "OUTCOME_UNKNOWN";
  const contradicts = isUnknown && sent === "no";
  check("the outcome is not unknown where it is known", !contradicts, `told: ${told}`);
  return violations;
}

const SENT: ReadonlySet<string | undefined> = new Set(["no", "yes", "unknown"]);

function times(count: number): string {
  return count === 1 ? "once" : `${count} times`;
}
