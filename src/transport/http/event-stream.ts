// A stream opened by GET: to listen, to resume, and the one of HTTP+SSE. https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#listening-for-messages-from-the-server

import type { McpError } from "../../core/errors.ts";
import type { HeaderList } from "../../jsonrpc/transport.ts";
import type { HttpContext } from "./context.ts";
import { EventReader, type EventOwner } from "./event-reader.ts";
import { HttpRequest } from "./request.ts";
import { mediaType, statusError } from "./status.ts";

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

  constructor(
    context: HttpContext,
    owner: EventStreamOwner,
    headers: HeaderList,
    lastEventId: string | undefined,
  ) {
    super(context, context.url);
    this.#owner = owner;
    this.headers = context.headers.get(headers, lastEventId);
    this.reader = new EventReader(owner, context.messageBytes, lastEventId);
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

  protected get httpMethod(): "GET" {
    return "GET";
  }

  protected onAnswer(): void {
    if (this.status >= 300) {
      this.readExcerpt();
      return;
    }
    if (
      this.status !== 200 ||
      mediaType(this.answerHeaders.first("content-type")) !== "text/event-stream"
    ) {
      const { status } = this;
      this.close();
      this.#owner.onEnd({ kind: "no-stream", status });
      return;
    }
    this.#isOpen = true;
    this.#owner.onOpen();
    if (!this.isOver) this.readEvents(this.reader);
  }

  protected onBody(text: string): void {
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
