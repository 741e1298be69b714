// Checks of a link that is up: health pings, refused sessions and their renewal. One at a time for each link.

import type { Background } from "../core/background.ts";
import { McpAuthError, McpHttpError, McpResponseError } from "../core/errors.ts";
import type { McpError } from "../core/errors.ts";
import type { EraSession, PingAnswer } from "../eras/era.ts";
import type { Quirks } from "../jsonrpc/quirks.ts";
import type { Connector } from "./connector.ts";
import type { Link } from "./link.ts";
import { confirmsLoss, errorOf, isBorneOut, isFromBetween } from "./session-search.ts";
import type { Found } from "./session-search.ts";
import type { ReadyState } from "./state.ts";

export interface LinkChecksOptions {
  readonly connector: Connector;
  readonly quirks: Quirks;
  readonly background: Background;
  /** The connection is still in this state. */
  readonly isCurrent: (state: ReadyState) => boolean;
  /** A check or a renewal begins. */
  readonly onTrouble: (error: McpError) => void;
  /** Calls may go over the link again. */
  readonly onGood: (link: Link) => void;
  /** The link could not be checked or renewed. */
  readonly onDead: (link: Link, cause: unknown) => void;
}

/** What a verification found. */
interface Verdict {
  /** The session was lost and another one has begun, or another replica knows it. */
  readonly isAboutSession: boolean;
  /** How the ping that decided was answered. */
  readonly answer: PingAnswer | undefined;
}

const STANDS: Verdict = { isAboutSession: false, answer: undefined };

export class LinkChecks {
  readonly #options: LinkChecksOptions;
  /** Under way; shared by all callers whose requests were refused on the same session. */
  #verification: { readonly session: EraSession; readonly verdict: Promise<Verdict> } | undefined;
  #recovery: Promise<void> | undefined;

  constructor(options: LinkChecksOptions) {
    this.#options = options;
  }

  /** Asks for a sign of life. The state's condition is `checking`. */
  async checkHealth(state: ReadyState): Promise<void> {
    const { connector, quirks, onDead } = this.#options;
    const { link } = state;
    const { session } = link;
    // A caller's report came first, and another session holds by now: the answer is about the old one.
    const isMoot = (): boolean =>
      !this.#options.isCurrent(state) || state.condition !== "checking" || link.session !== session;
    let answer: PingAnswer;
    try {
      answer = await connector.ping(link, state.attempt.signal);
    } catch (cause) {
      if (!isMoot()) onDead(link, cause);
      return;
    }
    if (isMoot()) return;
    if (answer.kind === "refused" && session.refusalOf(answer.error) === "unknown") {
      state.condition = "renewing";
      return this.recover(state, answer.error);
    }
    const isLive = answer.kind === "alive" || this.#isSignOfLife(answer.error, quirks);
    if (!isLive && answer.kind !== "alive") return onDead(link, answer.error);
    state.condition = "good";
    this.#options.onGood(link);
  }

  /** The session is not known to the server, by its own word: it is looked for, and otherwise renewed. */
  recover(state: ReadyState, error: McpError): Promise<void> {
    const { connector } = this.#options;
    const { link } = state;
    const { signal } = state.attempt;
    return this.#repair(state, error, async () => {
      if (link.session.hasSessionId) {
        const { result } = await connector.search(link, error, signal);
        if (result !== "lost") return;
      }
      await connector.renew(link, error, signal);
    });
  }

  /**
   * A request was refused in words that may be about the session. Asks with a ping, over other connections as well; if
   * that is refused everywhere, the session is renewed.
   *
   * @returns whether the request was refused for the session's sake, in the words of a lost session: the session was lost
   *   and another one has begun, or another replica knows it
   */
  async verify(state: ReadyState, session: EraSession, error: McpError): Promise<boolean> {
    const running = this.#verification;
    if (running?.session === session) {
      const { isAboutSession, answer } = await running.verdict;
      if (isAboutSession) return answer !== undefined && isBorneOut(error, answer);
      // That ping may have been answered before the session was lost.
      if (!this.#isUp(state, session)) return false;
    }
    const verdict = this.#verify(state, session, error).catch(() => STANDS);
    const verification = { session, verdict };
    this.#verification = verification;
    const { isAboutSession, answer } = await verdict;
    if (this.#verification === verification) this.#verification = undefined;
    return isAboutSession && answer !== undefined && isBorneOut(error, answer);
  }

  async #verify(state: ReadyState, session: EraSession, error: McpError): Promise<Verdict> {
    const { connector, quirks } = this.#options;
    const { link } = state;
    const { signal } = state.attempt;
    const { result, refusal: answer } = session.hasSessionId
      ? await connector.search(link, error, signal)
      : await this.#ask(link, error, signal);
    if (state.condition === "renewing") await this.#recovery;
    if (!this.#options.isCurrent(state) || result === "here") return STANDS;
    if (link.session !== session || result === "elsewhere") return { isAboutSession: true, answer };
    state.condition = "renewing";
    const reason = (answer && errorOf(answer)) ?? error;
    await this.#repair(state, error, () => connector.renew(link, reason, signal));
    if (!this.#options.isCurrent(state) || link.session === session) return STANDS;
    // A server that refuses pings on a new session as well refuses pings, not sessions.
    const proof = await connector.ping(link, signal);
    if (confirmsLoss(error, proof)) {
      connector.distrustPing();
      return STANDS;
    }
    quirks.note("session-refused-in-other-words", describeRefusal(error));
    return { isAboutSession: true, answer };
  }

  /** The same as a search, where there is no session that one replica could know and another not. */
  async #ask(link: Link, error: McpError, signal: AbortSignal): Promise<Found> {
    const answer = await this.#options.connector.ping(link, signal);
    return { result: confirmsLoss(error, answer) ? "lost" : "here", refusal: answer };
  }

  /** Runs what makes the link good again; the state's condition is `renewing`. Never rejects. */
  #repair(state: ReadyState, error: McpError, work: () => Promise<void>): Promise<void> {
    this.#options.onTrouble(error);
    const { link } = state;
    const running = work().then(
      () => {
        if (!this.#options.isCurrent(state)) return;
        state.condition = "good";
        this.#options.onGood(link);
      },
      (cause: unknown) => {
        if (this.#options.isCurrent(state)) this.#options.onDead(link, cause);
      },
    );
    this.#recovery = running;
    this.#options.background.add(running);
    return running;
  }

  #isUp(state: ReadyState, session: EraSession): boolean {
    return this.#options.isCurrent(state) && state.link.session === session;
  }

  /** Whether an answer that is no result shows that the server lives: any does, unless a proxy may have given it. */
  #isSignOfLife(error: McpError, quirks: Quirks): boolean {
    if (isFromBetween(error)) return false;
    if (error instanceof McpResponseError && (error.status ?? 200) < 300) return true;
    return quirks.repair("ping-refused", describeRefusal(error));
  }
}

/** For the repair log: the status, the code, and no text of the server's. */
function describeRefusal(error: McpError): string {
  if (error instanceof McpHttpError) return `HTTP ${error.status}`;
  if (error instanceof McpAuthError) return `HTTP ${error.status ?? 401}`;
  if (!(error instanceof McpResponseError)) return error.code;
  return error.status === undefined
    ? `error ${error.rpcCode}`
    : `HTTP ${error.status} with error ${error.rpcCode}`;
}
