// The checker: the promises, against everything that was seen in one episode. Pure.

import { checkHistory, PROMISES as CALL_PROMISES } from "../soak/history.ts";
import type { Outcome, Told } from "./episode.ts";

export interface Violation {
  readonly promise: string;
  readonly what: string;
}

/** A call that ends later than its own end by more than this was kept waiting, milliseconds. */
const GRACE_MS = 250;

/** A call whose end passed while the machine slept has a moment for an answer that is there already, milliseconds. */
const AFTER_SLEEP_MS = 1_000;

/** `closeAll` has its drain and this, in which sessions are ended, milliseconds. */
const CLOSING_MS = 15_000;

/**
 * Handshakes of one server: so many for each thing that happened to it, and so many besides for its beginning and end. A
 * server that is away behind a proxy is asked again and again, at most so often an hour.
 */
const HANDSHAKES = { besides: 20, perTrouble: 15, perHour: 60 };

/** The same warning of the same server: so often for each thing that happened to it, and so often besides. */
const WARNINGS = { besides: 10, perTrouble: 2 };

/** Requests under way at once to one server: no plan has more than two hundred callers. */
const MOST_EXCHANGES = 400;

const ON_TIME = "every call ends within its total limit";
const RECOVERED = "every server is ready again after fifteen minutes of calm";
const NOTHING_LEFT = "closeAll leaves no timer and no request";
const CLOSING = "closeAll ends in time";
const MOVES = "the events of each server follow each other as they may";
const HANDLED = "nothing is thrown at nobody";
const BOUNDED = "handshakes and requests are bounded";
const WARNED = "no warning is given again and again";
const DELAYS = "every timer has a delay that Node keeps";
const VIRTUAL = "nothing waits for real time";
const ENDED = "the world comes to its end";

export const PROMISES: readonly string[] = [
  ...CALL_PROMISES,
  ON_TIME,
  RECOVERED,
  NOTHING_LEFT,
  CLOSING,
  MOVES,
  HANDLED,
  BOUNDED,
  WARNED,
  DELAYS,
  VIRTUAL,
  ENDED,
];

export function check(outcome: Outcome): Violation[] {
  const { calls, servers, lost, left, loop, badDelays, oddCauses, plan } = outcome;
  const violations: Violation[] = checkHistory(calls, servers).map(({ promise, key, what }) => ({
    promise,
    what: key === undefined ? what : `${key}: ${what}`,
  }));
  const found = (promise: string, what: string): void => void violations.push({ promise, what });
  for (const call of calls) {
    const lateMs = lateBy(call, outcome);
    if (lateMs > GRACE_MS) found(ON_TIME, `${call.key}: ${Math.round(lateMs)} ms too late`);
  }
  for (const one of lost) found(RECOVERED, one);
  if (left.timers > 0 || left.exchanges > 0) {
    found(NOTHING_LEFT, `${left.timers} timers and ${left.exchanges} requests are left`);
  }
  if (left.closingMs > plan.drainMs + CLOSING_MS) found(CLOSING, `it took ${left.closingMs} ms`);
  for (const move of illegalMoves(outcome)) found(MOVES, move);
  for (const error of [...loop.unhandled, ...oddCauses]) found(HANDLED, textOf(error));
  for (const what of unbounded(outcome)) found(BOUNDED, what);
  for (const [warning, count] of outcome.warnings) {
    const troubles = troublesOf(plan, warning.split(":", 1)[0] ?? "");
    const most = WARNINGS.besides + WARNINGS.perTrouble * troubles;
    if (count > most) found(WARNED, `${count} times ${warning}`);
  }
  for (const delay of badDelays) found(DELAYS, `a timer was armed with ${delay} ms`);
  for (const where of loop.realTimers) found(VIRTUAL, where);
  if (loop.stuck !== undefined) found(ENDED, loop.stuck);
  return violations;
}

/** The time from the end that a call has by its limits to its settling; the time that the machine slept is left out. */
function lateBy({ startedAt, tookMs, totalTimeoutMs }: Told, { sleeps }: Outcome): number {
  const endedAt = startedAt + tookMs;
  const sleptMs = sleeps
    .filter(({ at, forMs }) => at <= endedAt && at + forMs >= startedAt)
    .reduce((sum, { forMs }) => sum + forMs + AFTER_SLEEP_MS, 0);
  return tookMs - totalTimeoutMs - sleptMs;
}

/** The events that may follow each event of one server, as long as the server is not removed. */
const NEXT: Readonly<Record<string, readonly string[]>> = {
  "": ["connecting", "closed"],
  connecting: [
    "connecting",
    "connected",
    "reconnected",
    "disconnected",
    "failed",
    "auth-required",
    "closed",
  ],
  connected: ["disconnected", "failed", "auth-required", "closed", "reconnected", "circuit-opened"],
  reconnected: [
    "disconnected",
    "failed",
    "auth-required",
    "closed",
    "reconnected",
    "circuit-opened",
  ],
  disconnected: ["connecting", "failed", "closed", "circuit-opened"],
  failed: ["connecting", "closed"],
  "auth-required": ["connecting", "closed", "reconnected"],
  closed: [],
};

function illegalMoves({ events, plan }: Outcome): string[] {
  const replaced = new Set(
    plan.servers.filter(({ kind }) => kind === "channel").map(({ name }) => name),
  );
  for (const action of plan.actions) {
    if (action.kind === "remove" || action.kind === "add") replaced.add(action.server);
  }
  const last = new Map<string, string>();
  const illegal: string[] = [];
  for (const { event, server } of events) {
    // Under one name there were several servers, and the last words of one come among the first of the next.
    if (replaced.has(server)) continue;
    const name = event.replace("server.", "");
    const before = last.get(server) ?? "";
    // The circuit is told of beside the connection.
    if (name === "circuit-opened" || name === "circuit-closed") continue;
    if (NEXT[before]?.includes(name) !== true) illegal.push(`${server}: ${before} -> ${name}`);
    last.set(server, name);
  }
  return illegal;
}

/** Things that happened to a server, or to a call to it. */
function troublesOf({ actions }: Outcome["plan"], name: string): number {
  return actions.filter((action) =>
    action.kind === "call"
      ? action.call.server === name && action.call.fates.length > 0
      : !("server" in action) || action.server === name,
  ).length;
}

function unbounded({ handshakes, plan, virtualMs, mostExchanges, calls }: Outcome): string[] {
  const found: string[] = [];
  for (const { name } of plan.servers) {
    const troubles = troublesOf(plan, name);
    const count = handshakes.get(name) ?? 0;
    const { besides, perTrouble, perHour } = HANDSHAKES;
    const most = besides + perTrouble * troubles + perHour * (virtualMs / 3_600_000);
    if (count > most) found.push(`${name} shook hands ${count} times, after ${troubles} troubles`);
  }
  if (mostExchanges > Math.max(MOST_EXCHANGES, 4 * calls.length)) {
    found.push(`${mostExchanges} requests were under way to one server at once`);
  }
  return found;
}

function textOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const [, where = ""] = (error.stack ?? "").split("\n");
  return `${error.name}: ${error.message} ${where.trim()}`;
}
