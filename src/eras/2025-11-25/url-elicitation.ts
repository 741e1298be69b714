// Error -32042: a person must visit a URL first; then the same request is asked again.
// https://modelcontextprotocol.io/specification/2025-11-25/client/elicitation#url-elicitation-required-error

import type { Timer } from "../../core/clock.ts";
import { McpResponseError } from "../../core/errors.ts";
import type { ElicitUrlParams } from "../../spec/types.ts";
import { elicit } from "../elicitation.ts";
import type { EraHost, EraRequest } from "../era.ts";

const URL_ELICITATION_REQUIRED = -32042;

/** How often one call may be sent back to the person (7.23: a bounded number of times). */
const MAX_ROUNDS = 3;

/** Asks the person, waits for completions, and repeats the call. */
export class UrlElicitation {
  readonly #host: EraHost;
  readonly #waiting: Map<string, () => void> = new Map();

  constructor(host: EraHost) {
    this.#host = host;
  }

  /** The server reports that the person is done; unknown ids are ignored (7.22). */
  complete(elicitationId: string): void {
    this.#waiting.get(elicitationId)?.();
  }

  /**
   * @param repeat sends the call again, with what is left of its time
   * @throws the server's own error when the person declines, or after {@link MAX_ROUNDS}.
   */
  async recover(
    error: unknown,
    call: EraRequest,
    repeat: () => Promise<object>,
    round = 1,
  ): Promise<object> {
    const wanted = elicitationsOf(error);
    if (wanted === undefined || round > MAX_ROUNDS) throw error;
    const ended = new AbortController();
    const signal =
      call.signal === undefined ? ended.signal : AbortSignal.any([call.signal, ended.signal]);
    try {
      for (const params of wanted) {
        const completion = this.#completionOf(params.elicitationId, call.limits.silenceMs, signal);
        const { server } = this.#host;
        const context = { server, signal, progress: () => {} };
        const { action } = await elicit(this.#host.handlers, { ...params, mode: "url" }, context);
        if (action !== "accept") throw error;
        await completion;
      }
    } finally {
      ended.abort();
    }
    call.signal?.throwIfAborted();
    return repeat().catch((again: unknown) => this.recover(again, call, repeat, round + 1));
  }

  /** Resolves when the server reports it, after `patienceMs` without a report (which is optional), or on abort. */
  #completionOf(id: string, patienceMs: number, signal: AbortSignal): Promise<void> {
    const { clock } = this.#host;
    return new Promise((resolve) => {
      const done = (): void => {
        clock.clearTimer(timer);
        signal.removeEventListener("abort", done);
        this.#waiting.delete(id);
        resolve();
      };
      const timer: Timer = clock.setTimer(done, patienceMs);
      this.#waiting.set(id, done);
      signal.addEventListener("abort", done, { once: true });
    });
  }
}

function elicitationsOf(error: unknown): ElicitUrlParams[] | undefined {
  if (!(error instanceof McpResponseError) || error.rpcCode !== URL_ELICITATION_REQUIRED) return;
  const { elicitations } = (error.data ?? {}) as { elicitations?: unknown };
  if (!Array.isArray(elicitations) || elicitations.length === 0) return undefined;
  const usable = elicitations.every(
    (one: Partial<ElicitUrlParams> | null) => typeof one?.elicitationId === "string",
  );
  return usable ? (elicitations as ElicitUrlParams[]) : undefined;
}
