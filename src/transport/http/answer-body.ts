// The body of an answer: whole or as events, whatever its label and its content coding say.
// Hot path: the base of every request, which is one object with it.

import { Bytes } from "../../core/bytes.ts";
import { McpProtocolError, type McpError } from "../../core/errors.ts";
import type { Source } from "../../core/fair-share.ts";
import { excerpt } from "../../core/redact.ts";
import { decodeUtf8 } from "../../core/utf8.ts";
import { NO_HEADERS, withoutRepetition, type AnswerHeaders } from "./answer-headers.ts";
import { bodyKind, type BodyKind } from "./body-kind.ts";
import { codingsOf, ContentDecoder, type DecodedSink } from "./content-coding.ts";
import { Closable } from "./context.ts";
import type { HttpContext } from "./context.ts";
import type { EventReader } from "./event-reader.ts";
import { ERROR_BODY_BYTES, mediaType } from "./status.ts";

/**
 * - `drain`: thrown away · `undecided`: kept until its kind is known
 * - `message`, `excerpt`: kept to its end · `events`: read as they come
 */
type BodyMode = "drain" | "undecided" | "message" | "excerpt" | "events";

/** A length of fewer digits is not looked at beforehand: a body of 9,999 bytes is soon read, whatever the limit. */
const MIN_LONG_DIGITS = 5;

/** Pieces of a body that cost as much to take as a message. */
const PIECES_PER_UNIT = 64;

const NO_BYTES = Buffer.alloc(0);
const BOM = 0xfeff;

export abstract class AnswerBody extends Closable implements DecodedSink, Source {
  protected readonly context: HttpContext;
  /** Of the final answer. */
  status = 0;
  protected answerHeaders: AnswerHeaders = NO_HEADERS;
  /** When the request was last written, answered, or its stream heard of: on the clock, cut by {@link wholeMs}. */
  protected aliveAtMs = 0;
  #mode: BodyMode = "drain";
  /** Nothing but an event stream is wanted. */
  #isForEvents = false;
  #isLabelMeant = true;
  #limitBytes = 0;
  #bytes = 0;
  /** Before any decoding. */
  #codedBytes = 0;
  /** Most bodies come in one. */
  #chunk: Buffer | undefined;
  /** All of the body, once it has come in more than one. */
  #gathered: Bytes | undefined;
  #pieces = 0;
  #reader: EventReader | undefined;
  #decoder: ContentDecoder | undefined;
  #isDecoded = false;
  /** Given to the decoder since it had no more than it could take at once. */
  #backlogBytes = 0;
  /** Of the sockets' gate, for the decoder's sake. */
  #isHolding = false;
  /** The last byte has come, and is being decoded. */
  #ending: { readonly error: McpError | undefined } | undefined;

  constructor(context: HttpContext) {
    super();
    this.context = context;
  }

  /** JSON-RPC method under way, for errors. */
  protected abstract readonly rpcMethod: string | undefined;
  /** Makes the reader of a body that turns out to be an event stream. Undefined: it is not wanted any more. */
  protected abstract openEvents(): EventReader | undefined;
  /** The body that was asked for; `isMessage`: it should be JSON. The request is over. */
  protected abstract onBody(text: string, isMessage: boolean): void;
  /** The event stream ended, in good order or (with an error) not. The request is over. */
  protected abstract onStreamEnd(error: McpError | undefined): void;

  /** Nothing is reported any more. */
  protected abstract get isOver(): boolean;
  /** Ends the request, by force if `isCut`. True if something was still awaited. */
  protected abstract endBody(isCut: boolean): boolean;
  protected abstract failBody(error: McpError, isCut: boolean): void;

  /**
   * A message or an event stream, as the body shows.
   *
   * @param label whether its label says something, so that a wrong one is a deviation
   */
  protected readAnswer(label: "meant" | "meaningless" = "meant"): void {
    const { messageBytes } = this.context;
    this.#isLabelMeant = label === "meant";
    this.#collect("undecided", messageBytes);
    // Most lengths are told to be small by the number of their digits.
    const { answerHeaders } = this;
    if (answerHeaders.lengthOf("content-length") < MIN_LONG_DIGITS) return;
    if (!(Number(answerHeaders.first("content-length")) > messageBytes)) return;
    if (this.#mode === "undecided" && !this.isEventStream) this.#failTooLarge();
  }

  /** An event stream; a body of any other kind is reported at once, and unread. */
  protected readEvents(): void {
    this.#isForEvents = true;
    this.#collect("undecided", ERROR_BODY_BYTES);
    if (this.#mode === "undecided" && this.isEventStream) this.#begin("events");
  }

  protected readExcerpt(): void {
    this.#collect("excerpt", ERROR_BODY_BYTES);
  }

  /** A header of the answer, by lower-case name. */
  header(name: string): string | undefined {
    const all = this.answerHeaders.all(name);
    const once = withoutRepetition(all);
    if (once === all) return all;
    return this.context.quirks.repair("repeated-header", name) ? once : all;
  }

  /** Whether the answer is labelled as an event stream. */
  protected get isEventStream(): boolean {
    return mediaType(this.contentType) === "text/event-stream";
  }

  protected get contentType(): string | undefined {
    const first = this.answerHeaders.first("content-type");
    return first?.includes(",") === true ? this.header("content-type") : first;
  }

  protected takeChunk(chunk: Buffer): void {
    if (this.#decoder === undefined) {
      this.#take(chunk);
      return;
    }
    this.#codedBytes += chunk.length;
    if (this.#mode !== "events" && this.#codedBytes > this.#limitBytes) this.#onLimit();
    else if (!this.#decoder.write(chunk)) this.#onBacklog(chunk.length);
  }

  /** The decoder has more than it can take at once. */
  #onBacklog(bytes: number): void {
    const { sockets, messageBytes } = this.context;
    this.#backlogBytes += bytes;
    if (!sockets.canHold) {
      if (this.#backlogBytes > messageBytes) this.#onLimit();
    } else if (!this.#isHolding) {
      this.#isHolding = true;
      sockets.gate.hold();
    }
  }

  #letGo(): void {
    this.#backlogBytes = 0;
    if (this.#isHolding) this.context.sockets.gate.release();
    this.#isHolding = false;
  }

  /** The last byte has come or, with an error, will not come. */
  protected finishBody(error: McpError | undefined): void {
    if (this.#decoder === undefined || this.#isDecoded) this.#finish(error);
    else if (this.#ending === undefined) {
      this.#ending = { error };
      this.#decoder.end();
    }
  }

  /** Frees what is kept. */
  protected dropBody(): void {
    this.#chunk = undefined;
    this.#gathered = undefined;
    this.#reader?.stop();
    this.#decoder?.destroy();
    if (this.#isHolding) this.#letGo();
    this.context.share.forget(this);
  }

  onDecoded(chunk: Buffer): boolean {
    return this.isOver || this.#take(chunk);
  }

  /** For `FairShare`: the server's turn has come again. */
  resume(): void {
    if (this.isOver) return;
    if (this.#reader?.isHeld === true) {
      if (!this.#reader.resume()) return this.#failTooLarge();
      if (this.#reader.isHeld) return this.context.share.wait(this);
    }
    if (!this.isOver) this.#decoder?.resume();
  }

  onDecodedEnd(): void {
    this.#isDecoded = true;
    if (this.#ending !== undefined && !this.isOver) this.#finish(this.#ending.error);
  }

  onUndecodable(coding: string, cause: unknown): void {
    if (this.isOver) return;
    const isCut = this.#ending === undefined;
    // The status matters more than its text.
    if (this.#mode === "excerpt") {
      if (this.endBody(isCut)) this.onBody("", false);
      return;
    }
    this.failBody(
      this.#codingError(`sent a body that could not be decoded as ${coding}`, cause),
      isCut,
    );
  }

  onDecodedTooLarge(): void {
    if (!this.isOver) this.#onLimit();
  }

  onDecoderReady(): void {
    this.#letGo();
  }

  #collect(mode: "undecided" | "excerpt", limitBytes: number): void {
    this.#mode = mode;
    this.#limitBytes = limitBytes;
    const coding = this.answerHeaders.all("content-encoding");
    if (coding !== undefined) this.#decode(coding);
  }

  #decode(contentEncoding: string): void {
    const codings = codingsOf(contentEncoding);
    if (codings.length === 0) return;
    const isLenient = this.context.quirks.repair("content-coding", excerpt(contentEncoding, 50));
    if (!isLenient && this.isEventStream && this.#mode !== "excerpt") {
      this.#mode = "drain";
      this.failBody(this.#codingError(`sent a stream in the encoding ${contentEncoding}`), true);
      return;
    }
    const { messageBytes } = this.context;
    this.#decoder = new ContentDecoder(codings, this, {
      betweenBytes: this.isEventStream ? Infinity : messageBytes,
      windowBytes: messageBytes,
      isLenient,
    });
  }

  /** False: the server's turn is over, and no more is to come until the next. */
  #take(chunk: Buffer): boolean {
    const { share } = this.context;
    if (this.#mode === "events") {
      this.#feed(chunk);
      if (this.isOver) return true;
      if (this.#reader?.isHeld !== true && this.#hasTurn()) return true;
      share.wait(this);
      return false;
    }
    this.#bytes += chunk.length;
    if (this.#mode === "drain") {
      if (this.#bytes > ERROR_BODY_BYTES) this.endBody(true);
      return true;
    }
    if (this.#chunk === undefined) this.#chunk = chunk;
    else this.#gather(this.#chunk, chunk);
    if (this.#mode === "undecided") {
      const kind = bodyKind(this.#gathered === undefined ? chunk : this.#joined());
      if (kind !== undefined) this.#decide(kind);
    }
    if (this.#chunk !== undefined && this.#bytes > this.#limitBytes) this.#onLimit();
    // With its first bytes it may have become a stream whose events wait for their turn.
    if (this.isOver || (this.#reader?.isHeld !== true && this.#hasTurn())) return true;
    share.wait(this);
    return false;
  }

  #gather(first: Buffer, chunk: Buffer): void {
    if (this.#gathered === undefined) {
      this.#gathered = new Bytes();
      this.#gathered.add(first);
    }
    this.#gathered.add(chunk);
    this.aliveAtMs = wholeMs(this.context.clock.now());
  }

  /** Whether the server may be heard further in this turn: each piece of a body costs, also of one byte. */
  #hasTurn(): boolean {
    this.#pieces += 1;
    if (this.#pieces % PIECES_PER_UNIT !== 0) return true;
    return this.context.share.onPieces();
  }

  /** Labels can be wrong: the body itself decides. */
  #decide(kind: BodyKind): void {
    const { contentType } = this;
    const label = mediaType(contentType);
    const labelled: BodyMode =
      label === "application/json"
        ? "message"
        : label === "text/event-stream"
          ? "events"
          : "excerpt";
    const seen = kind === "json" ? "message" : kind === "events" ? "events" : labelled;
    if (this.#isForEvents && seen !== "events") return this.#refuse();
    if (seen === labelled || !this.#isLabelMeant) return this.#begin(seen);
    const what = seen === "message" ? "a message" : "an event stream";
    const shown = contentType === undefined ? "no content type" : excerpt(contentType, 50);
    if (this.context.quirks.repair("wrong-content-type", `${shown}: ${what}`)) {
      return this.#begin(seen);
    }
    if (this.#isForEvents) this.#refuse();
    else this.#begin(labelled);
  }

  #begin(mode: "message" | "excerpt" | "events"): void {
    this.#mode = mode;
    if (mode === "excerpt") this.#limitBytes = ERROR_BODY_BYTES;
    if (mode !== "events") return;
    this.#reader = this.openEvents();
    const start = this.#takeBody();
    if (start.length > 0 && !this.isOver) this.#feed(start);
  }

  /** There are no events in it. */
  #refuse(): void {
    if (this.endBody(true)) this.onBody("", false);
  }

  #feed(chunk: Buffer): void {
    if (this.#reader?.feed(chunk) === false) this.#failTooLarge();
    // A stream that has just brought the response is not waited for, and most have.
    else if (this.isAwaited) this.aliveAtMs = wholeMs(this.context.clock.now());
  }

  /** Something is still expected of the answer. */
  protected abstract get isAwaited(): boolean;

  #finish(error: McpError | undefined): void {
    if (this.#mode === "undecided" && error === undefined) this.#decide("other");
    else if (this.#mode === "undecided" && this.isEventStream) this.#begin("events");
    if (this.isOver) return;
    if (this.#mode === "events") {
      this.#reader?.finish();
      if (this.endBody(false)) this.onStreamEnd(error);
    } else if (this.#mode === "drain") this.endBody(false);
    else if (error === undefined) this.#deliver(false);
    else this.failBody(error, false);
  }

  #onLimit(): void {
    if (this.#mode === "excerpt") this.#deliver(true);
    else this.#failTooLarge();
  }

  #deliver(isCut: boolean): void {
    const isMessage = this.#mode === "message";
    const text = textOf(this.#takeBody());
    if (!this.endBody(isCut)) return;
    this.onBody(isCut ? text.slice(0, this.#limitBytes) : text, isMessage);
  }

  #takeBody(): Buffer {
    const body = this.#joined();
    this.#chunk = undefined;
    this.#gathered = undefined;
    return body;
  }

  #joined(): Buffer {
    return this.#gathered?.view() ?? this.#chunk ?? NO_BYTES;
  }

  /** Since the request was written, answered, or its stream heard of, whole milliseconds. */
  protected silentMs(): number {
    return wholeMs(wholeMs(this.context.clock.now()) - this.aliveAtMs);
  }

  #failTooLarge(): void {
    const { server, messageBytes } = this.context;
    const error = new McpProtocolError(
      `"${server}" sent a message larger than ${messageBytes} bytes; raise limits.messageBytes if it is to be accepted`,
      { code: "LIMIT_EXCEEDED", server, method: this.rpcMethod, sent: "yes" },
    );
    this.failBody(error, true);
  }

  #codingError(what: string, cause?: unknown): McpProtocolError {
    const { server, address } = this.context;
    return new McpProtocolError(`"${server}" at ${address} ${what}`, {
      server,
      method: this.rpcMethod,
      sent: "yes",
      cause,
    });
  }
}

/** Cut to 32 bits, because a fraction would be an object. Wraps after 24 days, where differences stay right. */
export function wholeMs(ms: number): number {
  return ms | 0;
}

/** JSON.parse refuses the byte order mark that some servers put first. */
function textOf(raw: Buffer): string {
  const decoded = decodeUtf8(raw);
  return decoded.charCodeAt(0) === BOM ? decoded.slice(1) : decoded;
}
