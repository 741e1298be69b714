// The probe: `server/discover`, asked at most twice, and what its answer says of the server's era.
// https://modelcontextprotocol.io/specification/2026-07-28/basic/versioning#backward-compatibility-with-initialization-based-versions

import type { InboundHandlers } from "../../jsonrpc/inbound.ts";
import { LATEST_STATELESS_VERSION } from "../../spec/versions.ts";
import type { StatelessVersion } from "../../spec/versions.ts";
import { Envelope } from "./envelope.ts";
import { discover } from "./handshake.ts";
import { classify, observe } from "../classify.ts";
import type { Observation, Verdict } from "../classify.ts";
import type { EraHost } from "../era.ts";

/** The end of a probe. */
export interface Probed {
  readonly verdict: Exclude<Verdict, { readonly era: "ask-again" }>;
  readonly result: object | undefined;
  readonly error: unknown;
}

/** A server that turns out to have no sessions may ask nothing; one that has them asks when they have begun. */
const PROBING: InboundHandlers = {
  // At any time, before there is a session too (7.1).
  onRequest: (method) => (method === "ping" ? Promise.resolve({}) : undefined),
  onNotification: () => {},
};

export class Probe {
  readonly #host: EraHost;
  readonly #signal: AbortSignal;
  readonly #mayGuess: boolean;
  readonly #over: AbortController = new AbortController();
  #isMoot = false;
  #outcome: Probed | undefined;

  /** `mayGuess`: `initialize` may be tried without evidence. */
  constructor(host: EraHost, signal: AbortSignal, mayGuess: boolean) {
    this.#host = host;
    this.#signal = signal;
    this.#mayGuess = mayGuess;
  }

  /** What came of it, or silence, which is not waited for any more. */
  get outcome(): Probed {
    return this.#outcome ?? this.#conclude({ kind: "silence" }, 0, undefined, undefined);
  }

  /** Asks. Rejects with the signal's reason only. */
  async ask(): Promise<Probed> {
    const { transport, peer } = this.#host;
    peer.handlers = PROBING;
    let version: StatelessVersion = LATEST_STATELESS_VERSION;
    for (let asked = 0; ; asked++) {
      const { result, error } = await this.#discover(version).then(
        (answer: object) => ({ result: answer, error: undefined }),
        (cause: unknown) => ({ result: undefined, error: cause }),
      );
      this.#signal.throwIfAborted();
      if (this.#over.signal.aborted) return this.outcome;
      const observation: Observation =
        result === undefined
          ? observe(error, transport.channel, peer.isClosed)
          : { kind: "result", result };
      const verdict = classify(observation, { channel: transport.channel, asked });
      const isAgain = verdict.era === "ask-again" && !this.#isMoot;
      if (!isAgain) return (this.#outcome = this.#conclude(observation, asked, result, error));
      version = verdict.version;
    }
  }

  /** A session has begun: nothing follows from an answer that comes late (S6). Over HTTP its socket is freed. */
  dismiss(): void {
    this.#isMoot = true;
    if (this.#host.transport.channel === "exchange") this.#over.abort();
  }

  /** Where nothing may be guessed, or asked again, there is no evidence. */
  #conclude(
    observation: Observation,
    asked: number,
    result: object | undefined,
    error: unknown,
  ): Probed {
    const { channel } = this.#host.transport;
    const verdict = classify(observation, { channel, asked });
    const isOpen =
      verdict.era === "ask-again" || (verdict.era === "maybe-session" && !this.#mayGuess);
    return { verdict: isOpen ? { row: verdict.row, era: "unknown" } : verdict, result, error };
  }

  #discover(version: StatelessVersion): Promise<object> {
    const { handshakeMs } = this.#host;
    return discover(this.#host, new Envelope(this.#host, version), {
      limits: { silenceMs: handshakeMs, totalMs: handshakeMs },
      signal: AbortSignal.any([this.#signal, this.#over.signal]),
    });
  }
}
