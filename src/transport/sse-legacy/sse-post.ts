// One message of HTTP+SSE: a POST whose answer should have no body that matters, but may have the response. https://modelcontextprotocol.io/specification/2024-11-05/basic/transports#http-with-sse

import type { McpError } from "../../core/errors.ts";
import type { JsonRpcMessage, RequestId } from "../../jsonrpc/messages.ts";
import { tryParse } from "../../jsonrpc/parse.ts";
import type { Exchange, ExchangeHandle } from "../../jsonrpc/transport.ts";
import type { HttpContext } from "../http/context.ts";
import { holdsResponseTo } from "../http/delivery.ts";
import { EventReader, type EventOwner } from "../http/event-reader.ts";
import { HttpRequest } from "../http/request.ts";
import { statusError } from "../http/status.ts";

export class SsePost extends HttpRequest implements ExchangeHandle, EventOwner {
  protected readonly rpcMethod: string | undefined;
  readonly #exchange: Exchange;
  readonly #id: RequestId | undefined;
  readonly #body: string;
  readonly #onDone: () => void;
  #isAnswered = false;

  /** `onDone` is called when nothing more can be reported. */
  constructor(
    context: HttpContext,
    endpoint: URL,
    message: JsonRpcMessage,
    exchange: Exchange,
    onDone: () => void,
  ) {
    super(context, endpoint);
    this.#onDone = onDone;
    this.#exchange = exchange;
    this.rpcMethod = "method" in message ? message.method : undefined;
    this.#id = "method" in message && "id" in message ? message.id : undefined;
    this.#body = JSON.stringify(message);
    this.run();
  }

  /** The response came on the stream, perhaps before the answer to the POST. */
  onAnswered(): void {
    this.#isAnswered = true;
  }

  /** The response is here: what is left of the answer costs no socket. */
  override close(): void {
    this.linger();
    super.close();
  }

  protected get httpMethod(): "POST" {
    return "POST";
  }

  protected get headers(): string[] {
    return this.context.headers.post(this.#exchange.headers);
  }

  protected override get body(): string {
    return this.#body;
  }

  protected override onSent(): void {
    this.#exchange.onWritten?.();
  }

  protected override onOver(): void {
    this.#onDone();
  }

  protected onAnswer(): void {
    if (this.status >= 300) {
      this.readExcerpt();
      return;
    }
    // A request was taken too, but its response comes on the stream, except from servers that cannot wait.
    if (this.#id !== undefined && !this.context.quirks.strict) {
      this.readAnswer("meaningless");
      return;
    }
    if (this.#id === undefined) this.#exchange.onAccepted?.();
    this.drain();
  }

  protected openEvents(): EventReader {
    return new EventReader(this, this.context.messageBytes, undefined, this.context);
  }

  onEvent(name: string | undefined, data: string): void {
    if (name === undefined) this.#onText(data);
  }

  protected onBody(text: string, isMessage: boolean): void {
    if (this.status < 300) {
      if (isMessage) this.#onText(text);
      return;
    }
    const request = { method: this.rpcMethod, id: this.#id };
    const { status, answerHeaders: headers, answeredAfterMs } = this;
    const answer = { status, headers, body: text, answeredAfterMs };
    this.onFailure(statusError(this.context, request, answer));
  }

  /** Anything but messages says no more than that the request was taken. */
  #onText(text: string): void {
    const message = tryParse(text, this.context.sink.repairs);
    if (typeof message === "string") return;
    if (!this.context.quirks.repair("answer-in-post-body")) return;
    this.context.sink.onMessage(message, this.#exchange);
    if (this.#id !== undefined && holdsResponseTo(message, this.#id)) this.linger();
  }

  protected onStreamEnd(): void {}

  protected onFailure(error: McpError): void {
    // Once the request is taken, its response comes on the stream whatever becomes of this answer.
    const isTaken = this.status >= 200 && this.status < 300;
    if (!this.#isAnswered && !isTaken) this.#exchange.onFailed(error);
  }
}
