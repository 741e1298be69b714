// One HTTP request on undici's dispatch: stages, redirects, and what becomes of the body. https://undici.nodejs.org/#/docs/api/Dispatcher
// Hot path: one object per request, which is the handler that undici calls.

import type { Dispatcher } from "undici";
import { LinkedList } from "../../core/linked-list.ts";
import type { McpError } from "../../core/errors.ts";
import { AnswerBody, wholeMs } from "./answer-body.ts";
import { AnswerHeaders, type HeaderSource } from "./answer-headers.ts";
import type { CallSocket, Sender } from "./call-sockets.ts";
import type { HttpContext } from "./context.ts";
import type { Route } from "../../jsonrpc/transport.ts";
import { DocumentedHandler } from "./documented-handler.ts";
import type { DirectHandler } from "./documented-handler.ts";
import { sendInTime } from "./keep-alive.ts";
import { errorFromNodeReason } from "./node-error.ts";
import { isSameOrigin } from "./origin.ts";
import { ERROR_BODY_BYTES } from "./status.ts";

/** 307 and 308 of the same origin that are followed for one request. */
export const MAX_REDIRECTS = 3;

/**
 * - `queued`: no byte written · `written`: the request is on a socket · `answered`: the head came
 * - `lingering`: all that matters has come; the stream may end by itself or is closed soon
 * - `over`: nothing more is reported
 */
type Stage = "queued" | "written" | "answered" | "lingering" | "over";

/** undici wants a reason; it is never shown. */
const ABANDONED = new Error("the exchange is over");

export abstract class HttpRequest extends AnswerBody implements DirectHandler, Sender {
  /** From the first writing of the request to the final answer's head, whole milliseconds. */
  answeredAfterMs = 0;
  #writtenAtMs = 0;
  #url: URL;
  /** A URL builds these anew each time it is asked. */
  #path: string;
  #stage: Stage = "queued";
  #abort: ((reason: Error) => void) | undefined;
  #redirects = 0;
  /** Bytes of the body of a redirect that is followed, when it ends. */
  #redirectBytes = 0;
  #isRedirected = false;
  #ownSockets: Dispatcher | undefined;
  #callSocket: CallSocket | undefined;
  /** Its socket is gone, or was never there. */
  #isBroken = false;

  constructor(context: HttpContext, url: URL) {
    super(context);
    this.#url = url;
    this.#path = url === context.url ? context.path : url.pathname + url.search;
  }

  /** What is sent; asked for again when it is redirected. */
  protected abstract readonly httpMethod: "POST" | "GET" | "DELETE";
  protected abstract readonly headers: string[];
  /** The head of the final answer: calls one of `readAnswer`, `readEvents`, `readExcerpt`, `drain`. */
  protected abstract onAnswer(): void;
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

  protected get isAwaited(): boolean {
    return this.#stage === "answered";
  }

  /** Ends the request without a report. What lingers is left to itself: an abort would cost its socket. */
  close(): void {
    if (this.#stage !== "lingering") this.#end(true);
  }

  /** Reads on for the sake of the socket, within bounds of bytes and time. */
  protected drain(): void {
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
    const now = wholeMs(this.context.clock.now());
    this.aliveAtMs = now;
    if (this.#redirects > 0) return;
    this.#writtenAtMs = now;
    this.onSent();
  }

  onHeaders(status: number, headers: HeaderSource): boolean {
    if (status < 200 || this.#stage === "over") return true;
    this.#onHead(status, headers);
    return true;
  }

  #onHead(status: number, headers: HeaderSource): void {
    const now = this.context.clock.now();
    this.context.heardAt = now;
    this.aliveAtMs = wholeMs(now);
    this.answeredAfterMs = wholeMs(this.aliveAtMs - this.#writtenAtMs);
    this.#stage = "answered";
    this.status = status;
    this.answerHeaders = new AnswerHeaders(headers);
    const { cookies } = this.context;
    if (cookies.isWanted) cookies.take(this.answerHeaders.lines("set-cookie"));
    if ((status === 307 || status === 308) && this.#follow()) return;
    this.onAnswer();
  }

  onData(chunk: Buffer): boolean {
    if (this.#stage === "over") return true;
    if (this.#isRedirected) {
      this.#redirectBytes += chunk.length;
      if (this.#redirectBytes > ERROR_BODY_BYTES) this.#resend(true);
    } else this.takeChunk(chunk);
    // Never to be paused, see read-gate.ts.
    return true;
  }

  onComplete(): void {
    if (this.#stage === "over") return;
    if (this.#isRedirected) this.#resend(false);
    else this.finishBody(undefined);
  }

  onError(reason: unknown): void {
    const stage = this.#stage;
    this.#isBroken = true;
    if (stage === "over") return this.#releaseCall();
    if (stage === "lingering") {
      this.#end(false);
      return;
    }
    // A server that redirects a request has read it, and may have run it.
    const isMoved = this.#redirects > 0;
    const error = errorFromNodeReason(reason, {
      server: this.context.server,
      address: this.context.address,
      method: this.rpcMethod,
      stage: isMoved && stage === "queued" ? "written" : stage,
      isPlain: !isMoved && this.#url.protocol === "http:" && this.context.sockets.isPlain,
      silentMs: this.silentMs(),
    });
    if (stage === "answered" && !this.#isRedirected) {
      this.finishBody(error);
      return;
    }
    if (stage !== "queued") {
      this.#fail(error, false);
      return;
    }
    // undici holds nothing of it any more.
    this.#releaseCall();
    // May come from inside `run`, before its caller holds the handle.
    queueMicrotask(() => this.#fail(error, false));
  }

  protected endBody(isCut: boolean): boolean {
    const isAwaited = this.#stage === "answered";
    this.#end(isCut);
    return isAwaited;
  }

  protected failBody(error: McpError, isCut: boolean): void {
    this.#fail(error, isCut);
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
    const { origin, url, isForeign } = this.context;
    // A server that sends requests on to another name of its own machine looks at the name that it is asked by.
    const isRenamed = this.#url !== url && this.#url.host !== url.host;
    dispatcher.dispatch(
      {
        origin,
        path: this.#path,
        method: this.httpMethod,
        headers: isRenamed ? [...this.headers, "host", this.#url.host] : this.headers,
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
    if (!isSameOrigin(target, this.context.url, this.context.quirks)) return false;
    this.#url = target;
    this.#path = target.pathname + target.search;
    this.#isRedirected = true;
    return true;
  }

  #resend(isAborted: boolean): void {
    const abort = this.#abort;
    this.#redirects += 1;
    this.#redirectBytes = 0;
    this.#isRedirected = false;
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
    this.dropBody();
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
