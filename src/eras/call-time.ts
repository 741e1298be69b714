// The time of a call that is made of several requests: one total limit and one signal over all of them.

import { withEither } from "../core/abort.ts";
import { withLimit } from "../core/limit.ts";
import { McpTimeoutError } from "../core/errors.ts";
import { describeRequest } from "../jsonrpc/pending.ts";
import type { CallLimits } from "../jsonrpc/running-call.ts";
import type { EraHost, EraRequest } from "./era.ts";

export class CallTime {
  readonly #host: EraHost;
  readonly #call: EraRequest;
  readonly #endsAt: number;

  /** The total limit runs from `startedAt` on. */
  constructor(host: EraHost, call: EraRequest, startedAt: number = host.clock.now()) {
    this.#host = host;
    this.#call = call;
    this.#endsAt = startedAt + call.limits.totalMs;
  }

  get leftMs(): number {
    return Math.max(1, this.#endsAt - this.#host.clock.now());
  }

  get isOver(): boolean {
    return this.#host.clock.now() >= this.#endsAt;
  }

  /** For the next request. */
  limits(): CallLimits {
    const { leftMs } = this;
    const { silenceMs, totalMs, statedTotalMs = totalMs } = this.#call.limits;
    return { silenceMs: Math.min(silenceMs, leftMs), totalMs: leftMs, statedTotalMs };
  }

  /** Work on this side that may not heed its signal: ends with it anyway, or with the total limit. */
  async race<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { clock, closed } = this.#host;
    // Whatever still runs in the end is told that nobody waits for it.
    const over = new AbortController();
    try {
      return await withEither([this.#call.signal, closed], (signal) =>
        withLimit(
          { clock, limitMs: this.leftMs, signal, onLimit: () => this.outOfTime() },
          (ended) => work(AbortSignal.any([ended, over.signal])),
        ),
      );
    } finally {
      over.abort();
    }
  }

  outOfTime(): McpTimeoutError {
    const { server } = this.#host;
    const { method, limits, tool } = this.#call;
    const what = describeRequest(method, tool?.name);
    const statedMs = limits.statedTotalMs ?? limits.totalMs;
    return new McpTimeoutError(
      `${what} on server "${server}" took longer than the total limit of ${statedMs} ms: it was given up; it may have run, wholly or in part. Raise totalTimeoutMs if that is expected`,
      { server, method, sent: "yes", limit: "total", timeoutMs: statedMs },
    );
  }
}
