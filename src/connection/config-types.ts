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
   * How long a call waits for a place among the calls under way (`limits.inFlight`) before it fails with `OVERLOADED`,
   * unsent. Seconds make sense where a person waits and a quick error is better than a late answer; more than
   * `totalTimeoutMs` has no effect. While the server refuses calls as too many (`throttleStatuses`) this limit does not
   * count: a call then waits in line until `totalTimeoutMs` is over. Default 30,000.
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
  /**
   * Items of one list, over all its pages, shown or not; what is beyond is left out, with a warning. Raise it for a
   * server with more resources than that. Default 100,000.
   */
  listItems: number;
  /**
   * What the items of one list may take in memory, over all its pages, bytes, estimated: one and a half to three times
   * their JSON. A list with more fails with `LIMIT_EXCEEDED`, and the tools that were shown before stay. Raise it for a
   * server with thousands of very large definitions. Default 64 MiB.
   */
  listBytes: number;
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
  /**
   * How long callers wait, unsent, for a server that cannot be reached, counted from the beginning of its outage,
   * milliseconds. It covers refused connections, restarts, and an open circuit (`breaker`). When it is over, callers
   * fail with `CONNECTION_FAILED`, or `CIRCUIT_OPEN` while the circuit is open, and attempts go on: at most one a second
   * for callers, and others in the background.
   *
   * Choose a little more than a restart or a deployment of the server takes: 10,000 to 60,000 suits most. Less makes
   * sense where a caller has another server to turn to. A call's own `totalTimeoutMs` ends its wait earlier.
   * Default 30,000.
   */
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
 * A circuit breaker for each server over HTTP. A server that is away behind a proxy refuses no connection: its calls
 * lose their connection, or meet 502, 503 or 504, after they were sent. After `failures` of these in a row the circuit
 * opens: no call is sent, so that none ends with an unknown outcome. Callers wait as for a refused connection, for
 * `reconnect.budgetMs`, and the pool looks for the server with pings of its own. A ping that is answered, a new session
 * or a new connection closes the circuit, and the callers' calls are sent.
 *
 * Answers of the server itself, tool errors and 429 too, are no failures here. Calls that were under way together when
 * something broke count as one failure. Servers over stdio have no breaker: the pool sees that their process has ended.
 */
export interface BreakerOptions {
  /**
   * Failures in a row that open the circuit. 3 to 10 makes sense: with fewer, one bad moment of the network holds back
   * calls for as long as a ping takes; with more, more calls are sent to a server that is away. Default 5.
   */
  failures: number;
  /**
   * The longest pause between two pings while the circuit is open, milliseconds; n times as long when the circuit opens
   * the n-th time without an answered call in between. It matters while nobody waits. While callers wait, the pause is
   * a quarter of the outage so far, from 250 ms up to this limit. The pauses of `reconnect` hold where they are shorter.
   * Lower it to see an unused server's return sooner; raise it if pings cost the server something. Default 30,000.
   */
  openMs: number;
  /** Upper limit of the pause that grows with `openMs`, milliseconds. Default 300,000. */
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
   * Judges the server by the letter of the specification, and repairs none of its deviations. Set it to true where you
   * test a server that you write: what other clients may stumble over then fails here too. Leave it off in production:
   * there the pool repairs a deviation whose meaning is certain, counts it in `status().quirks`, and names each kind
   * once by a `warning` with its `code`. docs/COMPATIBILITY.md shows what servers do. Default false.
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
  /**
   * For results whose `structuredContent` does not fit the tool's `outputSchema`, or cannot be checked against it.
   * `warn` (default) hands them over with a warning; `error` fails the call with an `McpOutputError`, which has the
   * result; `off` checks nothing.
   */
  outputValidation?: "warn" | "error" | "off";
  tools?: ToolFilter;
  limits?: Partial<Limits>;
  timeouts?: Partial<Timeouts>;
  reconnect?: Partial<ReconnectOptions>;
  retryBudget?: Partial<RetryBudgetOptions>;
  breaker?: Partial<BreakerOptions>;
  /**
   * HTTP statuses, 400 to 599, by which this server, or a proxy before it, refuses a request as one too many *without
   * having executed it*. The pool then sends fewer calls at once, waits between them, and obeys `Retry-After` (up to
   * 30 s). A refused call waits in line, before those that have not been sent, and is sent again within its own
   * `totalTimeoutMs`, whatever its class; with `replay: "never"` it fails. `status().throttled` shows the limit.
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
