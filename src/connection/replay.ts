// The replay policy: what may be sent again, as one pure function. The promise of the whole package stands here.

import {
  McpAuthError,
  McpConnectionError,
  McpHttpError,
  McpProtocolError,
  McpResponseError,
} from "../core/errors.ts";
import { INTERNAL_ERROR } from "../jsonrpc/messages.ts";
import type { Refusal } from "../eras/era.ts";
import type { Tool } from "../spec/types.ts";

/**
 * - `safe`: repeating it is harmless by the protocol (lists, reads, get, complete, ping).
 * - `repeatable`: a tool whose trusted server says that it is read-only or idempotent.
 * - `unsafe`: everything else.
 */
export type ReplayClass = "safe" | "repeatable" | "unsafe";

/** The caller's own word: `safe` follows the class, `always` permits, `never` forbids a second execution. */
export type ReplayOption = "safe" | "always" | "never";

const SAFE_METHODS: ReadonlySet<string> = new Set([
  "ping",
  "tools/list",
  "resources/list",
  "resources/templates/list",
  "resources/read",
  "resources/subscribe",
  "resources/unsubscribe",
  "prompts/list",
  "prompts/get",
  "completion/complete",
  "logging/setLevel",
  "tasks/get",
  "tasks/list",
  "tasks/result",
  // Answers that were given already are ignored, and cancelled is cancelled (4.13).
  "tasks/update",
  "tasks/cancel",
  "server/discover",
]);

export function replayClassOf(
  method: string,
  tool: Tool | undefined,
  trusted: boolean,
): ReplayClass {
  // First, because nearly all are: a look into the set costs more than all the rest.
  if (method !== "tools/call") return SAFE_METHODS.has(method) ? "safe" : "unsafe";
  const hints = tool?.annotations;
  const repeatable = hints?.readOnlyHint === true || hints?.idempotentHint === true;
  return trusted && repeatable ? "repeatable" : "unsafe";
}

/** When in an exchange it went wrong, as far as that decides what may be done. */
export type Moment =
  /** Nothing of it was written. */
  | { readonly name: "not-sent" }
  /** Written, and its answer is lost for good. */
  | { readonly name: "lost" }
  /** The server says that it does not know the session: it did not take the request. */
  | { readonly name: "session-lost"; readonly isLate: boolean }
  /** Refused by something that may not speak the era at all: another one is looked for. */
  | { readonly name: "era-lost"; readonly isLate: boolean }
  /**
   * Refused in words that may be about the session: a ping tells. If the session is lost, `isProof` says whether such a
   * refusal shows that the request was not taken. `isBroken`: the error names the request, and says that something broke
   * inside the server: it may have run.
   */
  | {
      readonly name: "session-suspect";
      readonly isLate: boolean;
      readonly isProof: boolean;
      readonly isBroken: boolean;
    }
  /** 429, or what else the user knows to mean the same: the server did not take it, and says when to come back. */
  | { readonly name: "throttled"; readonly retryAfterMs: number | undefined }
  /** 502, 503, 504: somebody between, or the server itself, cannot say whether it was taken. */
  | { readonly name: "gateway"; readonly retryAfterMs: number | undefined }
  /** An answer, a limit, the caller's will: there is nothing to try. */
  | { readonly name: "final" };

/** A refusal that took longer is late, milliseconds: a proxy may have given the request to another server first. */
const LATE_REFUSAL_MS = 500;

/** On a slow network an answer takes a while: so many times the fastest one is never late. */
const SLOW_NETWORK_FACTOR = 3;

/**
 * Whether a refusal came so late that the request may have run before: a proxy that repeats requests gives one to a second
 * server when the first has broken off, and the second does not know the session.
 *
 * @param fastestMs the fastest answer of this server so far, milliseconds; `undefined` if there was none
 */
export function isLateRefusal(tookMs: number, fastestMs: number | undefined): boolean {
  return tookMs > Math.max(LATE_REFUSAL_MS, (fastestMs ?? 0) * SLOW_NETWORK_FACTOR);
}

/**
 * Classifies by type and code, never by text.
 *
 * @param refusal the era's own judgement of the error
 * @param isLate see {@link isLateRefusal}
 * @param throttleStatuses those with which the server, or a proxy, refuses a call as one too many
 * @param hasSession the agreement has a session id, which the server may have forgotten
 */
export function momentOf(
  error: unknown,
  refusal: Refusal,
  isLate: boolean,
  throttleStatuses: readonly number[] = [429],
  hasSession: boolean = true,
): Moment {
  if (refusal === "unknown") return { name: hasSession ? "session-lost" : "era-lost", isLate };
  if (refusal === "suspect") {
    // A server that breaks with 500 may do so after it has run the request.
    const isProof = (statusOf(error) ?? 0) < 500;
    const isOwn = error instanceof McpResponseError && !error.isUnattributed;
    const isBroken = isOwn && error.rpcCode === INTERNAL_ERROR;
    return { name: "session-suspect", isLate, isProof, isBroken };
  }
  if (error instanceof McpConnectionError) {
    if (error.code === "OUTCOME_UNKNOWN") return { name: "final" };
    if (error.sent === "no") return error.retryable ? { name: "not-sent" } : { name: "final" };
    return { name: "lost" };
  }
  // The channel had to be given up (a line beyond the limit), and with it the answers of all other calls.
  if (error instanceof McpProtocolError && error.retryable && error.sent !== "no") {
    return { name: "lost" };
  }
  if (error instanceof McpHttpError) {
    const { status, retryAfterMs } = error;
    if (throttleStatuses.includes(status)) return { name: "throttled", retryAfterMs };
    if (status >= 502 && status <= 504) return { name: "gateway", retryAfterMs };
  }
  if (error instanceof McpResponseError && throttleStatuses.includes(error.status ?? 200)) {
    return { name: "throttled", retryAfterMs: error.retryAfterMs };
  }
  return { name: "final" };
}

function statusOf(error: unknown): number | undefined {
  const hasStatus =
    error instanceof McpHttpError ||
    error instanceof McpResponseError ||
    error instanceof McpAuthError;
  return hasStatus ? error.status : undefined;
}

export interface ReplayInput {
  readonly replayClass: ReplayClass;
  readonly option: ReplayOption;
  readonly moment: Moment;
  /** Second executions risked so far for this call. */
  readonly replays: number;
  /** The server has had its share of retries, or its breaker is open: as if this call had had all of its own. */
  readonly isSpent: boolean;
}

export type ReplayDecision =
  /** Reject with the error as it is. */
  | { readonly action: "fail" }
  /** Reject with `OUTCOME_UNKNOWN`. */
  | { readonly action: "fail-unknown" }
  /** It never ran: wait for a connection and send it. */
  | { readonly action: "resend" }
  /** It never ran: find the session, or begin another, and send it. */
  | { readonly action: "renew" }
  /** Ask whether the session lives. If not, it is as if the server had said so: decide again. */
  | { readonly action: "verify" }
  /** It never ran: wait in line until the server takes it, and send it. */
  | { readonly action: "wait" }
  /** It may have run; running it again is permitted. */
  | { readonly action: "replay"; readonly waitMs: number | undefined };

/** Second executions per call, at the most. */
export const MAX_REPLAYS = 2;

/** A lost answer is asked for again once. */
const MAX_REPLAYS_AFTER_LOSS = 1;

/** The longest `Retry-After` that is waited for, milliseconds; a longer one is the caller's to see. */
export const MAX_RETRY_AFTER_MS = 30_000;

export function decideReplay(input: ReplayInput): ReplayDecision {
  const { moment, replayClass, option } = input;
  const replays = input.isSpent ? MAX_REPLAYS : input.replays;
  const mayRunAgain = option === "always" || (option === "safe" && replayClass !== "unsafe");
  /** After a late refusal the request may have run, so that sending it again counts as a replay. */
  const maySpend = mayRunAgain && replays < MAX_REPLAYS;
  switch (moment.name) {
    case "final":
      return { action: "fail" };
    case "not-sent":
      return { action: "resend" };
    case "session-lost":
      // By the caller's own word nothing is sent twice, whatever the server says about it.
      if (option === "never") return { action: "fail" };
      return moment.isLate && !maySpend ? { action: "fail-unknown" } : { action: "renew" };
    case "era-lost":
      // A late refusal is an answer: nothing was lost.
      return option === "never" || (moment.isLate && !maySpend)
        ? { action: "fail" }
        : { action: "renew" };
    case "session-suspect":
      return { action: "verify" };
    case "lost":
      if (!mayRunAgain) return { action: "fail-unknown" };
      return replays < MAX_REPLAYS_AFTER_LOSS
        ? { action: "replay", waitMs: undefined }
        : { action: "fail-unknown" };
    case "throttled":
      // The server refused it, so that waiting and asking again is no second execution.
      if (option === "never" || isTooLong(moment.retryAfterMs)) return { action: "fail" };
      return { action: "wait" };
    case "gateway":
      if (!mayRunAgain) return { action: "fail-unknown" };
      if (replays >= MAX_REPLAYS || isTooLong(moment.retryAfterMs)) return { action: "fail" };
      return { action: "replay", waitMs: moment.retryAfterMs };
  }
}

/** The same after a ping has shown that the session of a suspect refusal is lost. */
export function decideLost(input: ReplayInput): ReplayDecision {
  const { moment, replayClass, option } = input;
  if (moment.name !== "session-suspect" || !moment.isProof) return { action: "fail" };
  const isHarmless = option === "always" || replayClass !== "unsafe";
  if (moment.isBroken && !isHarmless) return { action: "fail" };
  return decideReplay({ ...input, moment: { name: "session-lost", isLate: moment.isLate } });
}

function isTooLong(retryAfterMs: number | undefined): boolean {
  return retryAfterMs !== undefined && retryAfterMs > MAX_RETRY_AFTER_MS;
}
