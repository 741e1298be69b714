// What a connection and an era are to each other. An era is how one family of revisions speaks.

import type { Clock } from "../core/clock.ts";
import type { McpError } from "../core/errors.ts";
import type { Peer } from "../jsonrpc/peer.ts";
import type { PeerRequest } from "../jsonrpc/pending.ts";
import type { Quirks } from "../jsonrpc/quirks.ts";
import type { CallLimits } from "../jsonrpc/running-call.ts";
import type { Transport } from "../jsonrpc/transport.ts";
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
  /** The server asked for input. */
  readonly onContinued?: (() => void) | undefined;
}

export interface Continuation {
  readonly inputResponses?: { readonly [key: string]: object };
  /** The server's own, opaque: never read, logged or used elsewhere (13.9). */
  readonly requestState?: string;
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
  /** Asks for a sign of life; any answer is one, unless it says that the agreement is gone. */
  ping(signal: AbortSignal): Promise<void>;
  /**
   * Whether this failure says that the agreement, not the server, is gone: a session that was forgotten, an era
   * that is no longer spoken. The request was not taken.
   */
  isSessionLost(error: unknown): boolean;
  /** Ends the agreement, telling the server if it wants to know. Never rejects. */
  close(): Promise<void>;
  /** Drops it without a word: the server has forgotten it already. */
  abandon(reason: McpError): void;
}

/** The server has agreed; `begin` makes a session of it. */
export interface Agreement {
  begin(signal: AbortSignal): Promise<EraSession>;
}
