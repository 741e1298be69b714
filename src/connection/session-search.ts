// The search for a session among the replicas of a server, when one of them does not know it.

import { McpAuthError, McpHttpError, McpResponseError } from "../core/errors.ts";
import type { McpError } from "../core/errors.ts";
import type { EraSession, PingAnswer, PingMethod } from "../eras/era.ts";
import type { Quirks } from "../jsonrpc/quirks.ts";
import type { Route, Routes } from "../jsonrpc/transport.ts";

/**
 * How requests of one session are spread over the replicas behind an address.
 *
 * - `unknown`: too little was seen of it
 * - `single`: one server, or replicas that share their sessions
 * - `cookie`: the balancer keeps the session on one replica by a cookie, which is sent back
 * - `per-connection`: each connection leads to one replica, as with a Kubernetes Service
 * - `per-request`: each request may meet another replica
 */
export type Routing = "unknown" | "single" | "cookie" | "per-connection" | "per-request";

/**
 * - `lost`: no connection led to a server that knows the session
 * - `here`: every connection did: the refusal was about the request
 * - `elsewhere`: some did, others did not
 */
export type SearchResult = "lost" | "here" | "elsewhere";

/**
 * The connections that are tried, wave by wave. Eight in all: of two replicas, one that knows the session is missed once
 * in 256 searches. The first is the very connection that was refused.
 */
const WAVES: readonly (readonly Route[])[] = [
  ["refused"],
  ["other", "other", "other"],
  ["other", "other", "other", "other"],
];

/** A session that was answered so often, over so many connections, has no other replica behind its address. */
const SINGLE_ANSWERS = 16;
const SINGLE_CONNECTIONS = 4;

/** Different words of refusal that are remembered. */
const MAX_WORDS = 8;

export interface SearchOptions {
  /** Why the session is looked for: a request was refused with this. */
  readonly error: McpError;
  readonly signal: AbortSignal;
  readonly method: PingMethod;
}

export interface Found {
  readonly result: SearchResult;
  /** The first ping that was refused. */
  readonly refusal: PingAnswer | undefined;
}

/** Counted since the session began. */
export interface SessionUse {
  readonly answers: number;
  readonly connections: number;
}

/** What is known of one server's address, over all sessions. */
export class SessionSearch {
  readonly #quirks: Quirks;
  #routing: Exclude<Routing, "cookie" | "single"> = "unknown";
  /** The words in which replicas refused a session that others knew: a few, as they are one program. */
  readonly #strangers: McpError[] = [];
  /** Eight connections in a row knew the session that holds now. */
  #isKnownEverywhere = false;

  constructor(quirks: Quirks) {
    this.#quirks = quirks;
  }

  /** Replicas without shared sessions were seen. */
  get hasReplicas(): boolean {
    return this.#routing !== "unknown";
  }

  /** A request that was refused so may simply be sent again: the next one may meet the right replica. */
  isPerRequest(error: McpError): boolean {
    if (this.#routing !== "per-request") return false;
    return this.#strangers.some((stranger) => isSameRefusal(error, stranger));
  }

  /** Another session begins. */
  onSession(): void {
    this.#isKnownEverywhere = false;
  }

  routing(routes: Routes | undefined, use: SessionUse): Routing {
    if (this.#routing !== "unknown") return this.#routing;
    if (routes?.hasCookies === true) return "cookie";
    return isSingle(use) ? "single" : "unknown";
  }

  /**
   * Asks over the connection that was refused, and over others, whether the session is known there.
   *
   * @throws what the pings failed with, if none was answered
   */
  async run(
    session: EraSession,
    routes: Routes | undefined,
    use: SessionUse,
    { error, signal, method }: SearchOptions,
  ): Promise<Found> {
    const isProven = !this.hasReplicas && (this.#isKnownEverywhere || isSingle(use));
    const isShort = routes === undefined || isProven || isOwnError(error) || this.#quirks.strict;
    const waves = isShort ? WAVES.slice(0, 1) : WAVES;
    const seen = { known: 0, unknown: 0, knownAgain: false };
    let refusal: PingAnswer | undefined;
    let failure: unknown;
    for (const [index, wave] of waves.entries()) {
      const pings = wave.map((route) => session.ping({ signal, route, method }));
      for (const ping of await Promise.allSettled(pings)) {
        if (ping.status === "rejected") failure = ping.reason;
        else if (!isAnswerOf(ping.value)) failure = errorOf(ping.value);
        else if (isRefusal(session, error, ping.value)) {
          seen.unknown += 1;
          refusal ??= ping.value;
        } else {
          seen.known += 1;
          if (index === 0) seen.knownAgain = true;
        }
      }
      signal.throwIfAborted();
      if (seen.known > 0 && seen.unknown > 0) break;
    }
    const result = resultOf(seen, refusal !== undefined && isBorneOut(error, refusal));
    if (result === undefined) throw failure;
    if (result === "elsewhere") this.#learn(seen.knownAgain, refusal);
    if (result === "here" && !isShort) this.#isKnownEverywhere = true;
    routes?.releaseRefused(this.#routing === "per-connection" ? "drop" : "keep");
    return { result, refusal };
  }

  /** A connection over which the session was refused, and is known now, does not decide: each request does. */
  #learn(isKnownAgain: boolean, refusal: PingAnswer | undefined): void {
    const stranger = refusal && errorOf(refusal);
    const isNew =
      stranger !== undefined && !this.#strangers.some((one) => isSameRefusal(one, stranger));
    if (isNew && this.#strangers.length < MAX_WORDS) this.#strangers.push(stranger);
    if (isKnownAgain) this.#routing = "per-request";
    else if (this.#routing === "unknown") this.#routing = "per-connection";
    this.#quirks.note("replicas-without-affinity", this.#routing);
  }
}

function isSingle({ answers, connections }: SessionUse): boolean {
  return answers >= SINGLE_ANSWERS && connections >= SINGLE_CONNECTIONS;
}

/** @param isBorne the pings were refused in the words of the request */
function resultOf(
  { known, unknown, knownAgain }: { known: number; unknown: number; knownAgain: boolean },
  isBorne: boolean,
): SearchResult | undefined {
  // Where it was refused the session is known, and replicas that do not know it say so in other words.
  if (knownAgain && !isBorne) return "here";
  if (known > 0) return unknown > 0 ? "elsewhere" : "here";
  return unknown > 0 ? "lost" : undefined;
}

/** An error in good order is most often the request's own: it is not worth a search. */
function isOwnError(error: McpError): boolean {
  return error instanceof McpResponseError && (error.status ?? 200) < 300;
}

/** Whether a ping was refused as the request was: in the same clear words, or in words that bear the others out. */
function isRefusal(session: EraSession, error: McpError, answer: PingAnswer): boolean {
  if (session.refusalOf(error) === "suspect") return confirmsLoss(error, answer);
  return answer.kind === "refused" && session.refusalOf(answer.error) === "unknown";
}

/** A proxy that cannot reach the server says nothing about the session. */
function isAnswerOf(answer: PingAnswer): boolean {
  return answer.kind !== "refused" || !isFromBetween(answer.error);
}

export function errorOf(answer: PingAnswer): McpError | undefined {
  return answer.kind === "alive" ? undefined : answer.error;
}

/** Whether a status may be that of a proxy, or of a server too busy to look at the request. */
export function isFromBetween(error: McpError): boolean {
  if (!(error instanceof McpHttpError) && !(error instanceof McpResponseError)) return false;
  const { status = 200 } = error;
  return [408, 425, 429, 502, 503, 504].includes(status);
}

/**
 * Whether the answer to a ping bears out that a session is lost of which a request was refused: the ping was refused too,
 * and, where both came as JSON-RPC errors in good order, with the same code.
 */
export function confirmsLoss(refusal: McpError, answer: PingAnswer): boolean {
  switch (answer.kind) {
    case "alive":
      return false;
    case "refused":
      return !isFromBetween(answer.error);
    case "odd":
      return (
        refusal instanceof McpResponseError &&
        answer.error instanceof McpResponseError &&
        (refusal.status ?? 200) < 300 &&
        refusal.rpcCode === answer.error.rpcCode
      );
  }
}

/**
 * Whether a request was refused for the session's sake and not taken, as the refusal of a ping shows: a server refuses a
 * session in the same words, whatever is asked. Other words may be the answer of a tool that has run.
 */
export function isBorneOut(refusal: McpError, answer: PingAnswer): boolean {
  const error = errorOf(answer);
  return error !== undefined && isSameRefusal(refusal, error);
}

/** The same status and code, and the same silence about the request. */
export function isSameRefusal(one: McpError, other: McpError): boolean {
  const [a, b] = [wordsOf(one), wordsOf(other)];
  return a.status === b.status && a.code === b.code && a.isUnattributed === b.isUnattributed;
}

interface Words {
  readonly status: number | undefined;
  readonly code: number | undefined;
  readonly isUnattributed: boolean;
}

function wordsOf(error: McpError): Words {
  if (error instanceof McpResponseError) {
    const { status = 200, rpcCode: code, isUnattributed } = error;
    return { status, code, isUnattributed };
  }
  const isHttp = error instanceof McpHttpError || error instanceof McpAuthError;
  return { status: isHttp ? error.status : undefined, code: undefined, isUnattributed: true };
}
