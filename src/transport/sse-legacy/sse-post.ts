// One message of HTTP+SSE: a POST whose body of an answer means nothing. https://modelcontextprotocol.io/specification/2024-11-05/basic/transports#http-with-sse

import type { McpError } from "../../core/errors.ts";
import type { JsonRpcMessage, RequestId } from "../../jsonrpc/messages.ts";
import type { Exchange, ExchangeHandle } from "../../jsonrpc/transport.ts";
import type { HttpContext } from "../http/context.ts";
import { HttpRequest } from "../http/request.ts";
import { statusError } from "../http/status.ts";

export class SsePost extends HttpRequest implements ExchangeHandle {
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
    // A request was taken too, but what it asks for comes on the stream.
    if (this.#id === undefined) this.#exchange.onAccepted?.();
    this.drain();
  }

  protected onBody(text: string): void {
    const request = { method: this.rpcMethod, id: this.#id };
    const { status, answerHeaders: headers, answeredAfterMs } = this;
    const answer = { status, headers, body: text, answeredAfterMs };
    this.onFailure(statusError(this.context, request, answer));
  }

  protected onStreamEnd(): void {}

  protected onFailure(error: McpError): void {
    if (!this.#isAnswered) this.#exchange.onFailed(error);
  }
}
