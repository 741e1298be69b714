// What the peer asks of a transport: to move messages. A transport knows no revision and keeps no call.

import type { McpError, McpProtocolError } from "../core/errors.ts";
import type { JsonRpcMessage, RequestId } from "./messages.ts";
import type { RepairContext } from "./repair.ts";

/** Where a transport delivers what it reads. */
export interface TransportSink {
  /**
   * One parsed message, or the array of 2025-03-26. `exchange` is the exchange on whose stream it came,
   * if it came on one. Where the id of a response was repaired, the message has the repaired one afterwards.
   */
  onMessage(message: JsonRpcMessage | JsonRpcMessage[], exchange?: Exchange): void;
  /** Something that is no message, on a channel that lives on; already capped and cleaned. */
  onInvalid(error: McpProtocolError): void;
  /**
   * A text that is no message, before `onInvalid`, if it may be a broken response. Gives the id of the call that it
   * names: the call has been rejected, and nothing is left to report. Absent: no text names a call.
   */
  onBroken?(text: string): RequestId | undefined;
  /**
   * The server took a request, and its response has ended with nothing in it: the answer may come on the change stream.
   * Resolves when one is open, or cannot be had. Absent: there is none.
   */
  onUnanswered?(): Promise<void>;
  /** How many calls were ended by a response so far. Absent: it is not known, and all that comes counts as unasked. */
  readonly answeredCount?: number;
  /** For those who parse what arrives. Absent: nothing is repaired. */
  readonly repairs?: RepairContext;
  /** The channel is gone (process exit, stream lost, or `close()`): called once, last. */
  onClose(reason: McpError): void;
}

/** A flat list: name, value, name, value. The same array is passed again and again, and never changed. */
export type HeaderList = readonly string[];

/**
 * Which connection a message goes over, where several lead to different replicas of a server.
 *
 * - `any`: as usual
 * - `refused`: one over which the session was refused
 * - `other`: a new one
 */
export type Route = "any" | "refused" | "other";

/** One message on its way: what the transport needs to send it, and what it reports about it. */
export interface Exchange {
  /** Headers that the era demands, in addition to the transport's and the user's own. HTTP only. */
  readonly headers?: HeaderList | undefined;
  /** Resume a stream that broke after an event id, by GET with these headers. HTTP only. Absent: never. */
  readonly resume?: { readonly headers: HeaderList } | undefined;
  /** The answer is a stream that stays open: it goes over a socket of its own. HTTP only. */
  readonly isLongLived?: boolean | undefined;
  /** Default `any`. HTTP only. */
  readonly route?: Route | undefined;
  /** The message's first byte was handed to the operating system: from here on it may run. */
  onWritten?(): void;
  /** The response's head, before any message of its body. HTTP only. */
  onHead?(head: ResponseHead): void;
  /** A message that asks for no answer was taken by the server (HTTP) or written (others). */
  onAccepted?(): void;
  /**
   * The message could not be sent, or its stream ended for good without the response.
   * Called at most once, and never after the response was delivered or `close()` was called.
   */
  onFailed(error: McpError): void;
}

export interface ResponseHead {
  readonly status: number;
  /** Value of a header, by lower-case name. */
  header(name: string): string | undefined;
}

/** Ends the exchange: what is unsent is not sent, its stream is closed. No effect once it is over. */
export interface ExchangeHandle {
  close(): void;
  /** Whole milliseconds from the writing of the message to the head of its answer. HTTP only. */
  readonly answeredAfterMs?: number;
  /** What has come although no message did, for the message of a timeout. Undefined: nothing. */
  describeSilence?(): string | undefined;
}

interface TransportBase {
  /** For messages and status: `stdio`, `http`, `sse`, `memory`, `custom`. */
  readonly kind: string;
  /** Where the server is, without secrets: a URL, or the command's name. */
  readonly address: string;
  /**
   * Makes the channel usable; nothing is delivered before. HTTP has nothing to do here.
   *
   * @throws {McpError} `CONNECTION_FAILED` and others, or the signal's reason.
   */
  start(sink: TransportSink, signal: AbortSignal): Promise<void>;
  send(message: JsonRpcMessage, exchange: Exchange): ExchangeHandle;
  /**
   * What is idle may be dead without having ended, after the machine slept: new messages go over new sockets, and
   * streams that stay open are ended with an error. Absent where nothing can be dead unnoticed: pipes, memory.
   */
  refresh?(): void;
  /** Frees everything. Every pending exchange is over without a report. Idempotent. Never rejects. */
  close(): Promise<void>;
}

/** One channel for all messages, in both directions; its loss loses every call. */
export interface DuplexTransport extends TransportBase {
  readonly channel: "duplex";
  /** Told the negotiated revision after a handshake. */
  negotiated?(protocolVersion: string): void;
}

/** Each message is an exchange of its own, with a stream of its own. */
export interface ExchangeTransport extends TransportBase {
  readonly channel: "exchange";
  /** Opens the stream on which the server speaks without being asked (GET). */
  listen(options: ListenOptions): ExchangeHandle;
  /** Ends a session on the server (DELETE). Gives the status, if one came within `timeoutMs`. Never rejects. */
  endSession(headers: HeaderList, timeoutMs: number): Promise<number | undefined>;
  /** Absent where the connections are not the transport's own. */
  readonly routes?: Routes | undefined;
}

/** The connections of one server, as far as they may lead to different replicas. */
export interface Routes {
  /** A handshake begins: what belongs to the last session, a balancer's cookies, is forgotten. */
  begin(): void;
  /** Resolves when what came with the handshake goes with every request from here on. */
  settled(): Promise<void>;
  /** The balancer keeps the session on one replica by a cookie. */
  readonly hasCookies: boolean;
  /** Connections that were opened so far. */
  readonly openedCount: number;
  /**
   * It is known why the session was refused over some connections: `keep` gives them back to all requests, `drop`
   * closes them.
   */
  releaseRefused(verdict: "keep" | "drop"): void;
}

export interface ListenOptions {
  readonly headers: HeaderList;
  /** Cursor of an earlier stream of the same session. */
  readonly lastEventId?: string | undefined;
  /** The stream is up. */
  onOpen(): void;
  /** An event came that is more than a cursor. */
  onEvent?(): void;
  /** The stream is over, or was never there. Called once, and never after `close()`. */
  onEnd(end: ListenEnd): void;
}

export interface ListenEnd {
  readonly opened: boolean;
  /** Absent when the server ended it in good order, or answered that it offers none. */
  readonly error: McpError | undefined;
  /** Status of the response, if there was one. */
  readonly status: number | undefined;
  readonly lastEventId: string | undefined;
  /** The server's last `retry:`, milliseconds. */
  readonly retryMs: number | undefined;
}

export type Transport = DuplexTransport | ExchangeTransport;
