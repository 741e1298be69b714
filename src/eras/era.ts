// What a connection and an era are to each other. An era is how one family of revisions speaks.

import type { Clock } from "../core/clock.ts";
import type { McpError } from "../core/errors.ts";
import type { Peer } from "../jsonrpc/peer.ts";
import type { CallLimits } from "../jsonrpc/run-call.ts";
import type { Transport } from "../jsonrpc/transport.ts";
import type { RequestId } from "../jsonrpc/messages.ts";
import type { SessionVersion } from "../spec/versions.ts";
import type {
  Implementation,
  LogLevel,
  LogMessage,
  Progress,
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
  onLog(message: LogMessage): void;
  /** The session is known to be gone although no call said so. */
  onSessionLost(error: McpError): void;
  onWarning(message: string, cause?: unknown): void;
}

/** Everything an era needs to speak to one server. */
export interface EraHost {
  readonly server: string;
  readonly clock: Clock;
  readonly transport: Transport;
  readonly peer: Peer;
  readonly clientInfo: Implementation;
  /** `auto` and `legacy` offer the newest session revision; a revision offers that one. */
  readonly protocol: "auto" | "legacy" | SessionVersion;
  readonly handlers: ClientHandlers;
  /** Open the change stream: `auto` if the server has something to say on it. */
  readonly listen: boolean | "auto";
  /** Limits of the requests that an era makes on its own account. */
  readonly limits: CallLimits;
  readonly handshakeMs: number;
  readonly events: EraEvents;
}

export interface EraRequest {
  readonly method: string;
  readonly params?: object | undefined;
  readonly id?: RequestId | undefined;
  readonly limits: CallLimits;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: Progress) => void) | undefined;
  /** The definition of the tool that is called, where it is known. */
  readonly tool?: Tool | undefined;
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
  unsubscribe(uri: string): Promise<void>;
  setLogLevel(level: LogLevel): Promise<void>;
  /** Whether this failure says that the session, not the server, is gone: nothing was taken. */
  isSessionLost(error: unknown): boolean;
  /** Ends the agreement, telling the server if it wants to know. Never rejects. */
  close(): Promise<void>;
  /** Drops it without a word: the server has forgotten it already. */
  abandon(reason: McpError): void;
}

export interface Era {
  connect(host: EraHost, signal: AbortSignal): Promise<EraSession>;
}
