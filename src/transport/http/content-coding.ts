// Content codings that nobody asked for, undone while the bytes come. https://www.rfc-editor.org/rfc/rfc9110#section-8.4

import type { Duplex } from "node:stream";
import {
  constants,
  createBrotliDecompress,
  createGunzip,
  createInflate,
  createInflateRaw,
} from "node:zlib";
import { createZstdDecoder, isZstd } from "./zstd.ts";

/** Codings of one body that are undone. More of them are a trap, and are read as they are. */
const MAX_CODINGS = 4;

/** So many bytes tell whether a body is coded as its label says. */
const HEAD_BYTES = 16;

/** As browsers do: a missing checksum at the end does not take away the bytes before it. */
const ZLIB_OPTIONS = { flush: constants.Z_SYNC_FLUSH, finishFlush: constants.Z_SYNC_FLUSH };
const BROTLI_OPTIONS = {
  flush: constants.BROTLI_OPERATION_FLUSH,
  finishFlush: constants.BROTLI_OPERATION_FLUSH,
};

/** Where decoded bytes go. Nothing is called after `destroy()`. */
export interface DecodedSink {
  /** False: no more until {@link ContentDecoder.resume}. */
  onDecoded(chunk: Buffer): boolean;
  /** All has been decoded. */
  onDecodedEnd(): void;
  /** The bytes do not fit their coding. */
  onUndecodable(coding: string, cause: unknown): void;
  /** There is more between two codings than is allowed. */
  onDecodedTooLarge(): void;
  /** After `write` gave false: it takes more now. */
  onDecoderReady(): void;
}

export interface ContentDecoderOptions {
  /** Most bytes between two codings of one body. Infinity for a stream, which has no end. */
  readonly betweenBytes: number;
  /** Most memory that the body may demand for its decoding, bytes. */
  readonly windowBytes: number;
  /** Whether a body that is not coded as its label says is taken as it is. */
  readonly isLenient: boolean;
}

/** The codings of a `content-encoding`, in the order in which they are undone. */
export function codingsOf(contentEncoding: string | undefined): readonly string[] {
  if (contentEncoding === undefined) return NONE;
  const codings = contentEncoding
    .split(",")
    .map((coding) => coding.trim().toLowerCase())
    .filter((coding) => coding !== "" && coding !== "identity");
  return codings.length > MAX_CODINGS ? NONE : codings.toReversed();
}

const NONE: readonly string[] = [];

/** Undoes the codings of one body, with memory that does not grow with it. */
export class ContentDecoder {
  readonly #layers: readonly Layer[];
  readonly #sink: DecodedSink;

  /** @param codings see {@link codingsOf} */
  constructor(codings: readonly string[], sink: DecodedSink, options: ContentDecoderOptions) {
    const layers: Layer[] = [];
    for (const coding of codings.toReversed()) {
      layers.unshift(new Layer(coding, layers[0], sink, options));
    }
    this.#layers = layers;
    this.#sink = sink;
  }

  /** False: no more until `onDecoderReady`. */
  write(chunk: Buffer): boolean {
    const [first] = this.#layers;
    if (first !== undefined) return first.write(chunk);
    return this.#sink.onDecoded(chunk);
  }

  /** The sink takes more. */
  resume(): void {
    const last = this.#layers.at(-1);
    if (last === undefined) this.#sink.onDecoderReady();
    else last.resume();
  }

  end(): void {
    const [first] = this.#layers;
    if (first === undefined) this.#sink.onDecodedEnd();
    else first.end();
  }

  destroy(): void {
    for (const layer of this.#layers) layer.destroy();
  }
}

/** One coding: looks at the first bytes, then decodes, or hands on as they are those that are not coded so. */
class Layer {
  /** Gives to this one. */
  before: Layer | undefined;
  readonly #coding: string;
  readonly #next: Layer | undefined;
  readonly #sink: DecodedSink;
  readonly #options: ContentDecoderOptions;
  #state: "undecided" | "as-is" | "decoding" | "over" = "undecided";
  #head: Buffer = NO_BYTES;
  #decoder: Duplex | undefined;
  #bytes = 0;

  constructor(
    coding: string,
    next: Layer | undefined,
    sink: DecodedSink,
    options: ContentDecoderOptions,
  ) {
    this.#coding = coding;
    this.#next = next;
    this.#sink = sink;
    this.#options = options;
    if (next !== undefined) next.before = this;
  }

  write(chunk: Buffer): boolean {
    if (this.#state === "over") return true;
    if (this.#state === "decoding") return this.#decoder?.write(chunk) ?? true;
    if (this.#state === "as-is") return this.#give(chunk);
    this.#head = this.#head.length === 0 ? chunk : Buffer.concat([this.#head, chunk]);
    return this.#head.length < HEAD_BYTES || this.#begin();
  }

  end(): void {
    if (this.#state === "over") return;
    if (this.#state === "undecided" && this.#head.length > 0) this.#begin();
    if (this.#decoder === undefined) this.#finish();
    else this.#decoder.end();
  }

  resume(): void {
    if (this.#decoder !== undefined) this.#decoder.resume();
    else this.#ready();
  }

  destroy(): void {
    this.#state = "over";
    this.#decoder?.destroy();
  }

  #begin(): boolean {
    const head = this.#head;
    this.#head = NO_BYTES;
    const decoder = decoderFor(this.#coding, head, this.#options);
    if (decoder === undefined && !this.#options.isLenient) {
      this.#fail(undefined);
      return true;
    }
    this.#state = decoder === undefined ? "as-is" : "decoding";
    if (decoder === undefined) return this.#give(head);
    this.#decoder = decoder;
    decoder.on("data", (chunk: Buffer) => {
      if (this.#state === "decoding" && !this.#give(chunk)) decoder.pause();
    });
    decoder.on("drain", () => this.#ready());
    decoder.on("end", () => this.#finish());
    decoder.on("error", (error) => this.#fail(error));
    return decoder.write(head);
  }

  #give(chunk: Buffer): boolean {
    if (this.#next === undefined) return this.#sink.onDecoded(chunk);
    this.#bytes += chunk.length;
    if (this.#bytes <= this.#options.betweenBytes) return this.#next.write(chunk);
    this.destroy();
    this.#sink.onDecodedTooLarge();
    return true;
  }

  #finish(): void {
    if (this.#state === "over") return;
    this.#state = "over";
    if (this.#next === undefined) this.#sink.onDecodedEnd();
    else this.#next.end();
  }

  #fail(cause: unknown): void {
    if (this.#state === "over") return;
    this.destroy();
    this.#sink.onUndecodable(this.#coding, cause);
  }

  #ready(): void {
    if (this.#state === "over") return;
    if (this.before === undefined) this.#sink.onDecoderReady();
    else this.before.resume();
  }
}

const NO_BYTES = Buffer.alloc(0);

/** Undefined: the coding is not known, or the body is not coded so. */
function decoderFor(
  coding: string,
  head: Buffer,
  { windowBytes, isLenient }: ContentDecoderOptions,
): Duplex | undefined {
  switch (coding) {
    case "gzip":
    case "x-gzip":
      return isLenient && !isGzip(head) ? undefined : createGunzip(ZLIB_OPTIONS);
    case "deflate":
      // Many servers send deflate without the zlib header that the name stands for.
      if (isZlib(head)) return createInflate(ZLIB_OPTIONS);
      return isLenient && isText(head) ? undefined : createInflateRaw(ZLIB_OPTIONS);
    case "br":
      return isLenient && isText(head) ? undefined : createBrotliDecompress(BROTLI_OPTIONS);
    case "zstd":
      return isLenient && isZstd(head) ? createZstdDecoder(windowBytes) : undefined;
    default:
      return undefined;
  }
}

function isGzip(head: Buffer): boolean {
  return head[0] === 0x1f && head[1] === 0x8b;
}

/** The header of RFC 1950: method 8, and a checksum over its two bytes. */
function isZlib(head: Buffer): boolean {
  const first = head[0] ?? 0;
  return (first & 0x0f) === 8 && ((first << 8) | (head[1] ?? 0)) % 31 === 0;
}

/** Brotli and bare deflate have no mark of their own, but do not begin with so much plain ASCII. */
function isText(head: Buffer): boolean {
  const start = head[0] === 0xef && head[1] === 0xbb && head[2] === 0xbf ? 3 : 0;
  const text = head.subarray(start, HEAD_BYTES);
  return text.every((byte) => (byte >= 0x20 && byte < 0x7f) || (byte >= 0x09 && byte <= 0x0d));
}
