// One message by POST and its answer: JSON, a stream, or an acknowledgement. https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#sending-messages-to-the-server
// Hot path, over HTTP.

import { McpConnectionError, McpProtocolError, type McpError } from "../../core/errors.ts";
import { describeBody, isHtml } from "../../core/html-text.ts";
import { LinkedList } from "../../core/linked-list.ts";
import { excerpt } from "../../core/redact.ts";
import { isResponse, type JsonRpcMessage, type RequestId } from "../../jsonrpc/messages.ts";
import type { Exchange, ExchangeHandle, ResponseHead, Route } from "../../jsonrpc/transport.ts";
import { codingsOf } from "./content-coding.ts";
import type { HttpContext } from "./context.ts";
import { deliverEvent, holdsResponseTo, isNamelessFailure, readMessage } from "./delivery.ts";
import { EventReader, type EventOwner } from "./event-reader.ts";
import type { Stranded } from "./listening.ts";
import { HttpRequest } from "./request.ts";
import { Resumption } from "./resumption.ts";
import { afterSilence, describeKeepAlives, proxyHint } from "./silence.ts";
import { rpcError, statusError } from "./status.ts";

const SESSION_ID = "mcp-session-id";

/** Statuses with which servers refuse a session that they do not know: 404 by the specification, others as it happens. */
const STRANGERS: ReadonlySet<number> = new Set([400, 401, 403, 404, 410]);

export class PostExchange
  extends HttpRequest
  implements ExchangeHandle, ResponseHead, EventOwner, Stranded
{
  protected readonly rpcMethod: string | undefined;
  readonly #exchange: Exchange;
  readonly #body: string;
  /** Undefined: the message asks for no response. */
  readonly #id: RequestId | undefined;
  #reader: EventReader | undefined;
  #resumption: Resumption | undefined;
  /** Its answer ended without the response, with this error unless the response comes on a change stream. */
  #stranded: McpError | undefined;
  /** Nobody waits for the response any more. */
  #isGivenUp = false;

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
    return STRANGERS.has(this.status) && this.#exchange.headers?.includes(SESSION_ID) === true;
  }

  override close(): void {
    super.close();
    this.#isGivenUp = true;
    if (this.#stranded !== undefined) LinkedList.remove(this);
    this.#resumption?.close();
    this.#resumption = undefined;
  }

  describeSilence(): string | undefined {
    if (this.#resumption !== undefined) return this.#resumption.describeSilence();
    return describeKeepAlives(this.#reader, this.silentMs());
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
    const { status } = this;
    this.#exchange.onHead?.(this);
    if (this.isOver) return;
    if (status >= 300) {
      this.readExcerpt();
      return;
    }
    if (this.#id === undefined) {
      this.#exchange.onAccepted?.();
      this.drain();
      return;
    }
    this.readAnswer();
  }

  protected openEvents(): EventReader {
    return (this.#reader = new EventReader(
      this,
      this.context.messageBytes,
      undefined,
      this.context,
    ));
  }

  protected onBody(text: string, isMessage: boolean): void {
    if (this.status >= 300) {
      this.#exchange.onFailed(this.#statusError(text));
    } else if (text === "") {
      this.#failUnlessElsewhere(this.#noAnswer(text));
    } else if (isMessage && !isHtml(text)) {
      this.#onMessage(text);
    } else this.#exchange.onFailed(this.#noAnswer(text));
  }

  #onMessage(text: string): void {
    const { context, rpcMethod } = this;
    const message = readMessage(context, rpcMethod, text);
    if (message instanceof McpProtocolError) {
      this.#exchange.onFailed(this.#isDecodedWrongly() ? this.#noAnswer(text) : message);
      return;
    }
    if (isNamelessFailure(message)) {
      this.#exchange.onFailed(rpcError(context, rpcMethod, message, this));
      return;
    }
    context.sink.onMessage(message, this.#exchange);
    // Not before: the id of a response may be repaired when it is delivered.
    if (this.#id === undefined || holdsResponseTo(message, this.#id)) return;
    this.#onForeignAnswer(message, text);
  }

  /** Nothing more will come in this body. */
  #onForeignAnswer(message: JsonRpcMessage | JsonRpcMessage[], text: string): void {
    const { server, address } = this.context;
    const hasResponse = [message].flat().some(isResponse);
    if (!hasResponse) {
      this.#failUnlessElsewhere(this.#noAnswer(text));
    } else if (this.context.quirks.repair("foreign-answer")) {
      this.#exchange.onFailed(
        new McpProtocolError(
          `"${server}" at ${address} answered request ${JSON.stringify(this.#id)} with a response to another: ${excerpt(text, 200)}; report this to the server's authors`,
          { server, method: this.rpcMethod, sent: "yes" },
        ),
      );
    }
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
    const silentMs = this.silentMs();
    const error = new McpConnectionError(
      "CONNECTION_LOST",
      `the stream of "${server}" at ${address} ended without the response${afterSilence(silentMs)}${resume === undefined ? "" : ", and gave no event id to resume it by"}${proxyHint(silentMs)}`,
      { server, method: this.rpcMethod, retryable: true, sent: "yes", cause },
    );
    if (cause === undefined) this.#waitElsewhere(error);
    else this.#exchange.onFailed(error);
  }

  /** The answer has ended in good order; the response may still come on a change stream. */
  #failUnlessElsewhere(error: McpError): void {
    const { listening, quirks, sink } = this.context;
    const isOne = this.#exchange.isLongLived !== true && this.#hasSession;
    if (listening.isOpen || !isOne || quirks.strict || sink.onUnanswered === undefined) {
      this.#waitElsewhere(error);
      return;
    }
    void this.#openStream(error);
  }

  async #openStream(error: McpError): Promise<void> {
    await this.context.sink.onUnanswered?.();
    this.#waitElsewhere(error);
  }

  #waitElsewhere(error: McpError): void {
    const { listening, quirks } = this.context;
    const mayCome = this.#exchange.isLongLived !== true && listening.isOpen;
    const isRepaired = mayCome && quirks.repair("answer-on-change-stream");
    // The response may have come with the opening of the stream.
    if (this.#isGivenUp) return;
    if (!isRepaired) {
      this.#exchange.onFailed(error);
      return;
    }
    this.#stranded = error;
    listening.wait(this);
  }

  onListeningEnd(): void {
    const cause = this.#stranded;
    const { server, address } = this.context;
    this.#exchange.onFailed(
      new McpConnectionError(
        "CONNECTION_LOST",
        `"${server}" at ${address} ended its answer without the response, and its change stream ended before the response came there`,
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

  #statusError(body: string): McpError {
    const { context, rpcMethod: method, status, answerHeaders: headers, answeredAfterMs } = this;
    const answer = { status, headers, body, answeredAfterMs };
    return statusError(context, { method, id: this.#id, hasSession: this.#hasSession }, answer);
  }

  #noAnswer(body: string): McpProtocolError {
    const { server, address } = this.context;
    const type = this.contentType;
    const coding = this.answerHeaders.all("content-encoding") ?? "";
    const label = type === undefined ? "no content type" : excerpt(type, 100);
    const coded = coding === "" ? "" : ` in the coding ${excerpt(coding, 50)}`;
    const what = body === "" ? "an empty body" : `${label}${coded}: ${describeBody(body)}`;
    return new McpProtocolError(
      `"${server}" at ${address} answered a request with HTTP ${this.status} and ${what}; check that the URL is that of an MCP endpoint`,
      { server, method: this.rpcMethod, sent: "yes" },
    );
  }

  /** Its label names a coding, which may be why the body is no message. */
  #isDecodedWrongly(): boolean {
    return codingsOf(this.answerHeaders.all("content-encoding")).length > 0;
  }
}
