// A call as the peer is asked for it: in an envelope, with headers of its own. Hot path.

import type { RequestId } from "../../jsonrpc/messages.ts";
import type { Finisher, Outbound, PeerRequest } from "../../jsonrpc/pending.ts";
import type { CallLimits } from "../../jsonrpc/running-call.ts";
import type { Progress } from "../../spec/types.ts";
import type { EraRequest } from "../era.ts";
import { converse } from "./conversation.ts";
import type { Line, Outcome } from "./conversation.ts";

/** A class: see jsonrpc/running-call.ts. */
export class CallRequest implements PeerRequest {
  readonly method: string;
  readonly params: object | undefined;
  readonly subject: string | undefined;
  readonly id: RequestId | undefined;
  readonly limits: CallLimits;
  readonly signal: AbortSignal | undefined;
  readonly onProgress: ((progress: Progress) => void) | undefined;
  readonly cancel: "notify" | "close";
  readonly outbound: Outbound | undefined;
  readonly finisher: Finisher | undefined;

  constructor(
    call: EraRequest,
    params: object | undefined,
    id: RequestId | undefined,
    limits: CallLimits,
    cancel: "notify" | "close",
    outbound: Outbound,
    finisher: Finisher | undefined,
  ) {
    this.method = call.method;
    this.params = params;
    this.subject = call.subject;
    this.id = id;
    this.limits = limits;
    this.signal = call.signal;
    this.onProgress = call.onProgress;
    this.cancel = cancel;
    this.outbound = outbound;
    this.finisher = finisher;
  }
}

/** For the first request of a call, mostly its only one: with the answer the call is over, or becomes a conversation. */
export class FirstAnswer implements Finisher {
  readonly #line: Line;
  readonly #call: EraRequest;
  readonly #startedAt: number;

  constructor(line: Line, call: EraRequest) {
    this.#line = line;
    this.#call = call;
    this.#startedAt = line.host.clock.now();
  }

  onResult(result: object): object | Promise<object> {
    // From a transport that does not check, it may be nothing.
    const type = (result as { resultType?: unknown } | undefined)?.resultType;
    const isPlain = type === "complete" || type === undefined;
    // A list is looked through, which may report to whoever listens: not from inside the transport.
    if (!isPlain || this.#call.method === "tools/list") return this.#goOn({ result });
    return this.#line.accept(this.#call, result);
  }

  onError(error: unknown): Promise<object> {
    return this.#goOn({ error });
  }

  #goOn(outcome: Outcome): Promise<object> {
    return Promise.resolve(outcome).then((first) =>
      converse(this.#line, this.#call, first, this.#startedAt),
    );
  }
}
