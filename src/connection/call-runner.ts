// One call over everything that happens to its server: attempts, replays, renewals, inside one deadline.
// Hot path: `run` hangs one pair of handlers on the first attempt.

import { withEither } from "../core/abort.ts";
import { delay } from "../core/clock.ts";
import type { Clock } from "../core/clock.ts";
import { withLimit } from "../core/limit.ts";
import {
  McpAuthError,
  McpClosedError,
  McpError,
  McpOutcomeUnknownError,
  McpTimeoutError,
} from "../core/errors.ts";
import type { EraSession } from "../eras/era.ts";
import { describeRequest } from "../jsonrpc/pending.ts";
import type { Admission } from "./admission.ts";
import { afterRefusal, answeredAfter, asMcpError } from "./attempt-error.ts";
import { Attempt } from "./attempt.ts";
import type { Failure } from "./attempt.ts";
import type { Call, CallOwner } from "./call.ts";
import type { Link } from "./link.ts";
import { decideLost, decideReplay, isLateRefusal, momentOf } from "./replay.ts";
import type { Moment, ReplayDecision, ReplayInput } from "./replay.ts";
import type { Supervisor } from "./supervisor.ts";
import { NOTHING_YET } from "./tally.ts";
import type { Tally } from "./tally.ts";

/** Between attempts, milliseconds: from `minMs` to a bound that doubles. */
const RETRY_PAUSE = { minMs: 100, firstBoundMs: 400, maxMs: 20_000 };

/** Behind replicas a refused request is sent so often before the session is looked for. */
const MAX_BLIND_RESENDS = 8;

/** Then it is refused for its own sake: of three replicas, the right one is missed so often once in 400,000 calls. */
const MAX_REFUSALS_IN_ROW = 32;

/** Upper bound of the pause after refusals in a row, for each of them, milliseconds. */
const REFUSAL_PAUSE_MS = 4;

/** A call that was refused as one too many waits first in line so often, and then behind all others. */
const MAX_FIRST_IN_LINE = 3;

/** A call that is refused as one too many more often than this, */
const MAX_THROTTLED = 8;

/** while so many others were answered, meets a limit of its own tool's and is given up. */
const OTHERS_ANSWERED = 4;

export interface CallRunnerOptions {
  readonly clock: Clock;
  readonly supervisor: Supervisor;
  readonly admission: Admission;
  readonly owner: CallOwner;
}

export class CallRunner {
  readonly #clock: Clock;
  readonly #server: string;
  readonly #supervisor: Supervisor;
  readonly #admission: Admission;
  readonly #owner: CallOwner;
  #replayCount = 0;

  constructor(options: CallRunnerOptions) {
    this.#clock = options.clock;
    this.#server = options.owner.server.name;
    this.#supervisor = options.supervisor;
    this.#admission = options.admission;
    this.#owner = options.owner;
  }

  /** Second executions that were risked. */
  get replayCount(): number {
    return this.#replayCount;
  }

  /** From its turn on. Throws what an attempt that cannot even be put together throws. Hot path. */
  run(call: Call): Promise<object> {
    const { turnAt } = call;
    const leftMs = call.totalTimeoutMs - (turnAt - call.startedAt);
    if (leftMs <= 0) throw this.#outOfTime(call);
    const link = this.#supervisor.link;
    if (link === undefined) return this.#settle(call, undefined);
    const { session } = link;
    return session.request(new Attempt(call, leftMs, call.options.requestId)).then(
      (result) => this.#owner.onResult(call, result),
      (error: unknown) => this.#settle(call, { error, link, session, startedAt: turnAt }),
    );
  }

  #settle(call: Call, failure: Failure | undefined): Promise<object> {
    return this.#untilSettled(call, failure).then(
      (result) => this.#owner.onResult(call, result),
      (error: unknown) => this.#owner.onError(call, error),
    );
  }

  async #untilSettled(call: Call, first: Failure | undefined): Promise<object> {
    const endsAt = call.startedAt + call.totalTimeoutMs;
    const left = (): number => endsAt - this.#clock.now();
    const tally: Tally = { ...NOTHING_YET };
    let failure = first;
    for (;;) {
      if (failure !== undefined) {
        const waitMs = await this.#afterFailure(call, failure, tally, left);
        if (waitMs > left()) throw this.#tooLate(call, failure.error, tally);
        if (waitMs > 0) await this.#pause(call, waitMs);
      }
      const link = await this.#ready(call, left(), tally);
      const { session } = link;
      if (failure !== undefined) this.#checkRenewal(call, session, failure, tally);
      this.#checkContinuation(call, session, failure?.error);
      if (left() <= 0) throw this.#unsent(call, this.#outOfTime(call), tally);
      // An id is never used twice (1.3): only the very first attempt has the caller's.
      const id = failure === undefined ? call.options.requestId : undefined;
      const startedAt = this.#clock.now();
      call.attemptAt = startedAt;
      try {
        return await session.request(new Attempt(call, left(), id));
      } catch (error) {
        failure = { error, link, session, startedAt };
      }
    }
  }

  /** What the failure allows: throws, or gives the time to wait before the next attempt. */
  async #afterFailure(
    call: Call,
    failure: Failure,
    tally: Tally,
    left: () => number,
  ): Promise<number> {
    const { error, session } = failure;
    // Before anything is concluded from it: the reason of an abort may be any error, one of ours too.
    call.options.signal?.throwIfAborted();
    if (!(error instanceof McpError)) throw error;
    const moment = this.#momentOf(failure, error);
    this.#tellBreaker(moment, failure, error);
    const decision = this.#decide(call, moment, tally);
    if (decision.action === "wait") {
      await this.#waitTurn(call, error, left(), tally);
      return 0;
    }
    // What becomes of this call is one thing; the session is found or renewed for all others.
    const isOver = decision.action === "fail" || decision.action === "fail-unknown";
    if (isOver && (moment.name === "session-lost" || moment.name === "era-lost")) {
      this.#supervisor.reportUnknownSession(session, error);
    }
    if (decision.action === "renew") this.#countRefusal(moment, tally);
    if (decision.action !== "verify") return this.#act(decision, call, failure, tally, left());
    // Behind replicas the next attempt tells as much as a ping, as long as it has not failed again and again.
    const isBlind =
      this.#supervisor.replicas.isPerRequest(error) &&
      (tally.refusals + 1) % MAX_BLIND_RESENDS !== 0;
    const isLost = isBlind || (await this.#untilVerified(call, session, error, left()));
    if (!isLost) throw error;
    const lost = decideLost(this.#inputOf(call, moment, tally));
    if (lost.action === "fail-unknown") throw this.#outcomeUnknown(call, error, tally);
    if (lost.action !== "renew") throw error;
    this.#countRefusal(moment, tally);
    return this.#refusalPause(tally);
  }

  /** Does what was decided, and gives the time to wait before the next attempt. */
  #act(
    decision: Exclude<ReplayDecision, { readonly action: "wait" }>,
    call: Call,
    { error: given, link, session }: Failure,
    tally: Tally,
    leftMs: number,
  ): number {
    const error = asMcpError(this.#server, given);
    switch (decision.action) {
      case "fail":
      case "verify":
        throw error.sent === "no" ? this.#unsent(call, error, tally) : error;
      case "fail-unknown":
        throw this.#outcomeUnknown(call, error, tally);
      case "resend":
        // A socket that was closed while it was idle says nothing about the server; a second one does.
        if (error.code !== "CONNECTION_LOST" || tally.resends > 0) {
          this.#supervisor.reportUnreachable(link, error);
        }
        // The first time the reconnect's own delays are enough; if the link says ready and still fails, slow down.
        return tally.resends++ === 0 ? 0 : this.#nextPause(tally);
      case "renew":
        // The next attempt may meet the replica that knows the session; if not, all wait while it is looked for.
        if (
          !this.#supervisor.replicas.isPerRequest(error) ||
          tally.refusals % MAX_BLIND_RESENDS === 0
        ) {
          this.#supervisor.reportUnknownSession(session, error);
        }
        return this.#refusalPause(tally);
      case "replay": {
        // On top of what the server asked for: never early, and not all who were told the same at once.
        const waitMs = (decision.waitMs ?? 0) + this.#nextPause(tally);
        tally.mayHaveRun = true;
        if (waitMs > leftMs) throw this.#tooLate(call, error, tally);
        tally.replays += 1;
        this.#replayCount += 1;
        return waitMs;
      }
    }
  }

  /** After a late refusal the request may have run: the next attempt risks a second execution, as after a loss. */
  #countRefusal(moment: Moment, tally: Tally): void {
    tally.refusals += 1;
    if (!("isLate" in moment) || !moment.isLate) return;
    tally.mayHaveRun = true;
    tally.replays += 1;
    this.#replayCount += 1;
  }

  #momentOf({ session, startedAt }: Failure, error: McpError): Moment {
    const { throttleStatuses } = this.#owner.server;
    const refusal = session.refusalOf(error);
    const { hasSessionId } = session;
    if (refusal === "none") return momentOf(error, refusal, false, throttleStatuses);
    const took = answeredAfter(error) ?? this.#clock.now() - startedAt;
    const isLate = isLateRefusal(took, this.#owner.fastestMs);
    return momentOf(error, refusal, isLate, throttleStatuses, hasSessionId);
  }

  /** Whether the session was lost, which a ping tells. A caller waits for it no longer than for everything else. */
  async #untilVerified(
    call: Call,
    session: EraSession,
    error: McpError,
    leftMs: number,
  ): Promise<boolean> {
    if (this.#owner.server.strict) {
      if (error instanceof McpAuthError) this.#supervisor.reportUnauthorized(session, error);
      return false;
    }
    const limits = { clock: this.#clock, limitMs: leftMs, onLimit: () => error };
    return withLimit({ ...limits, signal: call.options.signal }, () =>
      this.#supervisor.verifySession(session, error),
    );
  }

  #decide(call: Call, moment: Moment, tally: Tally): ReplayDecision {
    const input = this.#inputOf(call, moment, tally);
    const decision = decideReplay(input);
    if (decision.action !== "replay" || this.#admission.budget.tryTake()) return decision;
    return decideReplay({ ...input, isSpent: true });
  }

  #inputOf({ replayClass, options }: Call, moment: Moment, { replays }: Tally): ReplayInput {
    return { replayClass, option: options.replay ?? "safe", moment, replays, isSpent: false };
  }

  /** It counts failures of the network and of what stands in it, never what the server itself says. */
  #tellBreaker(moment: Moment, { link, startedAt }: Failure, error: McpError): void {
    // A channel is one for all calls: its loss is the supervisor's affair.
    if (link.transport.channel === "duplex") return;
    const isThrottled = moment.name === "throttled";
    // Not every 503: that of a server which is going or coming says nothing about how much it takes.
    if (isThrottled) this.#admission.onThrottled(startedAt, error);
    const isFailure = moment.name === "lost" || moment.name === "gateway";
    if (isFailure) {
      const isOpened = this.#admission.onFailure(startedAt, error);
      // From here on callers wait, and pings look for the server.
      if (isOpened) this.#supervisor.reportUnreachable(link, error, this.#admission);
    } else if (isThrottled) this.#admission.onRefusal();
    else if (error.sent === "yes" && error.code !== "TIMEOUT") this.#admission.onAnswer(startedAt);
  }

  /** The server refused the call as one too many: the call waits its turn, as long as its own time allows. */
  async #waitTurn(call: Call, error: McpError, leftMs: number, tally: Tally): Promise<void> {
    if (this.#admission.heldForMs > leftMs) throw this.#tooLate(call, error, tally);
    const { answeredCount } = this.#owner;
    if (tally.throttled === 0) tally.answeredBefore = answeredCount;
    tally.throttled += 1;
    // A limit of this one tool's: waiting on, first in line, would hold up all the others.
    const isOwnLimit = answeredCount - tally.answeredBefore >= OTHERS_ANSWERED;
    if (tally.throttled > MAX_THROTTLED && isOwnLimit) throw this.#tooLate(call, error, tally);
    try {
      await this.#admission.waitAgain(call, leftMs, tally.throttled > MAX_FIRST_IN_LINE);
    } catch (reason) {
      throw reason instanceof McpError ? this.#unsent(call, reason, tally) : reason;
    }
  }

  #nextPause(tally: Tally): number {
    const { minMs, firstBoundMs, maxMs } = RETRY_PAUSE;
    const boundMs = Math.min(maxMs, firstBoundMs * 2 ** tally.pauses++);
    return minMs + (boundMs - minMs) * this.#clock.random();
  }

  /** Callers that are refused in step meet the wrong replica in step, where a balancer takes them in turn. */
  #refusalPause({ refusalsInRow }: Tally): number {
    if (refusalsInRow < MAX_BLIND_RESENDS) return 0;
    return this.#clock.random() * REFUSAL_PAUSE_MS * refusalsInRow;
  }

  /** Waits between attempts; the end of the connection ends it too, and is then found by `#ready`. */
  async #pause(call: Call, waitMs: number): Promise<void> {
    const { signal } = call.options;
    const { ending } = this.#supervisor;
    await withEither([signal, ending], (either) =>
      delay(this.#clock, waitMs, { signal: either }),
    ).catch(() => signal?.throwIfAborted());
  }

  async #ready(call: Call, leftMs: number, tally: Tally): Promise<Link> {
    try {
      return await this.#supervisor.ready(leftMs, call.options.signal);
    } catch (error) {
      throw error instanceof McpError ? this.#unsent(call, error, tally) : error;
    }
  }

  /**
   * A refused request goes on only where the refusal was about the session: over replicas, in another session, or in
   * another era. Otherwise the server has meant the request.
   */
  #checkRenewal(call: Call, session: EraSession, failure: Failure, tally: Tally): void {
    const { error } = failure;
    const isSame = session === failure.session;
    const refusal = failure.session.refusalOf(error);
    tally.refusalsInRow = isSame && refusal !== "none" ? tally.refusalsInRow + 1 : 0;
    if (tally.refusalsInRow >= MAX_REFUSALS_IN_ROW) throw error;
    if (refusal !== "unknown" || !(error instanceof McpError)) return;
    if (isSame && this.#supervisor.replicas.hasReplicas) return;
    const isOtherEra = session.era !== failure.session.era;
    // Without a session id there was no session that a ping could have found to be lost.
    const isOther = failure.session.hasSessionId ? !isSame : isOtherEra;
    const isHarmless = call.replayClass !== "unsafe" || call.options.replay === "always";
    if (isOther || (isHarmless && tally.refusals <= 1)) return;
    throw error;
  }

  /** The server that asked for input has become another: what was begun there cannot be gone on with here. */
  #checkContinuation(call: Call, session: EraSession, error: unknown): void {
    if (call.continuation === undefined || session.era === "stateless") return;
    call.continuation = undefined;
    const isHarmless = call.replayClass !== "unsafe" || call.options.replay === "always";
    if (isHarmless && call.options.replay !== "never") return;
    throw this.#outcomeUnknown(call, asMcpError(this.#server, error), NOTHING_YET);
  }

  /** There is no time left for what the policy allows. */
  #tooLate(call: Call, error: unknown, tally: Tally): unknown {
    if (!(error instanceof McpError)) return error;
    if (error.sent === "no") return this.#unsent(call, error, tally);
    if (!tally.mayHaveRun || call.replayClass === "safe") return error;
    return this.#outcomeUnknown(call, error, tally);
  }

  /** The last attempt was not sent; what the caller must know is whether an earlier one may have run. */
  #unsent(call: Call, error: McpError, tally: Tally): McpError {
    const { method } = call;
    if (!tally.mayHaveRun && !call.hasBegun) {
      const isRefused = tally.refusals > 0 || call.wasRefused;
      return isRefused
        ? afterRefusal(error).forCall(method, "unknown")
        : error.forCall(method, "no");
    }
    if (error instanceof McpClosedError) {
      return error.forCall(method, tally.mayHaveRun ? "unknown" : "yes");
    }
    if (call.replayClass === "safe") return error.forCall(method, "unknown");
    return this.#outcomeUnknown(call, error.forCall(method, "unknown"), tally);
  }

  #outcomeUnknown(call: Call, cause: McpError, tally: Tally): McpOutcomeUnknownError {
    const ran =
      tally.replays === 0
        ? "it may have run once, and was not repeated"
        : `it was repeated, as it may be, and may have run up to ${tally.replays + 1} times`;
    const isAlways = call.options.replay === "always";
    const advice = isAlways ? "" : ', or pass replay: "always" if repeating it is harmless';
    // The last attempt may have been one that was not sent; this is about the one before.
    const sent = cause.sent === "no" ? "unknown" : cause.sent;
    return new McpOutcomeUnknownError(
      `${describeRequest(call.method, call.subject)} was sent to server "${this.#server}" and its answer was lost: ${ran}. Check before you call again${advice} (${cause.message})`,
      { server: this.#server, method: call.method, sent, cause },
    );
  }

  #outOfTime(call: Call): McpTimeoutError {
    return new McpTimeoutError(
      `${describeRequest(call.method, call.subject)} on server "${this.#server}" did not get a connection within its total limit of ${call.totalTimeoutMs} ms; it was not sent`,
      {
        server: this.#server,
        method: call.method,
        sent: "no",
        limit: "total",
        timeoutMs: call.totalTimeoutMs,
      },
    );
  }
}
