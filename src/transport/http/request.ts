// One HTTP request on undici's dispatch: stages, redirects, and what becomes of the body. https://undici.nodejs.org/#/docs/api/Dispatcher
// Hot path: one object per request, which is the handler that undici calls.

import type { Dispatcher } from "undici";
import { LinkedList } from "../../core/linked-list.ts";
import { McpProtocolError, type McpError } from "../../core/errors.ts";
import { AnswerHeaders, NO_HEADERS } from "./answer-headers.ts";
import type { HeaderSource } from "./answer-headers.ts";
import { decodeBody } from "./body.ts";
import type { CallSocket, Sender } from "./call-sockets.ts";
import { Closable } from "./context.ts";
import type { HttpContext } from "./context.ts";
import type { Route } from "../../jsonrpc/transport.ts";
import { DocumentedHandler } from "./documented-handler.ts";
import type { DirectHandler } from "./documented-handler.ts";
import type { EventReader } from "./event-reader.ts";
import { sendInTime } from "./keep-alive.ts";
import { errorFromNodeReason } from "./node-error.ts";
import { ERROR_BODY_BYTES } from "./status.ts";

/** 307 and 308 of the same origin that are followed for one request. */
export const MAX_REDIRECTS = 3;

/**
 * - `queued`: no byte written · `written`: the request is on a socket · `answered`: the head came
 * - `lingering`: all that matters has come; the stream may end by itself or is closed soon
 * - `over`: nothing more is reported
 */
type Stage = "queued" | "written" | "answered" | "lingering" | "over";

/** What happens to the body's bytes. */
type BodyMode = "message" | "excerpt" | "events" | "drain" | "redirect";

const NO_BYTES = Buffer.alloc(0);

/** undici wants a reason; it is never shown. */
const ABANDONED = new Error("the exchange is over");

export abstract class HttpRequest extends Closable implements DirectHandler, Sender {
  protected readonly context: HttpContext;
  /** Of the final answer. */
  status = 0;
  protected answerHeaders: AnswerHeaders = NO_HEADERS;
  /** From the first writing of the request to the final answer's head, whole milliseconds. */
  answeredAfterMs = 0;
  /** On the clock, cut to 32 bits: a fraction would be an object of its own for each request. */
  #writtenAtMs = 0;
  #url: URL;
  /** A URL builds these anew each time it is asked. */
  #path: string;
  #stage: Stage = "queued";
  #abort: ((reason: Error) => void) | undefined;
  #mode: BodyMode = "drain";
  #limitBytes = 0;
  #bytes = 0;
  /** Most bodies come in one. */
  #chunk: Buffer | undefined;
  #moreChunks: Buffer[] | undefined;
  #reader: EventReader | undefined;
  #redirects = 0;
  #ownSockets: Dispatcher | undefined;
  #callSocket: CallSocket | undefined;
  /** Its socket is gone, or was never there. */
  #isBroken = false;

  constructor(context: HttpContext, url: URL) {
    super();
    this.context = context;
    this.#url = url;
    this.#path = url === context.url ? context.path : url.pathname + url.search;
  }

  /** JSON-RPC method under way, for errors. */
  protected abstract readonly rpcMethod: string | undefined;
  /** What is sent; asked for again when it is redirected. */
  protected abstract readonly httpMethod: "POST" | "GET" | "DELETE";
  protected abstract readonly headers: string[];
  /** The head of the final answer: calls one of `readMessage`, `readExcerpt`, `readEvents`, `drain`. */
  protected abstract onAnswer(): void;
  /** The body that `readMessage` or `readExcerpt` asked for. The request is over. */
  protected abstract onBody(text: string): void;
  /** The event stream ended, in good order or (with an error) not. The request is over. */
  protected abstract onStreamEnd(error: McpError | undefined): void;
  /** The request failed. It is over. */
  protected abstract onFailure(error: McpError): void;
  /** The request is written to a socket; the first time only. */
  protected onSent(): void {}

  /** Nothing more happens on the wire. */
  protected onOver(): void {}

  protected get body(): string | null {
    return null;
  }

  /** Its answer is a stream that stays open: it goes over a socket of its own, not one of those for calls. */
  get isLongLived(): boolean {
    return false;
  }

  get route(): Route {
    return "any";
  }

  /** The server at the other end of the socket does not know the session: another socket may lead to one that does. */
  protected get isStranger(): boolean {
    return false;
  }

  /** Sends; failures are reported later, never from inside this call. */
  protected run(): void {
    const { context } = this;
    context.open.add(this);
    sendInTime(context, this);
  }

  protected get isOver(): boolean {
    return this.#stage === "over";
  }

  /** Ends the request without a report. What lingers is left to itself: an abort would cost its socket. */
  close(): void {
    if (this.#stage !== "lingering") this.#end(true);
  }

  protected readMessage(): void {
    this.#collect("message", this.context.messageBytes);
  }

  protected readExcerpt(): void {
    this.#collect("excerpt", ERROR_BODY_BYTES);
  }

  protected readEvents(reader: EventReader): void {
    const encoding = this.answerHeaders.all("content-encoding");
    if (encoding !== undefined && encoding !== "identity") {
      this.#fail(this.#protocolError(`sent a stream in the encoding ${encoding}`), true);
      return;
    }
    this.#mode = "events";
    this.#reader = reader;
  }

  /** Reads on for the sake of the socket, within bounds of bytes and time. */
  protected drain(): void {
    this.#mode = "drain";
    this.linger();
  }

  /** Nothing more is awaited: the server may end the stream itself, for a moment. */
  protected linger(): void {
    if (this.#stage !== "answered") return;
    this.#stage = "lingering";
    if (this.#callSocket !== undefined) this.context.sockets.markAnswered(this.#callSocket);
    LinkedList.remove(this);
    this.context.linger.add(this);
  }

  /** For `Linger`. */
  expire(): void {
    this.#end(true);
  }

  onConnect(abort: (reason: Error) => void): void {
    // Thrown, undici drops the request unwritten and keeps the socket, which an abort would destroy.
    if (this.#stage === "over") {
      this.#releaseCall();
      throw ABANDONED;
    }
    this.#abort = abort;
    this.#stage = "written";
    if (this.#redirects > 0) return;
    this.#writtenAtMs = wholeMs(this.context.clock.now());
    this.onSent();
  }

  onHeaders(status: number, headers: HeaderSource): boolean {
    if (status >= 200 && this.#stage !== "over") this.#onHead(status, headers);
    return true;
  }

  #onHead(status: number, headers: HeaderSource): void {
    const now = this.context.clock.now();
    this.context.heardAt = now;
    this.answeredAfterMs = wholeMs(wholeMs(now) - this.#writtenAtMs);
    this.#stage = "answered";
    this.status = status;
    this.answerHeaders = new AnswerHeaders(headers);
    const { cookies } = this.context;
    if (cookies.isWanted) cookies.take(this.answerHeaders.lines("set-cookie"));
    if ((status === 307 || status === 308) && this.#follow()) return;
    this.onAnswer();
  }

  onData(chunk: Buffer): boolean {
    if (this.#stage !== "over") this.#onChunk(chunk);
    return true;
  }

  #onChunk(chunk: Buffer): void {
    if (this.#mode === "events") {
      if (this.#reader?.feed(chunk) === false) this.#tooLarge();
      return;
    }
    this.#bytes += chunk.length;
    if (this.#mode === "drain" || this.#mode === "redirect") {
      if (this.#bytes <= ERROR_BODY_BYTES) return;
      if (this.#mode === "redirect") this.#resend(true);
      else this.#end(true);
      return;
    }
    if (this.#chunk === undefined) this.#chunk = chunk;
    else (this.#moreChunks ??= []).push(chunk);
    if (this.#bytes <= this.#limitBytes) return;
    if (this.#mode === "message") this.#tooLarge();
    else this.#deliverBody(true);
  }

  onComplete(): void {
    if (this.#stage === "over") return;
    if (this.#mode === "message" || this.#mode === "excerpt") {
      this.#deliverBody(false);
      return;
    }
    if (this.#mode === "redirect") {
      this.#resend(false);
      return;
    }
    const isAwaited = this.#stage === "answered";
    this.#end(false);
    if (isAwaited && this.#mode === "events") this.onStreamEnd(undefined);
  }

  onError(reason: unknown): void {
    const stage = this.#stage;
    this.#isBroken = true;
    if (stage === "over") return this.#releaseCall();
    if (stage === "lingering") {
      this.#end(false);
      return;
    }
    const error = errorFromNodeReason(reason, {
      server: this.context.server,
      address: this.context.address,
      method: this.rpcMethod,
      stage,
      isPlain: this.#url.protocol === "http:" && this.context.sockets.isPlain,
    });
    if (stage === "queued") {
      // undici holds nothing of it any more.
      this.#releaseCall();
      // May come from inside `run`, before its caller holds the handle.
      queueMicrotask(() => this.#fail(error, false));
      return;
    }
    if (stage === "answered" && this.#mode === "events") {
      this.#end(false);
      this.onStreamEnd(error);
      return;
    }
    this.#fail(error, false);
  }

  /** For `run`, when the time is right, and for those who have a socket again. */
  sendUnlessOver(): void {
    if (this.#stage !== "over") this.#send();
  }

  #send(): void {
    try {
      const dispatcher = this.#takeDispatcher();
      // Otherwise it is told when there is one.
      if (dispatcher !== undefined) this.#dispatch(dispatcher);
    } catch (reason) {
      // A proxy environment that is no URL, or a user's dispatcher that throws.
      this.onError(reason);
    }
  }

  #dispatch(dispatcher: Dispatcher): void {
    const { origin, isForeign } = this.context;
    dispatcher.dispatch(
      {
        origin,
        path: this.#path,
        method: this.httpMethod,
        headers: this.headers,
        body: this.body,
        // A dispatcher of the user's may pipeline what is idempotent, behind a stream that never ends.
        idempotent: false,
        headersTimeout: 0,
        bodyTimeout: 0,
      },
      isForeign ? new DocumentedHandler(this) : this,
    );
  }

  #takeDispatcher(): Dispatcher | undefined {
    const { sockets } = this.context;
    if (this.isLongLived) return (this.#ownSockets ??= sockets.acquireStream());
    this.#callSocket ??= sockets.acquireCall(this);
    return this.#callSocket?.dispatcher;
  }

  #follow(): boolean {
    const location = this.answerHeaders.first("location");
    if (location === undefined || this.#redirects >= MAX_REDIRECTS) return false;
    // Of several it cannot be known which is meant.
    if (location !== this.answerHeaders.all("location")) return false;
    if (!URL.canParse(location, this.#url.href)) return false;
    const target = new URL(location, this.#url);
    // Credentials travel in the headers: they go to the configured origin and nowhere else.
    if (target.origin !== this.context.origin) return false;
    this.#url = target;
    this.#path = target.pathname + target.search;
    this.#mode = "redirect";
    return true;
  }

  #resend(isAborted: boolean): void {
    const abort = this.#abort;
    this.#redirects += 1;
    this.#bytes = 0;
    if (isAborted) {
      // Its error report must not reach the request that follows.
      this.#stage = "over";
      this.#isBroken = true;
      abort?.(ABANDONED);
    }
    this.#abort = undefined;
    // The server sent the request elsewhere instead of taking it: nothing was written where it goes now.
    this.#stage = "queued";
    // Its sockets may have been replaced meanwhile, and be closing.
    this.#releaseCall();
    this.#send();
  }

  #collect(mode: "message" | "excerpt", limitBytes: number): void {
    this.#mode = mode;
    this.#limitBytes = limitBytes;
    if (mode === "message" && Number(this.answerHeaders.first("content-length")) > limitBytes) {
      this.#tooLarge();
    }
  }

  #deliverBody(isCut: boolean): void {
    const isExcerpt = this.#mode === "excerpt";
    const encoding = this.answerHeaders.all("content-encoding");
    const body = decodeBody(this.#takeBody(), encoding, this.#limitBytes);
    if (body.kind === "text") {
      this.#end(isCut);
      this.onBody(isCut ? body.text.slice(0, this.#limitBytes) : body.text);
    } else if (isExcerpt) {
      // The status matters more than its text.
      this.#end(isCut);
      this.onBody("");
    } else if (body.kind === "too-large") {
      this.#tooLarge();
    } else {
      this.#fail(
        this.#protocolError(
          `sent a body that could not be decoded as ${body.encoding}`,
          body.cause,
        ),
        isCut,
      );
    }
  }

  #takeBody(): Buffer {
    const first = this.#chunk ?? NO_BYTES;
    const more = this.#moreChunks;
    this.#chunk = undefined;
    this.#moreChunks = undefined;
    return more === undefined ? first : Buffer.concat([first, ...more]);
  }

  #tooLarge(): void {
    const error = new McpProtocolError(
      `"${this.context.server}" sent a message larger than ${this.context.messageBytes} bytes; raise limits.messageBytes if it is to be accepted`,
      { code: "LIMIT_EXCEEDED", server: this.context.server, method: this.rpcMethod, sent: "yes" },
    );
    this.#fail(error, true);
  }

  #protocolError(what: string, cause?: unknown): McpProtocolError {
    return new McpProtocolError(`"${this.context.server}" at ${this.context.address} ${what}`, {
      server: this.context.server,
      method: this.rpcMethod,
      sent: "yes",
      cause,
    });
  }

  #fail(error: McpError, isAborted: boolean): void {
    const isAwaited = this.#stage !== "over" && this.#stage !== "lingering";
    this.#end(isAborted);
    if (isAwaited) this.onFailure(error);
  }

  #end(isAborted: boolean): void {
    const stage = this.#stage;
    if (stage === "over") return;
    this.#stage = "over";
    if (stage === "lingering") this.context.linger.delete(this);
    else LinkedList.remove(this);
    this.#chunk = undefined;
    this.#moreChunks = undefined;
    this.#reader?.stop();
    if (isAborted) {
      this.#isBroken = true;
      this.#abort?.(ABANDONED);
    }
    this.#abort = undefined;
    const own = this.#ownSockets;
    this.#ownSockets = undefined;
    // Not from inside the parser that reports the end of the very socket that goes.
    if (own !== undefined) queueMicrotask(() => this.context.sockets.release(own));
    // What undici still holds, unwritten, is in the way of whatever comes after it.
    if (stage !== "queued") this.#releaseCall();
    this.onOver();
  }

  #releaseCall(): void {
    const socket = this.#callSocket;
    const isBroken = this.#isBroken;
    this.#callSocket = undefined;
    this.#isBroken = false;
    if (socket === undefined) return;
    if (isBroken) this.context.sockets.discardCall(socket);
    else if (this.isStranger) this.context.sockets.holdCall(socket);
    else this.context.sockets.releaseCall(socket);
  }
}

/** Wraps after 24 days; the difference of two is right all the same. */
function wholeMs(ms: number): number {
  return ms | 0;
}
