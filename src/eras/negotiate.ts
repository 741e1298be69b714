// Which era to speak with a server: what is remembered, what was asked for, and otherwise a probe.
// https://modelcontextprotocol.io/specification/2026-07-28/basic/versioning#backward-compatibility-with-initialization-based-versions

import { delay } from "../core/clock.ts";
import {
  McpError,
  McpHttpError,
  McpProtocolError,
  McpResponseError,
  McpTimeoutError,
} from "../core/errors.ts";
import { excerpt } from "../core/redact.ts";
import type { DiscoverResult } from "../spec/types.ts";
import {
  isSessionVersion,
  LATEST_SESSION_VERSION,
  LATEST_STATELESS_VERSION,
  SESSION_VERSIONS,
  STATELESS_VERSIONS,
} from "../spec/versions.ts";
import type { SessionVersion, StatelessVersion } from "../spec/versions.ts";
import { offerSession } from "./2025-11-25/session.ts";
import { Probe } from "./2026-07-28/probe.ts";
import type { Probed } from "./2026-07-28/probe.ts";
import { beginStateless } from "./2026-07-28/session.ts";
import { classifyInitialize, isConclusive, isDiscoverResult } from "./classify.ts";
import type { Verdict } from "./classify.ts";
import type { Agreement, EraHost, EraSession } from "./era.ts";
import { DiedOnProbe, HandshakeRefused, moreHelpful } from "./handshake-failure.ts";

/** What is known of a server's era. */
export type KnownEra =
  | {
      readonly era: "session";
      /** `initialize` worked after a probe that gave no evidence: not to be believed for long. */
      readonly isGuess?: true;
    }
  | {
      readonly era: "stateless";
      readonly version: StatelessVersion;
      /** While it holds by the server's own word. */
      readonly discovered: DiscoverResult | undefined;
    };

/** Where it is remembered; must never reject. */
export interface EraMemory {
  recall(): Promise<KnownEra | undefined>;
  keep(known: KnownEra): void;
  forget(): void;
}

/**
 * How long a silent server is left with the probe alone, milliseconds (S6, H22). A slow start may take longer; then
 * `initialize` goes out as well: on stdio to the same process, where servers of both eras take the last word, over
 * HTTP on another socket, where the first answer that says something decides.
 */
export const PATIENCE_MS = 5_000;

/** After one of the two was answered, how long the answer to the other is still waited for, milliseconds. */
const LAST_WORD_MS = 2_000;

/**
 * Agrees with a server on how to speak.
 *
 * @throws {McpProtocolError} if there is no revision in common; {@link DiedOnProbe}; {@link HandshakeRefused}; what
 *   `initialize` or the probe failed with.
 */
export async function negotiate(
  host: EraHost,
  memory: EraMemory,
  signal: AbortSignal,
): Promise<EraSession> {
  const { protocol, transport } = host;
  const negotiation = new Negotiation(host, memory, signal);
  if (protocol === "legacy" || isSessionVersion(protocol)) {
    return negotiation.startAsked(protocol === "legacy" ? undefined : protocol);
  }
  if (transport.kind === "sse") {
    // HTTP+SSE is spoken by servers of 2024-11-05 alone.
    const agreement = await offerSession(host, LATEST_SESSION_VERSION, signal);
    return agreement.begin(signal);
  }
  const known = await memory.recall();
  // A child process is asked all the same: it costs nothing, and another may stand behind the same command.
  const isAway = transport.channel === "exchange";
  if (isAway && known?.era === "stateless" && known.discovered !== undefined) {
    return beginStateless(host, known.version, known.discovered, signal);
  }
  if (protocol === "auto" && (known?.era === "session" || !host.mayProbe)) {
    const session = await negotiation.startKnown(known);
    if (session !== undefined) return session;
  }
  return negotiation.run(known?.era === "stateless");
}

/** What came of `initialize`. */
type Offered = { readonly agreement: Agreement } | { readonly error: unknown };

class Negotiation {
  readonly #host: EraHost;
  readonly #memory: EraMemory;
  readonly #signal: AbortSignal;

  constructor(host: EraHost, memory: EraMemory, signal: AbortSignal) {
    this.#host = host;
    this.#memory = memory;
    this.#signal = signal;
  }

  /** The user asked for a session. */
  async startAsked(version: SessionVersion | undefined): Promise<EraSession> {
    const offered = await this.#offer(version);
    if ("agreement" in offered) return offered.agreement.begin(this.#signal);
    const { error } = offered;
    const isStateless = classifyInitialize(error) === "stateless";
    throw isStateless ? noSessions(this.#host, error) : this.#refused(error);
  }

  /** The server has had sessions before. `undefined`: it refuses `initialize`, and everything is open again. */
  async startKnown(known: KnownEra | undefined): Promise<EraSession | undefined> {
    const { mayProbe, transport } = this.#host;
    const offered = await this.#offer(undefined);
    try {
      if ("error" in offered) throw offered.error;
      const session = await offered.agreement.begin(this.#signal);
      // A guess grows old: it is not made certain by being used.
      const isGuess = known?.era === "session" && known.isGuess === true;
      if (!isGuess) this.#memory.keep({ era: "session" });
      return session;
    } catch (error) {
      const isRefused =
        "error" in offered &&
        (mayProbe ? isAnswer(error) : classifyInitialize(error) === "stateless");
      // A process that hangs, or ends, may be another than the one that is remembered.
      if (isRefused || transport.channel === "duplex") this.#memory.forget();
      if (!isRefused) throw error;
      return undefined;
    }
  }

  async run(wasStateless: boolean): Promise<EraSession> {
    const { protocol, transport, quirks } = this.#host;
    const isOpen = protocol === "auto" && !wasStateless;
    const mayGuess = isOpen && !quirks.strict;
    const probe = new Probe(this.#host, this.#signal, mayGuess);
    const probing = probe.ask().catch((reason: unknown) => {
      // What was remembered did not lead anywhere: next time everything is open.
      if (reason instanceof McpTimeoutError) this.#memory.forget();
      throw reason;
    });
    const isPatient = transport.channel === "exchange" ? !mayGuess : !isOpen;
    const probed = isPatient ? await probing : await this.#firstOf(probing);
    return probed === undefined ? this.#askBoth(probe, probing) : this.#follow(probed);
  }

  /** `initialize`; never rejects. */
  #offer(
    version: SessionVersion | undefined,
    signal: AbortSignal = this.#signal,
  ): Promise<Offered> {
    return offerSession(this.#host, version ?? LATEST_SESSION_VERSION, signal).then(
      (agreement) => ({ agreement }),
      (error: unknown) => ({ error }),
    );
  }

  /** `undefined` after a while of silence. */
  #firstOf(probing: Promise<Probed>): Promise<Probed | undefined> {
    const { handshakeMs } = this.#host;
    // There must be time for the answer to `initialize` as well.
    return this.#within(Math.min(PATIENCE_MS, handshakeMs / 3), probing);
  }

  async #within<T>(limitMs: number, work: Promise<T>): Promise<T | undefined> {
    const over = new AbortController();
    const signal = AbortSignal.any([this.#signal, over.signal]);
    const limit = delay(this.#host.clock, limitMs, { signal }).then(() => undefined);
    // When the work is done first, nobody waits for this any more.
    limit.catch(() => {});
    try {
      return await Promise.race([work, limit]);
    } finally {
      over.abort();
    }
  }

  async #follow(probed: Probed): Promise<EraSession> {
    const { verdict, result, error } = probed;
    switch (verdict.era) {
      case "stateless":
        return this.#startStateless(verdict.version, result);
      case "session":
        if (this.#host.protocol !== "auto") return this.#insist(verdict, error);
        return this.#conclude(await this.#offer(verdict.version), probed);
      case "maybe-session":
        return this.#conclude(await this.#offer(undefined), probed);
      case "incompatible":
        throw this.#nothingInCommon(verdict.supported);
      case "respawn":
        this.#memory.forget();
        throw this.#host.protocol === "auto" ? new DiedOnProbe(error) : error;
      case "unknown":
        // What was remembered did not lead anywhere: next time everything is open.
        this.#memory.forget();
        throw error;
    }
  }

  /** A stateless revision was asked for: a server that does not discover may still speak it (2.16). */
  #insist(verdict: Verdict & { era: "session" }, error: unknown): Promise<EraSession> {
    const { server, protocol, transport } = this.#host;
    const knowsNot = verdict.row === "H14" || (verdict.row === "S4" && isAnswer(error));
    if (knowsNot) return this.#startStateless(LATEST_STATELESS_VERSION, undefined);
    throw new McpProtocolError(
      `server "${server}" (${transport.address}) does not speak ${protocol}, the only revision allowed for it; set protocol: "auto" to let it speak an older one${error instanceof Error ? ` (${error.message})` : ""}`,
      { server, method: "server/discover", sent: "yes", cause: error },
    );
  }

  async #startStateless(
    version: StatelessVersion,
    result: object | undefined,
  ): Promise<EraSession> {
    const discovered = result !== undefined && isDiscoverResult(result) ? result : undefined;
    const session = await beginStateless(this.#host, version, discovered, this.#signal);
    this.#memory.keep({ era: "stateless", version, discovered });
    return session;
  }

  /** What comes of `initialize`, after a probe that said sessions, or nothing. */
  async #conclude(offered: Offered, probed: Probed): Promise<EraSession> {
    if ("agreement" in offered) return this.#begin(offered.agreement, probed);
    this.#signal.throwIfAborted();
    // It has no sessions either, and does not discover: its first real answer will tell (L5).
    if (classifyInitialize(offered.error) === "stateless") {
      return this.#startStateless(LATEST_STATELESS_VERSION, undefined);
    }
    const isGuess = probed.verdict.era !== "session";
    if (isGuess) this.#memory.forget();
    throw this.#refused(offered.error, isGuess ? probed.error : undefined);
  }

  async #begin(agreement: Agreement, { verdict, error }: Probed): Promise<EraSession> {
    const session = await agreement.begin(this.#signal);
    const { quirks } = this.#host;
    if (verdict.era === "session") this.#memory.keep({ era: "session" });
    else if (verdict.era === "stateless") {
      // Next time it need not be asked for a session.
      this.#memory.keep({ era: "stateless", version: verdict.version, discovered: undefined });
    } else {
      this.#memory.keep({ era: "session", isGuess: true });
      if (error === undefined) quirks.repair("probe-unanswered");
      else quirks.repair("probe-refused", describe(error));
    }
    return session;
  }

  /** Both are asked, and neither answer is bound to come. */
  async #askBoth(probe: Probe, probing: Promise<Probed>): Promise<EraSession> {
    const isExchange = this.#host.transport.channel === "exchange";
    const offerOver = new AbortController();
    const offering = this.#offer(undefined, AbortSignal.any([this.#signal, offerOver.signal]));
    let probed = await Promise.race([probing, offering.then(() => undefined)]);
    this.#signal.throwIfAborted();
    if (probed !== undefined && !needsOffer(probed.verdict, isExchange)) {
      // A process of both eras speaks as it was asked last; over HTTP the two answers are apart.
      if (isExchange) offerOver.abort();
      const last = isExchange ? undefined : await this.#within(LAST_WORD_MS, offering);
      if (last === undefined || "error" in last) return this.#follow(probed);
    }
    const offered = await offering;
    if ("agreement" in offered) {
      probe.dismiss();
      return this.#begin(offered.agreement, probed ?? probe.outcome);
    }
    if (probed === undefined && isExchange) {
      probed = await this.#within(LAST_WORD_MS, probing);
      if (probed === undefined) probe.dismiss();
    }
    probed ??= isExchange ? probe.outcome : await probing;
    const needs = needsOffer(probed.verdict, isExchange);
    return needs ? this.#conclude(offered, probed) : this.#follow(probed);
  }

  /** What is thrown when `initialize` failed, with the failure of a probe that gave no evidence. */
  #refused(error: unknown, probeError?: unknown): unknown {
    const helpful = probeError === undefined ? error : moreHelpful(error, probeError);
    const isOlder =
      this.#host.transport.kind === "http" && classifyInitialize(error) === "try-http-sse";
    return isOlder && helpful instanceof McpError
      ? new HandshakeRefused("initialize", helpful)
      : helpful;
  }

  #nothingInCommon(supported: readonly string[]): McpProtocolError {
    const { server } = this.#host;
    const theirs = excerpt(supported.join(", "), 200);
    const ours = [...SESSION_VERSIONS, ...STATELESS_VERSIONS].join(", ");
    return new McpProtocolError(
      `server "${server}" speaks protocol ${theirs === "" ? "(none)" : theirs}, this client ${ours}: there is none in common`,
      { server, method: "server/discover", sent: "yes" },
    );
  }
}

function noSessions({ server, protocol, transport }: EraHost, cause: unknown): McpProtocolError {
  const reason = cause instanceof Error ? ` (${cause.message})` : "";
  return new McpProtocolError(
    `server "${server}" (${transport.address}) has no sessions, and its option protocol: "${protocol}" asks for one; set protocol: "auto"${reason}`,
    { server, method: "initialize", sent: "yes", cause },
  );
}

/** Whether what the probe says leaves the decision to `initialize`. */
function needsOffer({ era }: Verdict, isExchange: boolean): boolean {
  return era === "session" || era === "maybe-session" || (isExchange && era === "unknown");
}

/** Whether the server itself spoke, and not of credentials or of its own troubles. */
function isAnswer(error: unknown): boolean {
  const isOne = error instanceof McpResponseError || error instanceof McpHttpError;
  return isOne && isConclusive(error.status);
}

/** The failure of a probe, in a word. */
function describe(error: unknown): string {
  const status: unknown = error instanceof McpError ? Reflect.get(error, "status") : undefined;
  if (typeof status === "number") return `HTTP ${status}`;
  return error instanceof McpError ? error.code : "no answer";
}
