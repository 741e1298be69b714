// What a connection and an era are to each other. An era is how one family of revisions speaks.

import type { Clock } from "../core/clock.ts";
import type { McpError } from "../core/errors.ts";
import type { Peer } from "../jsonrpc/peer.ts";
import type { PeerRequest } from "../jsonrpc/pending.ts";
import type { Quirks } from "../jsonrpc/quirks.ts";
import type { CallLimits } from "../jsonrpc/running-call.ts";
import type { Route, Transport } from "../jsonrpc/transport.ts";
import type { ProtocolVersion } from "../spec/versions.ts";
import type {
  Implementation,
  LogLevel,
  LogMessage,
  ServerCapabilities,
  Tool,
} from "../spec/types.ts";
import type { ClientHandlers } from "./handlers.ts";

export type ListKind = "tools" | "resources" | "prompts";

/** What an era learns and its owner must know. */
export interface EraEvents {
  /** A list changed, or may have changed unseen while the change stream was down. */
  onListChanged(kind: ListKind): void;
  onResourceUpdated(uri: string, params: object): void;
  /** Notifications may have been missed: nothing that is remembered of this server is certain any more. */
  onMissed(): void;
  onLog(message: LogMessage): void;
  /** The session is known to be gone although no call said so. */
  onSessionLost(error: McpError): void;
  onWarning(message: string, cause?: unknown): void;
  /** Something was agreed on that must not be shown: a session id. */
  onSecret(secret: string): void;
}

/** Everything an era needs to speak to one server. */
export interface EraHost {
  readonly server: string;
  readonly clock: Clock;
  /** The server's repair log. */
  readonly quirks: Quirks;
  readonly transport: Transport;
  readonly peer: Peer;
  readonly clientInfo: Implementation;
  /** `auto` finds out; `legacy` offers the newest session revision; a revision is that one and no other. */
  readonly protocol: "auto" | "legacy" | ProtocolVersion;
  /** False for a process that ended on a probe once: it gets `initialize` at once. */
  readonly mayProbe: boolean;
  readonly handlers: ClientHandlers;
  /** Open the change stream: `auto` if the server has something to say on it. */
  readonly listen: boolean | "auto";
  /** Limits of the requests that an era makes on its own account. */
  readonly limits: CallLimits;
  readonly handshakeMs: number;
  /** Several replicas without shared sessions are known to stand behind the address. */
  readonly hasReplicas: () => boolean;
  readonly events: EraEvents;
  /** Aborted when this server is given up for good: nobody waits for what is still asked of a person. */
  readonly closed: AbortSignal;
}

/** A request as its caller wants it: how it is given up, and what goes with it, is up to the era. */
export interface EraRequest extends Omit<
  PeerRequest,
  "cancel" | "outbound" | "route" | "isLongLived" | "onHead" | "finisher"
> {
  /** The definition of the tool that is called, where it is known. */
  readonly tool?: Tool | undefined;
  /** Outlives the attempts at one call. */
  readonly frame?: CallFrame | undefined;
}

/** What one call has come to, over all attempts at it: nobody else's business (7.28). */
export interface CallFrame {
  /** Added to the parameters when the call goes on where the server asked for input. */
  continuation?: Continuation | undefined;
  /** The server took it on, and asked for input: it is not true any more that it cannot have run. */
  hasBegun?: boolean;
  /** It was written, refused, and put right: that it was never sent is not true any more. */
  wasRefused?: boolean;
  /** The server asked for input. */
  readonly onContinued?: (() => void) | undefined;
}

export interface Continuation {
  readonly inputResponses?: { readonly [key: string]: object };
  /** The server's own, opaque: never read, logged or used elsewhere (13.9). */
  readonly requestState?: string;
}

/**
 * How a failure bears on the agreement with the server.
 *
 * - `none`: the failure is about the request alone
 * - `unknown`: the server says that it does not know the session, or the era
 * - `suspect`: it may say so in words of its own; a ping tells
 */
export type Refusal = "none" | "unknown" | "suspect";

/** How a ping ended. Every answer is a sign of life of the server; only a good one is a sign of life of the session. */
export type PingAnswer =
  /** A result, or an error that only a live session gives. */
  | { readonly kind: "alive" }
  /** A JSON-RPC error in good order, or something that is no result: the server lives, and may know no ping. */
  | { readonly kind: "odd"; readonly error: McpError }
  /** An HTTP status, or an error that names no request. */
  | { readonly kind: "refused"; readonly error: McpError };

/** The requests that change nothing and tell whether a session lives. */
export type PingMethod = "ping" | "tools/list";

export interface PingOptions {
  readonly signal: AbortSignal;
  /** Default `any`. */
  readonly route?: Route | undefined;
  /** Default `ping`; another one for a server that refuses pings on a session that works. */
  readonly method?: PingMethod | undefined;
}

/** An agreement with one server, as long as it holds. */
export interface EraSession {
  readonly era: "session" | "stateless";
  readonly protocolVersion: string;
  readonly serverInfo: Implementation;
  readonly capabilities: ServerCapabilities;
  readonly instructions: string | undefined;
  request(request: EraRequest): Promise<object>;
  notify(method: string, params?: object): Promise<void>;
  subscribe(uri: string): Promise<void>;
  setLogLevel(level: LogLevel): Promise<void>;
  /** The session has an id, so that one of several replicas may know it and others may not. */
  readonly hasSessionId: boolean;
  /**
   * Asks for a sign of life.
   *
   * @throws {McpError} if nothing came back: the connection failed, or the time was over. The signal's reason.
   */
  ping(options: PingOptions): Promise<PingAnswer>;
  /** Whether a failure says that the agreement, not the server, is gone. Such a request was not taken. */
  refusalOf(error: unknown): Refusal;
  /** Ends the agreement, telling the server if it wants to know. Never rejects. */
  close(): Promise<void>;
  /** Drops it without a word: the server has forgotten it already. */
  abandon(reason: McpError): void;
}

/** The server has agreed; `begin` makes a session of it. */
export interface Agreement {
  begin(signal: AbortSignal): Promise<EraSession>;
}
