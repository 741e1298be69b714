// Which era to speak with a server: what is remembered, what was asked for, and otherwise a probe.
// https://modelcontextprotocol.io/specification/2026-07-28/basic/versioning#backward-compatibility-with-initialization-based-versions

import { delay } from "../core/clock.ts";
import {
  McpHttpError,
  McpProtocolError,
  McpResponseError,
  McpTimeoutError,
} from "../core/errors.ts";
import { excerpt } from "../core/redact.ts";
import type { InboundHandlers } from "../jsonrpc/inbound.ts";
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
import { Envelope } from "./2026-07-28/envelope.ts";
import { discover } from "./2026-07-28/handshake.ts";
import { beginStateless } from "./2026-07-28/session.ts";
import {
  classify,
  classifyInitialize,
  isConclusive,
  isDiscoverResult,
  observe,
} from "./classify.ts";
import type { Verdict } from "./classify.ts";
import type { Agreement, EraHost, EraSession } from "./era.ts";

/** What is known of a server's era. */
export type KnownEra =
  | { readonly era: "session" }
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

/** A child process ended on the probe, as old servers do on anything but `initialize`: start it again without (S7). */
export class DiedOnProbe extends Error {
  constructor(cause: unknown) {
    super("the server ended on the probe", { cause });
    this.name = "DiedOnProbe";
  }
}

/**
 * How long a silent child is left with the probe alone, milliseconds (S6). A slow start may take longer; then
 * `initialize` goes to the same process as well, and its answer decides: servers of both eras take the last word.
 */
export const PATIENCE_MS = 5_000;

/** After the probe was answered, how long the answer to that `initialize` is still waited for, milliseconds. */
const LAST_WORD_MS = 2_000;

/**
 * Agrees with a server on how to speak.
 *
 * @throws {McpProtocolError} if there is no revision in common; {@link DiedOnProbe}; what `initialize` or the
 *   probe failed with.
 */
export async function negotiate(
  host: EraHost,
  memory: EraMemory,
  signal: AbortSignal,
): Promise<EraSession> {
  const { protocol, transport } = host;
  if (protocol === "legacy" || isSessionVersion(protocol)) {
    const version = protocol === "legacy" ? undefined : protocol;
    return startSession(host, version, signal).catch((error: unknown) => {
      throw classifyInitialize(error) === "stateless" ? noSessions(host, error) : error;
    });
  }
  // HTTP+SSE is spoken by servers of 2024-11-05 alone.
  if (transport.kind === "sse") return startSession(host, undefined, signal);
  const known = await memory.recall();
  // A child process is asked all the same: it costs nothing, and another may stand behind the same command.
  const isAway = transport.channel === "exchange";
  if (isAway && known?.era === "stateless" && known.discovered !== undefined) {
    return beginStateless(host, known.version, known.discovered, signal);
  }
  const negotiation = new Negotiation(host, memory, signal);
  if (protocol === "auto" && (known?.era === "session" || !host.mayProbe)) {
    try {
      return await negotiation.startSession(undefined);
    } catch (error) {
      const isRefused = host.mayProbe ? isAnswer(error) : classifyInitialize(error) === "stateless";
      // A process that hangs, or ends, may be another than the one that is remembered.
      if (isRefused || transport.channel === "duplex") memory.forget();
      if (!isRefused) throw error;
    }
  }
  return negotiation.run(known?.era === "stateless");
}

/** A server that turns out to have no sessions may ask nothing; one that has them asks when they have begun. */
const PROBING: InboundHandlers = {
  // At any time, before there is a session too (7.1).
  onRequest: (method) => (method === "ping" ? Promise.resolve({}) : undefined),
  onNotification: () => {},
};

/** The end of a probe. */
interface Probed {
  readonly verdict: Exclude<Verdict, { readonly era: "ask-again" }>;
  readonly result: object | undefined;
  readonly error: unknown;
}

class Negotiation {
  readonly #host: EraHost;
  readonly #memory: EraMemory;
  readonly #signal: AbortSignal;
  /** Once there is an answer. */
  #probed: Probed | undefined;
  /** `initialize` had the last word. */
  #isDecided = false;

  constructor(host: EraHost, memory: EraMemory, signal: AbortSignal) {
    this.#host = host;
    this.#memory = memory;
    this.#signal = signal;
  }

  async run(wasStateless: boolean): Promise<EraSession> {
    const { protocol, transport } = this.#host;
    const probing = this.#probe();
    // Only a channel without statuses can leave a question unanswered for ever.
    const isPatient = transport.channel === "exchange" || protocol !== "auto" || wasStateless;
    const probed = isPatient ? await probing : await this.#firstOf(probing);
    if (probed === undefined) return this.#withLastWord(probing);
    return this.#follow(probed);
  }

  /** Asks, at most twice. */
  async #probe(): Promise<Probed> {
    const { transport, peer } = this.#host;
    peer.handlers = PROBING;
    const { channel } = transport;
    let version: StatelessVersion = LATEST_STATELESS_VERSION;
    for (let asked = 0; ; asked++) {
      const { result, error } = await this.#ask(version).then(
        (answer: object) => ({ result: answer, error: undefined }),
        (cause: unknown) => ({ result: undefined, error: cause }),
      );
      if (this.#signal.aborted) this.#onTimeUp();
      const observation =
        result === undefined
          ? observe(error, channel, peer.isClosed)
          : ({ kind: "result", result } as const);
      const verdict = classify(observation, { channel, asked });
      if (verdict.era !== "ask-again") return (this.#probed = { verdict, result, error });
      // A late answer, when a session has begun: nothing follows from it (S6).
      if (this.#isDecided) return { verdict: { row: verdict.row, era: "unknown" }, result, error };
      version = verdict.version;
    }
  }

  /** What was remembered did not lead anywhere: next time everything is open. */
  #onTimeUp(): never {
    const reason: unknown = this.#signal.reason;
    if (reason instanceof McpTimeoutError) this.#memory.forget();
    throw reason;
  }

  #ask(version: StatelessVersion): Promise<object> {
    const { handshakeMs, peer } = this.#host;
    return discover(this.#host, new Envelope(this.#host, version), {
      // No number: a late answer can never be taken for one to `initialize` (1.5).
      id: `server-discover-probe-${peer.allocateId()}`,
      limits: { silenceMs: handshakeMs, totalMs: handshakeMs },
      signal: this.#signal,
    });
  }

  /** `undefined` after a while of silence. */
  async #firstOf(probing: Promise<Probed>): Promise<Probed | undefined> {
    const over = new AbortController();
    const signal = AbortSignal.any([this.#signal, over.signal]);
    const { clock, handshakeMs } = this.#host;
    // There must be time for the answer to `initialize` as well.
    const patienceMs = Math.min(PATIENCE_MS, handshakeMs / 3);
    const patience = delay(clock, patienceMs, { signal }).then(() => undefined);
    // When the probe is answered first, nobody waits for this any more.
    patience.catch(() => {});
    try {
      return await Promise.race([probing, patience]);
    } finally {
      over.abort();
    }
  }

  async #follow({ verdict, result, error }: Probed): Promise<EraSession> {
    switch (verdict.era) {
      case "stateless":
        return this.#startStateless(verdict.version, result);
      case "session":
        if (this.#host.protocol !== "auto") return this.#insist(verdict, error);
        return this.#startSessionAfterAll(verdict.version);
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

  async startSession(version: SessionVersion | undefined): Promise<EraSession> {
    const session = await startSession(this.#host, version, this.#signal);
    this.#memory.keep({ era: "session" });
    return session;
  }

  async #startSessionAfterAll(version: SessionVersion | undefined): Promise<EraSession> {
    try {
      return await this.startSession(version);
    } catch (error) {
      // It has no sessions either, and does not discover: its first real answer will tell (L5).
      if (classifyInitialize(error) !== "stateless") throw error;
      return this.#startStateless(LATEST_STATELESS_VERSION, undefined);
    }
  }

  /** Both were asked. A server of both eras speaks as it was asked last; one without sessions refuses. */
  async #withLastWord(probing: Promise<Probed>): Promise<EraSession> {
    const offering = offerSession(this.#host, LATEST_SESSION_VERSION, this.#signal);
    const answered = await Promise.any([
      offering,
      probing.then((probed) => this.#wait(probed, offering)),
    ]).catch(() => undefined);
    this.#signal.throwIfAborted();
    if (answered !== undefined && "begin" in answered) {
      this.#isDecided = true;
      const session = await answered.begin(this.#signal);
      // Next time it need not be asked for a session.
      const { verdict } = this.#probed ?? {};
      this.#memory.keep(
        verdict?.era === "stateless"
          ? { era: "stateless", version: verdict.version, discovered: undefined }
          : { era: "session" },
      );
      return session;
    }
    const probed = answered ?? (await probing);
    if (probed.verdict.era !== "session") return this.#follow(probed);
    // The probe says sessions, and `initialize` failed: that failure is what counts.
    const error: unknown = await offering.then(
      () => undefined,
      (cause: unknown) => cause,
    );
    if (classifyInitialize(error) !== "stateless") throw error;
    return this.#startStateless(LATEST_STATELESS_VERSION, undefined);
  }

  /** What the probe says, unless `initialize` says otherwise soon after. */
  async #wait(probed: Probed, offering: Promise<Agreement>): Promise<Probed | Agreement> {
    const { clock } = this.#host;
    if (probed.verdict.era === "session") return offering;
    const over = new AbortController();
    const limit = delay(clock, LAST_WORD_MS, { signal: over.signal }).then(() => probed);
    limit.catch(() => {});
    try {
      return await Promise.race([offering.catch(() => probed), limit]);
    } finally {
      over.abort();
    }
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

async function startSession(
  host: EraHost,
  version: SessionVersion | undefined,
  signal: AbortSignal,
): Promise<EraSession> {
  const agreement = await offerSession(host, version ?? LATEST_SESSION_VERSION, signal);
  return agreement.begin(signal);
}

/** Whether the server itself spoke, and not of credentials or of its own troubles. */
function isAnswer(error: unknown): boolean {
  const isOne = error instanceof McpResponseError || error instanceof McpHttpError;
  return isOne && isConclusive(error.status);
}
