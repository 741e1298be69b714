// What a user may say about one server.

import type { Dispatcher } from "undici";
import type { Transport } from "../jsonrpc/transport.ts";
import type { ProtocolVersion } from "../spec/versions.ts";
import type { SdkTransport } from "../transport/custom/sdk-adapter.ts";

/** Time limits, milliseconds. */
export interface Timeouts {
  /** Making a connection (TCP and TLS). Default 10,000. */
  connectMs: number;
  /**
   * Agreeing on how to speak: the probe and `initialize`, for a child process from its start on. Default 20,000;
   * 60,000 for a child process, which may have to be downloaded first.
   */
  handshakeMs: number;
  /** A call without any sign of life; progress starts it anew. Default 60,000. */
  timeoutMs: number;
  /** A call in all: waiting for a connection, replays and progress included. Default 300,000. */
  totalTimeoutMs: number;
  /**
   * Waiting for a place among the calls under way (`limits.inFlight`). It does not count while the server refuses calls
   * as too many (see `throttleStatuses`): then `totalTimeoutMs` alone bounds the wait. Default 30,000.
   */
  queueMs: number;
  /** Each step of ending a child process: end of stdin, SIGTERM, SIGKILL. Default 2,000. */
  closeStepMs: number;
}

/** Sizes; what exceeds one is refused: with `LIMIT_EXCEEDED`, and with `OVERLOADED` where it is about calls. */
export interface Limits {
  /**
   * Calls under way to one server at once, from their beginning to their end: waiting for a connection and
   * replays included. Over HTTP also the number of sockets. Default 128.
   */
  inFlight: number;
  /** Calls to one server that wait for such a place; one more fails at once. Default 1,024. */
  queued: number;
  /** One message from the server, bytes. Default 10 MiB. */
  messageBytes: number;
  /** The end of a child's stderr that is kept for error messages, bytes. Default 64 KiB. */
  stderrBytes: number;
  /** Tools of one server; what is beyond is left out, with a warning. Default 5,000. */
  tools: number;
  /** Pages of one list. Default 200. */
  pages: number;
}

export interface ReconnectOptions {
  /** Upper bound of the random wait before the first attempt, milliseconds. Default 100. */
  jitterMs: number;
  /** Wait before the second attempt, milliseconds; each next one is `factor` longer, ± 20 %. Default 250. */
  initialMs: number;
  /** Default 1.6. */
  factor: number;
  /** Longest wait while callers wait, milliseconds. Default 5,000. */
  maxMs: number;
  /** How long callers wait for a lost server, milliseconds. Default 30,000. */
  budgetMs: number;
  /** Longest wait between the attempts that go on afterwards, milliseconds. Default 120,000. */
  backgroundMaxMs: number;
  /** The crash of a child process that makes the pool give up on it, counted within `crashWindowMs`. Default 5. */
  crashLimit: number;
  /** Milliseconds. Default 180,000. */
  crashWindowMs: number;
}

/** Retries of one server's calls, over any 10 seconds: at most `share` × calls + `perSecond` × 10. */
export interface RetryBudgetOptions {
  /** Default 0.2. */
  share: number;
  /** Default 10. */
  perSecond: number;
}

/**
 * After calls in a row that lost their connection over HTTP, or met 502, 503 or 504, nothing is sent for a while.
 * What the server itself answers, tool errors too, is no failure here.
 */
export interface BreakerOptions {
  /** So many in a row. Default 5. */
  failures: number;
  /** How long nothing is sent, milliseconds; the n-th time in a row n times as long. Default 30,000. */
  openMs: number;
  /** Longest, milliseconds. Default 300,000. */
  maxOpenMs: number;
}

/** Which tools of a server the pool shows and routes; globs over the server's own names. */
export interface ToolFilter {
  /** If given, a tool must match one of these. */
  allow?: readonly string[];
  /** A tool that matches one of these is left out, allowed or not. */
  deny?: readonly string[];
}

/** Options that can be set for the whole pool, and overridden for each server. */
export interface ConnectionOptions {
  /**
   * `auto` finds out with one `server/discover`, remembers it, and falls back to `initialize`; `legacy` offers the
   * newest revision with sessions at once; a revision is the one that is asked for, and a server with sessions may
   * answer with another; `2026-07-28` is that one and no other. Default `auto`.
   */
  protocol?: "auto" | "legacy" | ProtocolVersion;
  /**
   * Judge servers by the letter of the specification: nothing that they do otherwise is repaired. For people who test
   * servers; leave it off in production. Default false: a server that works with a plain client works here, and each
   * deviation is counted in `status().quirks` and named by one `warning`.
   */
  strict?: boolean;
  /** Whether the server's annotations (`readOnlyHint`, `idempotentHint`) are believed. Default false. */
  trusted?: boolean;
  /** Connect on first use instead of in `connect()`. Default false. */
  lazy?: boolean;
  /** `connect()` rejects if this server fails. Default false. */
  required?: boolean;
  /** Open the stream on which the server reports changes. Default `auto`: if it has something to report. */
  listen?: boolean | "auto";
  /** What happens when a result's `structuredContent` does not fit the tool's `outputSchema`. Default `warn`. */
  outputValidation?: "warn" | "error" | "off";
  tools?: ToolFilter;
  limits?: Partial<Limits>;
  timeouts?: Partial<Timeouts>;
  reconnect?: Partial<ReconnectOptions>;
  retryBudget?: Partial<RetryBudgetOptions>;
  breaker?: Partial<BreakerOptions>;
  /**
   * HTTP statuses, 400 to 599, by which this server, or a proxy before it, refuses a request as one too many *without
   * having executed it*. The pool then sends fewer calls at once, waits between them, obeys `Retry-After` (up to 30 s),
   * and sends what was refused again within the caller's own time, whatever its class.
   *
   * Add 503 if you know that it comes from a rate limiter that stands before the server, such as nginx's `limit_req`
   * without `limit_req_status 429`. Leave it out otherwise: a 503 of the server itself, or of a proxy that lost the
   * server in the middle of a request, may come after the call has run, which would then run twice. Default `[429]`.
   */
  throttleStatuses?: readonly number[];
  /**
   * How often a server with no call under way is asked for a sign of life, milliseconds. Without it a connection that
   * is dead is found by the next call, which is then sent over another. Default false: never.
   */
  healthCheckIntervalMs?: number | false;
}

export interface ServerOptions extends ConnectionOptions {
  /** Known to the configuration, but not used. Default false. */
  disabled?: boolean;
}

/** A server over HTTP. */
export interface HttpServerConfig extends ServerOptions {
  /** `http:` or `https:`, without credentials. */
  url: string | URL;
  /** Sent with every request, after every reconnect too. The protocol's own headers cannot be set. */
  headers?: Readonly<Record<string, string>>;
  /** An undici dispatcher of your own, for TLS, proxies and sockets; the pool does not close it. */
  dispatcher?: Dispatcher;
  /** `auto` tries Streamable HTTP, then HTTP+SSE of 2024-11-05. Default `auto`. */
  transport?: "auto" | "http" | "sse";
  /** As some `mcp.json` files have it: the same as `transport`. */
  type?: "http" | "streamable-http" | "sse";
}

/** A server that is a child process. */
export interface StdioServerConfig extends ServerOptions {
  command: string;
  args?: readonly string[];
  /** In addition to HOME, LOGNAME, PATH, SHELL, TERM and USER. */
  env?: Readonly<Record<string, string>>;
  /** Default: the working directory of this process. */
  cwd?: string;
  transport?: "auto" | "stdio";
  /** As some `mcp.json` files have it. */
  type?: "stdio";
}

/** A connection of your own making: used once, never made anew. */
export interface TransportServerConfig extends ServerOptions {
  transport: Transport | SdkTransport;
}

export type ServerConfig = HttpServerConfig | StdioServerConfig | TransportServerConfig;
