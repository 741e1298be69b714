// One attempt at a call, as its session sends it. Hot path: one object for each attempt.

import type { CallFrame, EraRequest, EraSession } from "../eras/era.ts";
import type { RequestId } from "../jsonrpc/messages.ts";
import type { CallLimits } from "../jsonrpc/running-call.ts";
import type { Progress, Tool } from "../spec/types.ts";
import type { Call } from "./call.ts";
import type { Link } from "./link.ts";

export class Attempt implements EraRequest {
  readonly method: string;
  readonly params: object | undefined;
  readonly subject: string | undefined;
  readonly id: RequestId | undefined;
  readonly limits: CallLimits;
  readonly signal: AbortSignal | undefined;
  readonly onProgress: ((progress: Progress) => void) | undefined;
  readonly tool: Tool | undefined;
  readonly frame: CallFrame;

  constructor(call: Call, totalMs: number, id: RequestId | undefined) {
    const { signal, onProgress, meta } = call.options;
    this.method = call.method;
    this.params = meta === undefined ? call.params : withMeta(call.params, meta);
    this.subject = call.subject;
    this.id = id;
    this.limits = { silenceMs: call.timeoutMs, totalMs, statedTotalMs: call.totalTimeoutMs };
    this.signal = signal;
    this.onProgress = onProgress;
    this.tool = call.tool;
    this.frame = call;
  }
}

/** What the caller put into the parameters stays, beside what it gave as an option. */
function withMeta(params: object | undefined, meta: object): object {
  const own = (params as { _meta?: object } | undefined)?._meta;
  return { ...params, _meta: { ...own, ...meta } };
}

/** How an attempt failed, and where. */
export interface Failure {
  readonly error: unknown;
  readonly link: Link;
  readonly session: EraSession;
  /** When the attempt began, on the clock. */
  readonly startedAt: number;
}
