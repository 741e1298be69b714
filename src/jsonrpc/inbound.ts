// Requests that the server asks of us: answered once each, abortable, whatever their handler does.
// https://modelcontextprotocol.io/specification/2025-11-25/basic#requests

import { excerpt } from "../core/redact.ts";
import type { Progress } from "../spec/types.ts";
import type { JsonRpcErrorObject, JsonRpcRequest, JsonRpcResponse, RequestId } from "./messages.ts";
import { INTERNAL_ERROR, INVALID_REQUEST, isId, METHOD_NOT_FOUND } from "./messages.ts";
import type { Quirks } from "./quirks.ts";
import { decimalOf } from "./repair.ts";

export interface InboundContext {
  /** Aborted when the server cancels its request, or the session ends. */
  readonly signal: AbortSignal;
  /** Reports progress, if the server asked for it. */
  readonly progress: (progress: Progress) => void;
}

export interface InboundHandlers {
  /**
   * Resolves to the result; throws {@link RpcError} to answer with that error, anything else is `-32603`.
   * `undefined` for what a server may not ask: it is reported, and not answered (1.12).
   */
  onRequest(
    method: string,
    params: object | undefined,
    context: InboundContext,
  ): Promise<object> | undefined;
  /** `streamId`: the id of the request on whose stream it came, if it came on one. */
  onNotification(method: string, params: object | undefined, streamId?: RequestId): void;
  /** Opens the stream on which answers may come that came nowhere else. Absent: there is none. */
  onUnanswered?(): Promise<void>;
}

/** An error to answer a server's request with. */
export class RpcError extends Error {
  readonly code: number;
  readonly data: unknown;

  constructor(code: number, message: string, data?: unknown) {
    super(message);
    this.name = "RpcError";
    this.code = code;
    this.data = data;
  }
}

/** Longest id or progress token of a server, characters: both go back to the server as they came. */
const MAX_ID_CHARS = 256;

/** Longest message of an error that goes to the server: it may quote what the server sent. */
const MAX_MESSAGE_CHARS = 1_000;

/** The server cancelled its request: no answer is sent. */
const CANCELLED: unique symbol = Symbol("cancelled by the server");

/**
 * How many requests of one server are worked on at once, those that the server took back and whose handlers have not
 * ended included; more are answered with an error. When so many answers wait to be read by the server, its further
 * requests are thrown away.
 */
export const MAX_INBOUND = 256;

/** Answers that wait to be read by the server, characters of JSON; beyond it, its further requests are thrown away. */
export const MAX_UNSENT_CHARS = 4_194_304;

export class InboundRequests {
  readonly #options: {
    readonly quirks: Quirks;
    readonly handlers: () => InboundHandlers;
    readonly respond: (response: JsonRpcResponse) => Promise<void>;
    readonly notify: (method: string, params: object) => void;
    readonly onSettled: () => void;
    readonly onDropped: (method: string) => void;
    readonly onRefused: (method: string) => void;
    readonly onHandlerError: (error: unknown, method: string) => void;
  };
  readonly #active: Map<RequestId, AbortController> = new Map();
  /** Handlers that have not ended, also of requests that were taken back. */
  #running = 0;
  /** Answers that are on their way to the server, and their characters. */
  #unsent = 0;
  #unsentChars = 0;

  constructor(options: {
    /** The server's repair log. */
    quirks: Quirks;
    handlers: () => InboundHandlers;
    /** Resolves, or rejects, when the answer has left us. */
    respond: (response: JsonRpcResponse) => Promise<void>;
    notify: (method: string, params: object) => void;
    /** One less is being worked on. */
    onSettled: () => void;
    /** One was thrown away, because {@link MAX_INBOUND} answers wait to be read. */
    onDropped: (method: string) => void;
    /** One is not answered, because a server of this revision may not ask it. */
    onRefused: (method: string) => void;
    /** A handler threw something that is no {@link RpcError}; the server only learns that it failed. */
    onHandlerError: (error: unknown, method: string) => void;
  }) {
    this.#options = options;
  }

  /** Requests being worked on. */
  get activeCount(): number {
    return this.#active.size;
  }

  receive(request: JsonRpcRequest): void {
    const { quirks, onDropped } = this.#options;
    // Not even answered: a server that does not read its answers would have them fill our memory.
    if (this.#unsent >= MAX_INBOUND || this.#unsentChars >= MAX_UNSENT_CHARS) {
      return onDropped(request.method);
    }
    if (typeof request.id === "string" && request.id.length > MAX_ID_CHARS) {
      return quirks.note("id-too-long", `${request.id.length} characters`);
    }
    if (this.#running >= MAX_INBOUND) {
      quirks.note("too-many-requests", excerpt(request.method, 100));
      const error = { code: INTERNAL_ERROR, message: "too many requests to this client at once" };
      return this.#respond({ jsonrpc: "2.0", id: request.id, error });
    }
    if (this.#active.has(request.id)) {
      const error = { code: INVALID_REQUEST, message: "a request with this id is being worked on" };
      return this.#respond({ jsonrpc: "2.0", id: request.id, error });
    }
    void this.#handle(request);
  }

  /** @param chars of its JSON, if there are many */
  #respond(response: JsonRpcResponse, chars = 0): void {
    this.#unsent += 1;
    this.#unsentChars += chars;
    const sent = (): void => {
      this.#unsent -= 1;
      this.#unsentChars -= chars;
    };
    this.#options.respond(response).then(sent, sent);
  }

  /** The server takes a request back. */
  cancel(id: unknown): void {
    const known = this.#idOf(id);
    this.#active.get(known)?.abort(CANCELLED);
    this.#end(known);
  }

  /** The id of its request that the server means: the same, or the number for the string. */
  #idOf(id: unknown): RequestId {
    const number = this.#active.has(id as RequestId) ? undefined : decimalOf(id);
    const isRepaired =
      number !== undefined &&
      this.#active.has(number) &&
      this.#options.quirks.repair("id-as-string", `a cancelled request, "${number}"`);
    return isRepaired ? number : (id as RequestId);
  }

  /** The session is over: handlers are told, and nothing is answered any more. */
  abortAll(reason: unknown): void {
    for (const controller of this.#active.values()) controller.abort(reason);
    this.#active.clear();
  }

  async #handle(request: JsonRpcRequest): Promise<void> {
    const { id, method, params } = request;
    const controller = new AbortController();
    this.#active.set(id, controller);
    const token = progressTokenOf(params);
    const context: InboundContext = {
      signal: controller.signal,
      progress: (progress) => {
        if (token === undefined || this.#active.get(id) !== controller) return;
        this.#options.notify("notifications/progress", { ...progress, progressToken: token });
      },
    };
    let response: JsonRpcResponse;
    let chars = 0;
    this.#running += 1;
    try {
      const answer = this.#options.handlers().onRequest(method, params, context);
      if (answer === undefined) {
        this.#options.onRefused(method);
        return this.#end(id);
      }
      const result: unknown = await answer;
      chars = charsOf(result);
      response = { jsonrpc: "2.0", id, result: result as object };
    } catch (error) {
      response = { jsonrpc: "2.0", id, error: this.#errorObject(error, method) };
    } finally {
      this.#running -= 1;
    }
    if (this.#active.get(id) !== controller) return;
    this.#end(id);
    this.#respond(response, chars);
  }

  #end(id: RequestId): void {
    if (this.#active.delete(id)) this.#options.onSettled();
  }

  #errorObject(error: unknown, method: string): JsonRpcErrorObject {
    if (error instanceof RpcError) {
      const { code, data } = error;
      const message = excerpt(error.message, MAX_MESSAGE_CHARS);
      return data === undefined ? { code, message } : { code, message, data };
    }
    this.#options.onHandlerError(error, method);
    // What a handler throws may hold anything: the server is told no more than that it failed.
    return { code: INTERNAL_ERROR, message: `the client's handler for ${method} failed` };
  }
}

/** For a client that offers nothing. */
export const NO_HANDLERS: InboundHandlers = {
  onRequest: (method) => {
    throw new RpcError(METHOD_NOT_FOUND, `this client does not offer ${excerpt(method, 100)}`);
  },
  onNotification: () => {},
};

/**
 * The length of a result as JSON.
 *
 * @throws if what a handler gave cannot be sent as a result: silence would leave the server waiting.
 */
function charsOf(result: unknown): number {
  if (typeof result !== "object" || result === null || Array.isArray(result)) {
    throw new TypeError("a handler must return an object");
  }
  return JSON.stringify(result).length;
}

/** Undefined also for one that is none, or too long to be sent back with every report. */
function progressTokenOf(params: object | undefined): RequestId | undefined {
  const { _meta: meta } = (params ?? {}) as { _meta?: { progressToken?: unknown } | null };
  const token = meta?.progressToken;
  const isToken = isId(token) && (typeof token === "number" || token.length <= MAX_ID_CHARS);
  return isToken ? token : undefined;
}
