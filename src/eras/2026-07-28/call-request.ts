// A call as the peer is asked for it: in an envelope, with headers of its own. Hot path.

import type { RequestId } from "../../jsonrpc/messages.ts";
import type { Outbound, PeerRequest } from "../../jsonrpc/pending.ts";
import type { CallLimits } from "../../jsonrpc/running-call.ts";
import type { Progress } from "../../spec/types.ts";
import type { EraRequest } from "../era.ts";

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

  constructor(
    call: EraRequest,
    params: object | undefined,
    id: RequestId | undefined,
    limits: CallLimits,
    cancel: "notify" | "close",
    outbound?: Outbound,
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
  }
}
