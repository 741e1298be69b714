// One message by POST and its answer: JSON, a stream, or an acknowledgement. https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#sending-messages-to-the-server
// Hot path, over HTTP.

import { McpConnectionError, McpProtocolError, type McpError } from "../../core/errors.ts";
import { excerpt } from "../../core/redact.ts";
import type { JsonRpcMessage, RequestId } from "../../jsonrpc/messages.ts";
import type { Exchange, ExchangeHandle, ResponseHead, Route } from "../../jsonrpc/transport.ts";
import type { AnswerHeaders } from "./answer-headers.ts";
import type { HttpContext } from "./context.ts";
import { deliverEvent, isNamelessFailure, readMessage } from "./delivery.ts";
import { EventReader, type EventOwner } from "./event-reader.ts";
import { HttpRequest } from "./request.ts";
import { Resumption } from "./resumption.ts";
import { mediaType, rpcError, statusError } from "./status.ts";

const SESSION_ID = "mcp-session-id";

export class PostExchange extends HttpRequest implements ExchangeHandle, EventOwner {
  protected readonly rpcMethod: string | undefined;
  readonly #exchange: Exchange;
  readonly #body: string;
  /** Undefined: the message asks for no response. */
  readonly #id: RequestId | undefined;
  #reader: EventReader | undefined;
  #resumption: Resumption | undefined;

  constructor(context: HttpContext, message: JsonRpcMessage, exchange: Exchange) {
    super(context, context.url);
    this.#exchange = exchange;
    this.rpcMethod = "method" in message ? message.method : undefined;
    this.#id = "method" in message && "id" in message ? message.id : undefined;
    this.#body = JSON.stringify(message);
    this.run();
  }

  override get isLongLived(): boolean {
    return this.#exchange.isLongLived === true;
  }

  override get route(): Route {
    return this.#exchange.route ?? "any";
  }

  protected override get isStranger(): boolean {
    return this.status === 404 && this.#exchange.headers?.includes(SESSION_ID) === true;
  }

  override close(): void {
    super.close();
    this.#resumption?.close();
    this.#resumption = undefined;
  }

  onEvent(name: string | undefined, data: string): void {
    if (name !== undefined) return;
    if (deliverEvent(this.context, this.rpcMethod, data, this.#exchange, this.#id)) this.linger();
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

  protected onAnswer(): void {
    const { status, answerHeaders } = this;
    if (this.#exchange.onHead !== undefined) {
      this.#exchange.onHead(new Head(status, answerHeaders));
      if (this.isOver) return;
    }
    if (status >= 300) {
      this.readExcerpt();
      return;
    }
    if (this.#id === undefined) {
      this.#exchange.onAccepted?.();
      this.drain();
      return;
    }
    switch (mediaType(answerHeaders.first("content-type"))) {
      case "application/json":
        this.readMessage();
        break;
      case "text/event-stream":
        this.#reader = new EventReader(this, this.context.messageBytes);
        this.readEvents(this.#reader);
        break;
      default:
        this.readExcerpt();
    }
  }

  protected onBody(text: string): void {
    const { context, rpcMethod, status, answeredAfterMs } = this;
    if (status >= 300) {
      this.#exchange.onFailed(
        statusError(
          context,
          { method: rpcMethod, id: this.#id, hasSession: this.#hasSession },
          { status, headers: this.answerHeaders, body: text, answeredAfterMs },
        ),
      );
      return;
    }
    if (text === "" || mediaType(this.answerHeaders.first("content-type")) !== "application/json") {
      this.#exchange.onFailed(this.#noAnswer(text));
      return;
    }
    const message = readMessage(context, rpcMethod, text);
    if (message instanceof McpProtocolError) this.#exchange.onFailed(message);
    else if (isNamelessFailure(message)) {
      this.#exchange.onFailed(rpcError(context, rpcMethod, message, this));
    } else context.sink.onMessage(message, this.#exchange);
  }

  protected onStreamEnd(cause: McpError | undefined): void {
    const reader = this.#reader;
    const id = this.#id;
    const { resume } = this.#exchange;
    if (resume !== undefined && id !== undefined && reader?.lastEventId !== undefined) {
      this.#resumption = new Resumption(this.context, {
        exchange: this.#exchange,
        id,
        method: this.rpcMethod,
        headers: resume.headers,
        lastEventId: reader.lastEventId,
        retryMs: reader.retryMs,
      });
      return;
    }
    const { server, address } = this.context;
    this.#exchange.onFailed(
      new McpConnectionError(
        "CONNECTION_LOST",
        `the stream of "${server}" at ${address} ended without the response${resume === undefined ? "" : ", and gave no event id to resume it by"}`,
        { server, method: this.rpcMethod, retryable: true, sent: "yes", cause },
      ),
    );
  }

  protected onFailure(error: McpError): void {
    this.#exchange.onFailed(error);
  }

  get #hasSession(): boolean {
    return this.#exchange.headers?.includes("mcp-session-id") === true;
  }

  #noAnswer(body: string): McpProtocolError {
    const { server, address } = this.context;
    const type = this.answerHeaders.first("content-type");
    const what =
      body === ""
        ? "an empty body"
        : `${type === undefined ? "no content type" : excerpt(type, 100)}: ${excerpt(body, 200)}`;
    return new McpProtocolError(
      `"${server}" at ${address} answered a request with HTTP ${this.status} and ${what}; check that the URL is that of an MCP endpoint`,
      { server, method: this.rpcMethod, sent: "yes" },
    );
  }
}

class Head implements ResponseHead {
  readonly status: number;
  readonly #headers: AnswerHeaders;

  constructor(status: number, headers: AnswerHeaders) {
    this.status = status;
    this.#headers = headers;
  }

  header(name: string): string | undefined {
    return this.#headers.all(name);
  }
}
