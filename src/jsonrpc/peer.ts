// The JSON-RPC peer: who asked what, and who gets the answer. Hot path: `request` and `onMessage`.
// https://modelcontextprotocol.io/specification/2025-11-25/basic

import { callUser } from "../core/callback.ts";
import type { Clock } from "../core/clock.ts";
import { McpConfigError, McpTimeoutError } from "../core/errors.ts";
import type { McpError, McpProtocolError } from "../core/errors.ts";
import { textOf } from "../core/error-text.ts";
import { excerpt } from "../core/redact.ts";
import type { Progress } from "../spec/types.ts";
import { Claims, MAX_COUNTED_ID } from "./claims.ts";
import { InboundRequests, NO_HANDLERS } from "./inbound.ts";
import type { InboundHandlers } from "./inbound.ts";
import type {
  JsonRpcMessage,
  JsonRpcNotification,
  JsonRpcRequest,
  JsonRpcResponse,
  RequestId,
} from "./messages.ts";
import { isNotification, isRequest } from "./messages.ts";
import { messageOf, Pending, responseError, timeoutError } from "./pending.ts";
import type { Outbound, PeerRequest, PendingOwner } from "./pending.ts";
import { PendingTable } from "./pending-table.ts";
import type { Quirks } from "./quirks.ts";
import { UnusableResult } from "./repair.ts";
import type { Abandoned, CallRules } from "./running-call.ts";
import { Strays } from "./strays.ts";
import type { Exchange, ExchangeHandle, Route, Transport, TransportSink } from "./transport.ts";
import { UnansweredIds } from "./unanswered-ids.ts";

export interface PeerOptions {
  /** The server's name in the pool, for errors. */
  readonly server: string;
  readonly clock: Clock;
  /** The server's repair log. */
  readonly quirks: Quirks;
  readonly transport: Transport;
  /** What was received and fits nothing: answers to nobody, noise, violations; and callbacks that threw. */
  readonly onStray: (what: string, cause?: unknown) => void;
  /** The duplex channel is gone, and with it every call. */
  readonly onClose: (reason: McpError) => void;
}

/** How long a server may take to accept a notification or an answer, milliseconds; its socket is then freed. */
const ACCEPT_MS = 10_000;

export class Peer implements TransportSink, PendingOwner {
  /** Added to every message that does not bring its own; set by the era when a session begins. */
  outbound: Outbound = {};
  /** What the server may ask and tell; set by the era. */
  handlers: InboundHandlers = NO_HANDLERS;
  readonly inbound: InboundRequests;
  readonly repairs: Claims;
  readonly #options: PeerOptions;
  readonly #pending: PendingTable<Pending> = new PendingTable();
  readonly #unanswered: UnansweredIds = new UnansweredIds();
  readonly #progressWatchers: Map<RequestId, (progress: Progress) => void> = new Map();
  /** Notifications and answers that the server has not taken yet. */
  readonly #unaccepted: Set<(error: McpError) => void> = new Set();
  readonly #rules: CallRules;
  readonly #strays: Strays;
  #answeredCount = 0;
  #nextId = 1;
  #closed: McpError | undefined;

  constructor(options: PeerOptions) {
    this.#options = options;
    this.#rules = { clock: options.clock, isOurTurn: () => this.inbound.activeCount > 0 };
    this.repairs = new Claims(options, this.#pending);
    this.#strays = new Strays(options.clock, options.onStray);
    const strays = this.#strays;
    this.inbound = new InboundRequests({
      quirks: options.quirks,
      handlers: () => this.handlers,
      respond: (response) => this.#send(response),
      onRefused: (method) =>
        strays.report(
          () =>
            `a request ${excerpt(method, 100)}, which a server of this revision may not send: not answered`,
        ),
      onDropped: (method) =>
        strays.report(() => `a request ${excerpt(method, 100)} too many: thrown away`),
      notify: (method, params) => this.#sendQuietly({ jsonrpc: "2.0", method, params }),
      // What it worked on was ours to do: the server's silence begins only now.
      onSettled: () => {
        for (const pending of this.#pending.all()) pending.touch();
      },
      onHandlerError: (error, method) =>
        strays.report(() => `the handler for ${excerpt(method, 100)} threw`, error),
    });
  }

  /** An id that this peer has not used yet and will not use again. */
  allocateId(): RequestId {
    return this.#nextId++;
  }

  get answeredCount(): number {
    return this.#answeredCount;
  }

  /** Nothing can be sent any more: the channel is gone, or the peer was closed. */
  get isClosed(): boolean {
    return this.#closed !== undefined;
  }

  /** Requests without an answer yet. */
  get pendingCount(): number {
    return this.#pending.size;
  }

  /**
   * Sends a request and waits for its result.
   *
   * Rejects with `signal.reason` when aborted, {@link McpTimeoutError} when a limit passes (both tell the
   * server, if it was written), {@link McpResponseError} with the server's error, or what the transport reports.
   */
  request(request: PeerRequest): Promise<object> {
    const { method, signal } = request;
    if (signal?.aborted === true) return Promise.reject(signal.reason as Error);
    if (this.#closed !== undefined) return Promise.reject(this.#closed.forCall(method, "no"));
    const id = this.#useId(request.id);
    if (
      this.#pending.get(id) !== undefined ||
      (request.id !== undefined && this.#unanswered.has(id))
    )
      return Promise.reject(this.#idInUse(id, method));
    let message: JsonRpcRequest;
    try {
      message = messageOf(id, request);
    } catch (cause) {
      return Promise.reject(this.#unsendable(method, cause));
    }
    return new Promise((resolve, reject) => this.#begin(message, request, resolve, reject));
  }

  #begin(
    message: JsonRpcRequest,
    request: PeerRequest,
    resolve: (result: object | PromiseLike<object>) => void,
    reject: (error: Error) => void,
  ): void {
    const outbound = request.outbound ?? this.outbound;
    const pending = new Pending(this, this.#rules, message.id, request, outbound, resolve, reject);
    this.#pending.add(pending);
    this.#transmit(message, pending);
  }

  /** Sends a notification; resolves when it was taken (HTTP) or written. */
  notify(method: string, params?: object, outbound?: Outbound, route?: Route): Promise<void> {
    const message: JsonRpcNotification = { jsonrpc: "2.0", method };
    if (params !== undefined) message.params = params;
    return this.#send(message, outbound, route);
  }

  /** Reports progress for a token whose request is already answered (a task). Returns the function that stops it. */
  watchProgress(token: RequestId, onProgress: (progress: Progress) => void): () => void {
    this.#progressWatchers.set(token, onProgress);
    return () => this.#progressWatchers.delete(token);
  }

  /** Ends everything: pending calls reject with `reason`, handlers are aborted. The transport is left alone. */
  close(reason: McpError): void {
    if (this.#closed !== undefined) return;
    this.#closed = reason;
    this.rejectAll(reason);
    for (const fail of [...this.#unaccepted]) fail(reason);
    this.inbound.abortAll(reason);
  }

  /** Rejects every pending call, each with its own copy of what is known about it. */
  rejectAll(reason: McpError): void {
    for (const pending of this.#pending.all()) this.fail(pending, reason);
  }

  // --- from the transport ---

  onMessage(message: JsonRpcMessage | JsonRpcMessage[], exchange?: Exchange): void {
    if (Array.isArray(message)) {
      for (const one of message) this.#receive(one, exchange);
    } else {
      this.#receive(message, exchange);
    }
  }

  onInvalid(error: McpProtocolError): void {
    this.#strays.report(() => error.message);
  }

  async onUnanswered(): Promise<void> {
    await this.handlers.onUnanswered?.();
  }

  onBroken(text: string): RequestId | undefined {
    const pending = this.repairs.broken(text);
    if (pending !== undefined) this.fail(pending, this.repairs.brokenError(pending, text));
    return pending?.id;
  }

  onClose(reason: McpError): void {
    if (this.#closed !== undefined) return;
    this.close(reason);
    this.#options.onClose(reason);
  }

  /** @internal Called by a pending request whose exchange failed. */
  fail(pending: Pending, error: McpError): void {
    if (!this.#pending.delete(pending)) return;
    if (pending.sent !== "no") this.#unanswered.add(pending.id);
    pending.handle?.close();
    const sent = error.sent === "yes" ? "yes" : pending.sent;
    const server = error.server ?? this.#options.server;
    const { method } = pending.request;
    pending.reject(error.method === undefined ? error.forCall(method, sent, server) : error);
  }

  /** @internal Called by a pending request that was aborted, or whose time is over. */
  abandon(pending: Pending, cause: Abandoned): unknown {
    const { server } = this.#options;
    const { request, sent } = pending;
    const signs = cause.why === "timeout" ? pending.handle?.describeSilence?.() : undefined;
    if (this.#pending.delete(pending)) {
      if (sent !== "no") this.#unanswered.add(pending.id);
      const reason = cause.why === "aborted" ? "aborted by the caller" : `timeout (${cause.limit})`;
      if (request.cancel !== "close" && sent !== "no") {
        const params = { requestId: pending.id, reason };
        const message: JsonRpcNotification = {
          jsonrpc: "2.0",
          method: "notifications/cancelled",
          params,
        };
        this.#sendQuietly(message, request.outbound);
      }
      pending.handle?.close();
    }
    return cause.why === "aborted" ? cause.reason : timeoutError(pending, cause, server, signs);
  }

  // --- private ---

  #receive(message: JsonRpcMessage, exchange: Exchange | undefined): void {
    if (isRequest(message)) {
      this.inbound.receive(message);
    } else if (isNotification(message)) {
      this.#onNotification(message, exchange);
    } else {
      this.#onResponse(message, exchange);
    }
  }

  #onResponse(message: JsonRpcResponse, exchange: Exchange | undefined): void {
    let pending = message.id == null ? undefined : this.#pending.get(message.id);
    // An error without an id says that the request could not be read: it belongs to the exchange it came on.
    if (message.id == null && exchange instanceof Pending) pending = exchange;
    pending ??= this.repairs.claim(message, exchange);
    if (pending === undefined || !this.#pending.delete(pending)) {
      this.#unanswered.delete(message.id);
      this.repairs.onStray(message.id, this.#nextId);
      this.#strays.report(
        () =>
          `a response with id ${excerpt(JSON.stringify(message.id) ?? "", 100)} that no call waits for`,
      );
      return;
    }
    this.#answeredCount += 1;
    pending.sent = "yes";
    // It may have come on another stream than its request's.
    if (exchange !== pending) pending.handle?.close();
    if ("error" in message) pending.reject(responseError(pending, message, this.#options.server));
    else if (message.result instanceof UnusableResult) this.repairs.settle(pending, message.result);
    else pending.resolve(message.result);
  }

  #onNotification(message: JsonRpcNotification, exchange: Exchange | undefined): void {
    const stream = exchange instanceof Pending ? exchange : undefined;
    if (message.method === "notifications/progress") {
      // It belongs to a call, and comes on that call's stream (8.33).
      return stream?.isLongLived === true ? undefined : this.#onProgress(message.params);
    }
    if (message.method === "notifications/cancelled") {
      const id = (message.params as { requestId?: unknown } | undefined)?.requestId;
      this.inbound.cancel(id);
    }
    stream?.touch();
    this.handlers.onNotification(message.method, message.params, stream?.id);
  }

  #onProgress(params: object | undefined): void {
    const { progressToken, ...progress } = (params ?? {}) as Progress & {
      progressToken?: RequestId;
    };
    if (progressToken === undefined || typeof progress.progress !== "number") return;
    const token = this.repairs.token(progressToken, this.#progressWatchers);
    const pending = this.#pending.get(token);
    if (pending !== undefined) {
      pending.sent = "yes";
      pending.touch();
    }
    const report = pending?.request.onProgress ?? this.#progressWatchers.get(token);
    callUser(
      () => report?.(progress),
      (error) => this.#strays.report(() => "an onProgress callback threw", error),
    );
  }

  /** Keeps the counter ahead of the numbers that callers choose, so that no id comes twice (1.3). */
  #useId(chosen: RequestId | undefined): RequestId {
    if (chosen === undefined) return this.allocateId();
    this.repairs.onChosenId(chosen);
    if (typeof chosen === "number" && chosen >= this.#nextId && chosen < MAX_COUNTED_ID) {
      this.#nextId = chosen + 1;
    }
    return chosen;
  }

  #idInUse(id: RequestId, method: string): McpConfigError {
    const { server } = this.#options;
    const isOver = this.#unanswered.has(id);
    return new McpConfigError(
      `${excerpt(method, 100)} was not sent to server "${server}": its requestId ${excerpt(JSON.stringify(id), 100)} ${isOver ? "was that of a call that was given up, and whose answer may still come" : "is that of a call under way"}; choose another, or leave requestId out`,
      { server, method, path: "requestId" },
    );
  }

  #transmit(message: JsonRpcRequest, pending: Pending): void {
    let handle: ExchangeHandle;
    try {
      handle = this.#options.transport.send(message, pending);
    } catch (cause) {
      return this.fail(pending, this.#unsendable(message.method, cause));
    }
    if (this.#pending.get(pending.id) === pending) pending.handle = handle;
    else handle.close();
  }

  /** For what nobody waits for: if it cannot be sent, whoever needed it learns so by other means. */
  #sendQuietly(message: JsonRpcNotification | JsonRpcResponse, outbound?: Outbound): void {
    this.#send(message, outbound).catch(() => {});
  }

  #send(
    message: JsonRpcNotification | JsonRpcResponse,
    outbound = this.outbound,
    route?: Route,
  ): Promise<void> {
    if (this.#closed !== undefined) return Promise.reject(this.#closed);
    this.repairs.onUnanswerable(this.#nextId);
    const what = "method" in message ? message.method : "a response";
    const { clock, transport, server } = this.#options;
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        clock.clearTimer(timer);
        this.#unaccepted.delete(fail);
      };
      const fail = (error: McpError): void => {
        settle();
        reject(error);
      };
      const timer = clock.setTimer(
        () => {
          handle?.close();
          fail(
            new McpTimeoutError(
              `server "${server}" did not take ${what} within ${ACCEPT_MS} ms; it may have arrived`,
              { server, method: what, sent: "unknown", limit: "silence", timeoutMs: ACCEPT_MS },
            ),
          );
        },
        ACCEPT_MS,
        true,
      );
      this.#unaccepted.add(fail);
      let handle: ExchangeHandle | undefined;
      try {
        handle = transport.send(message, {
          headers: outbound.headers,
          route,
          onAccepted() {
            settle();
            resolve();
          },
          onFailed: fail,
        });
      } catch (cause) {
        fail(this.#unsendable(what, cause));
      }
    });
  }

  /** What JSON cannot say (a cycle, a BigInt) is the caller's mistake, and nothing was sent. */
  #unsendable(method: string, cause: unknown): McpError {
    const { server } = this.#options;
    const text = textOf(cause);
    return new McpConfigError(
      `the parameters of ${excerpt(method, 100)} for server "${server}" cannot be sent as JSON${text === "" ? "" : `: ${excerpt(text, 200)}`}; nothing was sent`,
      { server, method, path: "params", cause },
    );
  }
}
