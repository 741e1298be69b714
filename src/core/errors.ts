// Every failure a user can meet, classified once, by code.

import { describeCause, detailsOf, hide } from "./error-parts.ts";

/**
 * The closed list of codes. Switch on `error.code`, never on the message.
 *
 * | Code | Meaning |
 * |---|---|
 * | `CONNECTION_FAILED` | no connection could be made; nothing was sent |
 * | `CONNECTION_LOST` | a connection broke while a harmless request was under way, or before it was sent |
 * | `OUTCOME_UNKNOWN` | a call was sent, its answer was lost: it may have run once |
 * | `TIMEOUT` | silence or the total limit was exceeded |
 * | `RESPONSE_ERROR` | the server answered with a JSON-RPC error |
 * | `PROTOCOL_ERROR` | the server broke the protocol |
 * | `LIMIT_EXCEEDED` | a documented limit (bytes, depth, pages, tools) was exceeded |
 * | `HTTP_ERROR` | an HTTP status that is no answer |
 * | `AUTH_REQUIRED` `AUTH_FAILED` `INSUFFICIENT_SCOPE` | authorization |
 * | `INPUT_FAILED` | the server needs input that a handler of the pool did not give |
 * | `TASK_CANCELLED` | a task was cancelled by its server |
 * | `OVERLOADED` `CIRCUIT_OPEN` | the pool refused to send |
 * | `SERVER_NOT_FOUND` `TOOL_NOT_FOUND` | the name is not in the pool |
 * | `UNSUPPORTED` | the server did not negotiate the capability |
 * | `INVALID_CONFIG` | the caller's input is wrong |
 * | `CLOSED` | used after close or removal |
 */
export type McpErrorCode =
  | "CONNECTION_FAILED"
  | "CONNECTION_LOST"
  | "OUTCOME_UNKNOWN"
  | "TIMEOUT"
  | "RESPONSE_ERROR"
  | "PROTOCOL_ERROR"
  | "LIMIT_EXCEEDED"
  | "HTTP_ERROR"
  | "AUTH_REQUIRED"
  | "AUTH_FAILED"
  | "INSUFFICIENT_SCOPE"
  | "INPUT_FAILED"
  | "TASK_CANCELLED"
  | "OVERLOADED"
  | "CIRCUIT_OPEN"
  | "SERVER_NOT_FOUND"
  | "TOOL_NOT_FOUND"
  | "UNSUPPORTED"
  | "INVALID_CONFIG"
  | "CLOSED";

/**
 * What is known about a request that failed.
 *
 * - `"no"`: not one byte of it was written; it cannot have run.
 * - `"unknown"`: it was written and nothing was heard back.
 * - `"yes"`: the server reacted to it (response head, progress, an answer).
 */
export type Sent = "no" | "yes" | "unknown";

export interface McpErrorOptions {
  /** Name of the server in the pool. */
  server?: string | undefined;
  /** JSON-RPC method under way. */
  method?: string | undefined;
  /** Whether the same request may succeed later without any change. Default false. */
  retryable?: boolean | undefined;
  /** Default `"no"`. */
  sent?: Sent | undefined;
  cause?: unknown;
}

/** What `JSON.stringify(error)` gives. Holds no header, no environment and no URL credentials. */
export interface McpErrorJson {
  name: string;
  code: McpErrorCode;
  message: string;
  server?: string;
  method?: string;
  retryable: boolean;
  sent: Sent;
  cause?: { name: string; code?: string; message: string };
  /** What the class adds: `limit`, `timeoutMs`, `rpcCode`, `status`, `retryAfterMs`, `tool`, `nearMatches`, `path`, `capability`, `verdict`. */
  [detail: string]: unknown;
}

/** Base of every error this package throws, except an aborted call, which rejects with `signal.reason`. */
export class McpError extends Error {
  readonly code: McpErrorCode;
  readonly server: string | undefined;
  readonly method: string | undefined;
  readonly retryable: boolean;
  readonly sent: Sent;

  constructor(code: McpErrorCode, message: string, options: McpErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.code = code;
    this.server = options.server;
    this.method = options.method;
    this.retryable = options.retryable ?? false;
    this.sent = options.sent ?? "no";
  }

  /**
   * The same error as one of several calls sees it: a broken channel ends many, each with its own method
   * and its own knowledge of whether it was sent.
   *
   * @internal
   */
  forCall(method: string | undefined, sent: Sent, server: string | undefined = this.server): this {
    const copy = Object.create(
      Object.getPrototypeOf(this) as object,
      Object.getOwnPropertyDescriptors(this),
    ) as this;
    // On newer V8 `stack` is an accessor that knows real errors only.
    Object.defineProperty(copy, "stack", { value: this.stack, writable: true, configurable: true });
    return Object.assign(copy, { method, sent, server });
  }

  /**
   * The same error in other words, where more is known than where it was made.
   *
   * @internal
   */
  reworded(message: string, cause: unknown = this.cause): this {
    const copy = this.forCall(this.method, this.sent);
    const stack = this.stack?.replace(this.message, () => message);
    Object.defineProperty(copy, "stack", { value: stack, writable: true, configurable: true });
    return Object.assign(copy, { message, cause });
  }

  toJSON(): McpErrorJson {
    return {
      name: this.name,
      code: this.code,
      message: this.message,
      ...(this.server === undefined ? {} : { server: this.server }),
      ...(this.method === undefined ? {} : { method: this.method }),
      retryable: this.retryable,
      sent: this.sent,
      ...detailsOf(this),
      ...(this.cause instanceof Error ? { cause: describeCause(this.cause) } : {}),
    };
  }
}

/** No connection (`CONNECTION_FAILED`) or a broken one (`CONNECTION_LOST`). */
export class McpConnectionError extends McpError {
  constructor(
    code: "CONNECTION_FAILED" | "CONNECTION_LOST" | "OUTCOME_UNKNOWN",
    message: string,
    options?: McpErrorOptions,
  ) {
    super(code, message, options);
  }
}

/**
 * The call was sent and its answer was lost: it may have run. Once at most, unless it is of a class that may be
 * repeated, and was.
 */
export class McpOutcomeUnknownError extends McpConnectionError {
  constructor(message: string, options?: McpErrorOptions) {
    super("OUTCOME_UNKNOWN", message, { sent: "unknown", ...options });
  }
}

/** Silence or the total limit was exceeded; the request was cancelled on the wire. */
export class McpTimeoutError extends McpError {
  /** Which limit ended it: connecting, waiting without any sign of life, or the whole call. */
  readonly limit: "connect" | "handshake" | "silence" | "total";
  /** The limit, milliseconds. */
  readonly timeoutMs: number;

  constructor(
    message: string,
    options: McpErrorOptions & { limit: McpTimeoutError["limit"]; timeoutMs: number },
  ) {
    super("TIMEOUT", message, options);
    this.limit = options.limit;
    this.timeoutMs = options.timeoutMs;
  }
}

/**
 * The server's own JSON-RPC error. `message` quotes it with the secrets of the configuration masked; `rpcMessage` and
 * `data` are the server's words as they came, and are not enumerable: `util.inspect` and loggers do not show them.
 */
export class McpResponseError extends McpError {
  readonly rpcCode: number;
  declare readonly rpcMessage: string;
  declare readonly data: unknown;
  /** HTTP status of the answer, where there was one. */
  readonly status: number | undefined;
  /** The answer named no request: the server rejected it without having read it. */
  readonly isUnattributed: boolean;
  /** `Retry-After` in milliseconds from the answer's arrival, if it came with a usable one. */
  readonly retryAfterMs: number | undefined;
  /** Whole milliseconds from the writing of the request to the head of the HTTP answer, where that is known. */
  readonly answeredAfterMs: number | undefined;

  constructor(
    message: string,
    options: McpErrorOptions & {
      rpcCode: number;
      rpcMessage: string;
      data?: unknown;
      status?: number | undefined;
      retryAfterMs?: number | undefined;
      answeredAfterMs?: number | undefined;
      isUnattributed?: boolean | undefined;
    },
  ) {
    super("RESPONSE_ERROR", message, { sent: "yes", ...options });
    this.rpcCode = options.rpcCode;
    hide(this, "rpcMessage", options.rpcMessage);
    hide(this, "data", options.data);
    this.status = options.status;
    this.retryAfterMs = options.retryAfterMs;
    this.answeredAfterMs = options.answeredAfterMs;
    this.isUnattributed = options.isUnattributed ?? false;
  }
}

/** The server broke the protocol, or a documented limit (`LIMIT_EXCEEDED`). */
export class McpProtocolError extends McpError {
  constructor(
    message: string,
    options: McpErrorOptions & { code?: "PROTOCOL_ERROR" | "LIMIT_EXCEEDED" } = {},
  ) {
    super(options.code ?? "PROTOCOL_ERROR", message, options);
  }
}

/**
 * With `outputValidation: "error"`: the call has run, and its result does not fit the tool's `outputSchema`, or could
 * not be checked. The result is not lost.
 */
export class McpOutputError extends McpProtocolError {
  /** As it came: a `CallToolResult`. Not enumerable. */
  declare readonly result: object;
  /** `misfit`: it was checked, and does not fit. `unchecked`: it could not be checked, and may fit. */
  readonly verdict: "misfit" | "unchecked";

  constructor(
    message: string,
    options: McpErrorOptions & { result: object; verdict: McpOutputError["verdict"] },
  ) {
    super(message, { sent: "yes", ...options });
    hide(this, "result", options.result);
    this.verdict = options.verdict;
  }
}

/** An HTTP status that carries no JSON-RPC answer. */
export class McpHttpError extends McpError {
  readonly status: number;
  /** `Retry-After` in milliseconds from the response's arrival, if there was a usable one. */
  readonly retryAfterMs: number | undefined;
  /** Whole milliseconds from the writing of the request to the head of the response, where that is known. */
  readonly answeredAfterMs: number | undefined;
  /** At most 512 characters of the body, in printable form. */
  readonly excerpt: string;

  constructor(
    message: string,
    options: McpErrorOptions & {
      status: number;
      retryAfterMs?: number | undefined;
      answeredAfterMs?: number | undefined;
      excerpt?: string | undefined;
    },
  ) {
    super("HTTP_ERROR", message, { sent: "yes", ...options });
    this.status = options.status;
    this.retryAfterMs = options.retryAfterMs;
    this.answeredAfterMs = options.answeredAfterMs;
    this.excerpt = options.excerpt ?? "";
  }
}

/** 401, 403, or a failed authorization flow. */
export class McpAuthError extends McpError {
  readonly status: number | undefined;
  /** The `WWW-Authenticate` header as it came, for the code that drives authorization. Not enumerable. */
  declare readonly challenge: string | undefined;
  /** Whole milliseconds from the writing of the request to the head of the response, where that is known. */
  readonly answeredAfterMs: number | undefined;

  constructor(
    code: "AUTH_REQUIRED" | "AUTH_FAILED" | "INSUFFICIENT_SCOPE",
    message: string,
    options: McpErrorOptions & {
      status?: number | undefined;
      challenge?: string | undefined;
      answeredAfterMs?: number | undefined;
    } = {},
  ) {
    super(code, message, options);
    this.status = options.status;
    hide(this, "challenge", options.challenge);
    this.answeredAfterMs = options.answeredAfterMs;
  }
}

/** The server needs input to go on, and a handler threw, refused, or gave what cannot be sent; see `cause`. */
export class McpInputError extends McpError {
  constructor(message: string, options?: McpErrorOptions) {
    super("INPUT_FAILED", message, options);
  }
}

/** Too many calls are under way to this server, and the queue is full or too slow; nothing was sent. */
export class McpOverloadedError extends McpError {
  constructor(message: string, options?: McpErrorOptions) {
    super("OVERLOADED", message, { retryable: true, ...options });
  }
}

/** The breaker for this server is open: calls in a row lost their connection; nothing was sent. */
export class McpCircuitOpenError extends McpError {
  /** Milliseconds until a call is tried again; 0 while one is. */
  readonly retryAfterMs: number;

  constructor(message: string, options: McpErrorOptions & { retryAfterMs: number }) {
    super("CIRCUIT_OPEN", message, { retryable: true, ...options });
    this.retryAfterMs = options.retryAfterMs;
  }
}

/** No such tool in the pool. */
export class McpToolNotFoundError extends McpError {
  /** The name that was asked for. */
  readonly tool: string;
  /** Up to three names that are close to it, best first. */
  readonly nearMatches: readonly string[];

  constructor(
    message: string,
    options: McpErrorOptions & { tool: string; nearMatches: readonly string[] },
  ) {
    super("TOOL_NOT_FOUND", message, options);
    this.tool = options.tool;
    this.nearMatches = options.nearMatches;
  }
}

/** The caller's input is wrong: an option, a name, a URL, a command. */
export class McpConfigError extends McpError {
  /** Where in the input, for example `servers.files.timeouts.connectMs`. */
  readonly path: string | undefined;

  constructor(
    message: string,
    options: McpErrorOptions & {
      path?: string | undefined;
      code?: "INVALID_CONFIG" | "SERVER_NOT_FOUND";
    } = {},
  ) {
    super(options.code ?? "INVALID_CONFIG", message, options);
    this.path = options.path;
  }
}

/** The server did not negotiate what the call needs. */
export class McpUnsupportedError extends McpError {
  /** The missing capability, for example `resources.subscribe`. */
  readonly capability: string;

  constructor(message: string, options: McpErrorOptions & { capability: string }) {
    super("UNSUPPORTED", message, options);
    this.capability = options.capability;
  }
}

/** The pool or the server was closed or removed. */
export class McpClosedError extends McpError {
  constructor(message: string, options?: McpErrorOptions) {
    super("CLOSED", message, options);
  }
}
