// Error -32042: a person must visit a URL first; then the same request is asked again.
// https://modelcontextprotocol.io/specification/2025-11-25/client/elicitation#url-elicitation-required-error

import { delay } from "../../core/clock.ts";
import { McpProtocolError, McpResponseError } from "../../core/errors.ts";
import { RpcError } from "../../jsonrpc/inbound.ts";
import type { ElicitUrlParams } from "../../spec/types.ts";
import { elicit } from "../elicitation.ts";
import type { EraHost, EraRequest } from "../era.ts";
import { limitHandlers } from "../handlers.ts";
import { CallTime } from "../call-time.ts";

const URL_ELICITATION_REQUIRED = -32042;

/** How often one call may be sent back to the person (7.23: a bounded number of times). */
const MAX_ROUNDS = 3;

/** Visits that one error may demand; an error that demands more is the call's. */
const MAX_VISITS = 32;

/** A visit of which the server reports the end, by this id. */
type Visit = ElicitUrlParams & { readonly elicitationId: string };

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
   * Sends a call, and again after each visit that the server demands, all inside the call's own limits.
   *
   * @throws the server's own error when the person declines, or after {@link MAX_ROUNDS}.
   */
  async run(call: EraRequest, send: (call: EraRequest) => Promise<object>): Promise<object> {
    const time = new CallTime(this.#host, call);
    let attempt = call;
    for (let round = 1; ; round++) {
      try {
        return await send(attempt);
      } catch (error) {
        const wanted = elicitationsOf(error);
        if (wanted === undefined || round > MAX_ROUNDS) throw error;
        const consented = await time.race((signal) => this.#visitAll(wanted, call, signal));
        if (!consented) throw error;
      }
      if (call.frame !== undefined) call.frame.wasRefused = true;
      // A repetition needs an id of its own (1.3).
      attempt = { ...call, id: undefined, limits: time.limits() };
    }
  }

  async #visitAll(
    wanted: readonly Visit[],
    call: EraRequest,
    signal: AbortSignal,
  ): Promise<boolean> {
    const { server } = this.#host;
    const handlers = limitHandlers(this.#host.handlers);
    for (const params of wanted) {
      // From now on: it may be reported before the person's consent is.
      const completed = this.#completionOf(params.elicitationId, signal);
      const context = { server, signal, progress: () => {} };
      const { action } = await elicit(handlers, { ...params, mode: "url" }, context).catch(
        (cause: unknown) => {
          if (!(cause instanceof RpcError)) throw cause;
          throw new McpProtocolError(
            `server "${server}" demands a visit that is refused: ${cause.message}`,
            { server, method: call.method, sent: "yes", cause },
          );
        },
      );
      if (action !== "accept") return false;
      await this.#patience(completed, call.limits.silenceMs);
    }
    return true;
  }

  /** Waits for the report, which is optional: at most `limitMs` from the person's consent on. */
  async #patience(completed: Promise<void>, limitMs: number): Promise<void> {
    const over = new AbortController();
    const limit = delay(this.#host.clock, limitMs, { signal: over.signal }).catch(() => {});
    await Promise.race([completed, limit]);
    over.abort();
  }

  /** Resolves when the server reports it, or on abort. */
  #completionOf(id: string, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        signal.removeEventListener("abort", done);
        this.#waiting.delete(id);
        resolve();
      };
      this.#waiting.set(id, done);
      signal.addEventListener("abort", done, { once: true });
    });
  }
}

function elicitationsOf(error: unknown): Visit[] | undefined {
  if (!(error instanceof McpResponseError) || error.rpcCode !== URL_ELICITATION_REQUIRED) return;
  const { elicitations } = (error.data ?? {}) as { elicitations?: unknown };
  if (!Array.isArray(elicitations) || elicitations.length === 0) return undefined;
  if (elicitations.length > MAX_VISITS) return undefined;
  const usable = elicitations.every(
    (one: Partial<ElicitUrlParams> | null) => typeof one?.elicitationId === "string",
  );
  return usable ? (elicitations as Visit[]) : undefined;
}
