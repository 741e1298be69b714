// A stream opened by GET: to listen, to resume, and the one of HTTP+SSE. https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#listening-for-messages-from-the-server

import type { McpError } from "../../core/errors.ts";
import type { HeaderList } from "../../jsonrpc/transport.ts";
import type { HttpContext } from "./context.ts";
import { EventReader, type EventOwner } from "./event-reader.ts";
import { HttpRequest } from "./request.ts";
import { describeKeepAlives } from "./silence.ts";
import { statusError } from "./status.ts";

/** How a stream ended. */
export type StreamEnd =
  /** It was up. `error` is absent if the server ended it in good order; `LIMIT_EXCEEDED` is ours. */
  | { readonly kind: "ended"; readonly error: McpError | undefined }
  /** The server answered with something else; `error` says what, also where that is no fault. */
  | { readonly kind: "refused"; readonly status: number; readonly error: McpError }
  /** No stream in a 2xx answer. */
  | { readonly kind: "no-stream"; readonly status: number }
  /** No answer. */
  | { readonly kind: "failed"; readonly error: McpError };

export interface EventStreamOwner extends EventOwner {
  /** It is a change stream, on which the response of any call may come. */
  readonly isChangeStream?: true;
  onOpen(): void;
  /** Once, last; never after `close()`. */
  onEnd(end: StreamEnd): void;
}

export class EventStream extends HttpRequest {
  readonly reader: EventReader;
  protected readonly rpcMethod = undefined;
  protected readonly headers: string[];
  readonly #owner: EventStreamOwner;
  #isOpen = false;
  #isListening = false;

  constructor(
    context: HttpContext,
    owner: EventStreamOwner,
    headers: HeaderList,
    lastEventId: string | undefined,
  ) {
    super(context, context.url);
    this.#owner = owner;
    this.headers = context.headers.get(headers, lastEventId);
    this.reader = new EventReader(owner, context.messageBytes, lastEventId, context);
  }

  override get isLongLived(): boolean {
    return true;
  }

  open(): void {
    this.run();
  }

  /** All that was awaited has come. */
  finish(): void {
    this.linger();
  }

  describeSilence(): string | undefined {
    return describeKeepAlives(this.reader, this.silentMs());
  }

  protected get httpMethod(): "GET" {
    return "GET";
  }

  protected onAnswer(): void {
    if (this.status >= 300) {
      this.readExcerpt();
      return;
    }
    if (this.status !== 200) {
      this.close();
      this.onBody("");
      return;
    }
    this.readEvents();
  }

  protected openEvents(): EventReader | undefined {
    this.#isOpen = true;
    if (this.#owner.isChangeStream === true) {
      this.#isListening = true;
      this.context.listening.onOpen();
    }
    this.#owner.onOpen();
    return this.isOver ? undefined : this.reader;
  }

  protected override onOver(): void {
    if (this.#isListening) this.context.listening.onEnd();
    this.#isListening = false;
  }

  protected onBody(text: string): void {
    if (this.status < 300) {
      this.#owner.onEnd({ kind: "no-stream", status: this.status });
      return;
    }
    const { status, answerHeaders: headers, answeredAfterMs } = this;
    const request = { method: undefined, id: undefined };
    const error = statusError(this.context, request, {
      status,
      headers,
      body: text,
      answeredAfterMs,
    });
    this.#owner.onEnd({ kind: "refused", status, error });
  }

  protected onStreamEnd(error: McpError | undefined): void {
    this.#owner.onEnd({ kind: "ended", error });
  }

  protected onFailure(error: McpError): void {
    this.#owner.onEnd({ kind: this.#isOpen ? "ended" : "failed", error });
  }
}
