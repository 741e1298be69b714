// A request on its way: what was asked, what is known of it, who waits for it.
// Hot path: one object per call.

import { McpResponseError, McpTimeoutError } from "../core/errors.ts";
import type { McpError, Sent } from "../core/errors.ts";
import { keptText } from "../core/flat.ts";
import { excerpt } from "../core/redact.ts";
import type { Progress } from "../spec/types.ts";
import type { JsonRpcFailure, JsonRpcRequest, RequestId } from "./messages.ts";
import { RunningCall } from "./running-call.ts";
import type { Abandoned, CallLimits, CallRules } from "./running-call.ts";
import type { Exchange, ExchangeHandle, HeaderList, ResponseHead, Route } from "./transport.ts";

/** What the era adds to everything that is sent: nothing here, headers on HTTP. */
export interface Outbound {
  readonly headers?: HeaderList | undefined;
  readonly resume?: { readonly headers: HeaderList } | undefined;
}

export interface PeerRequest {
  readonly method: string;
  readonly params?: object | undefined;
  /** What it is about, for messages: a tool's name. */
  readonly subject?: string | undefined;
  /** Default: a counter that never repeats in this peer's life. */
  readonly id?: RequestId | undefined;
  readonly limits: CallLimits;
  readonly signal?: AbortSignal | undefined;
  /** Asks the server for progress; each report also ends the silence. */
  readonly onProgress?: ((progress: Progress) => void) | undefined;
  /**
   * How to give up on it: tell the server (`notify`, the default), or say nothing (`close`: the stream's end says it,
   * or, as for `initialize`, it must not be cancelled).
   */
  readonly cancel?: "notify" | "close" | undefined;
  /** Instead of the peer's own. */
  readonly outbound?: Outbound | undefined;
  /** Which connection it goes over. Default `any`. */
  readonly route?: Route | undefined;
  /** Its answer is a stream that stays open, and must not take a place among the calls. */
  readonly isLongLived?: boolean | undefined;
  readonly onHead?: ((head: ResponseHead) => void) | undefined;
  /** Looks at how it ended before its caller does: cheaper than another promise for each. */
  readonly finisher?: Finisher | undefined;
}

export interface Finisher {
  /** What the caller gets. Must not throw. */
  onResult(result: object): object | Promise<object>;
  /** What the caller gets. Must not throw. */
  onError(error: unknown): Promise<object>;
}

/** Who keeps the pending requests. */
export interface PendingOwner {
  fail(pending: Pending, error: McpError): void;
  /** It was given up; gives what it rejects with. */
  abandon(pending: Pending, cause: Abandoned): unknown;
}

/** A request that waits for its answer; the transport's exchange at the same time. */
export class Pending extends RunningCall<object> implements Exchange {
  readonly id: RequestId;
  readonly request: PeerRequest;
  readonly headers: HeaderList | undefined;
  readonly resume: { readonly headers: HeaderList } | undefined;
  handle: ExchangeHandle | undefined;
  sent: Sent = "no";
  readonly #owner: PendingOwner;

  constructor(
    owner: PendingOwner,
    rules: CallRules,
    id: RequestId,
    request: PeerRequest,
    outbound: Outbound,
    resolve: (result: object | PromiseLike<object>) => void,
    reject: (error: Error) => void,
  ) {
    super(rules, request.limits, request.signal, resolve, reject);
    this.#owner = owner;
    this.id = id;
    this.request = request;
    this.headers = outbound.headers;
    this.resume = outbound.resume;
  }

  get isLongLived(): boolean | undefined {
    return this.request.isLongLived;
  }

  get route(): Route | undefined {
    return this.request.route;
  }

  onWritten(): void {
    if (this.sent === "no") this.sent = "unknown";
  }

  onHead(head: ResponseHead): void {
    this.sent = "yes";
    this.request.onHead?.(head);
  }

  onFailed(error: McpError): void {
    this.#owner.fail(this, error);
  }

  protected override abandon(cause: Abandoned): unknown {
    return this.#owner.abandon(this, cause);
  }

  protected override conclude(result: object): object | PromiseLike<object> {
    const { finisher } = this.request;
    return finisher === undefined ? result : finisher.onResult(result);
  }

  protected override recover(error: unknown): PromiseLike<object> | undefined {
    return this.request.finisher?.onError(error);
  }
}

/** Throws what a getter among the parameters throws. */
export function messageOf(
  id: RequestId,
  { method, params, onProgress }: PeerRequest,
): JsonRpcRequest {
  const message: JsonRpcRequest = { jsonrpc: "2.0", id, method };
  if (onProgress !== undefined) message.params = withProgressToken(params ?? {}, id);
  else if (params !== undefined) message.params = params;
  return message;
}

function withProgressToken(params: object, token: RequestId): object {
  const meta = (params as { _meta?: object })._meta;
  return { ...params, _meta: { ...meta, progressToken: token } };
}

/** The error of a call whose time is over. */
export function timeoutError(
  { request, sent }: Pending,
  { limit, timeoutMs }: Abandoned & { readonly why: "timeout" },
  server: string,
  signs: string | undefined,
): McpTimeoutError {
  const known =
    sent === "no" ? "it was never sent" : "it was cancelled; it may have run, wholly or in part";
  const what = describeRequest(request.method, request.subject);
  const advice =
    request.onProgress === undefined
      ? "Raise timeoutMs, or pass onProgress: a tool that reports progress starts the time anew"
      : "Raise timeoutMs, or have the tool report progress more often";
  return new McpTimeoutError(
    limit === "silence"
      ? `no ${signs === undefined ? "sign of life" : "message"} from server "${server}" for ${timeoutMs} ms during ${what}${signs === undefined ? "" : ` (${signs})`}: ${known}. ${advice}`
      : `${what} on server "${server}" took longer than the total limit of ${timeoutMs} ms: ${known}. Raise totalTimeoutMs if that is expected`,
    { server, method: request.method, sent, limit, timeoutMs },
  );
}

/** The server's error as ours. */
export function responseError(
  { request, handle }: Pending,
  { error }: JsonRpcFailure,
  server: string,
): McpResponseError {
  const { method } = request;
  const { code, data } = error;
  const rpcMessage = keptText(error.message ?? "");
  return new McpResponseError(
    `server "${server}" answered ${excerpt(method, 100)} with error ${code}: ${excerpt(rpcMessage)}`,
    { server, method, rpcCode: code, rpcMessage, data, answeredAfterMs: handle?.answeredAfterMs },
  );
}

/** A request as messages name it. */
export function describeRequest(method: string, subject: string | undefined): string {
  return subject === undefined ? method : `${method} of "${excerpt(subject, 100)}"`;
}
