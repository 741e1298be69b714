// Zstandard, decoded frame by frame and block by block. https://www.rfc-editor.org/rfc/rfc8878#section-3.1.1
// Node's own decoder where it has one (from 22.15 on), fzstd where not.

import { Duplex } from "node:stream";
import * as zlib from "node:zlib";
import type { Decompress } from "fzstd";

const FRAME_MAGIC = 0xfd2fb528;
/** With any value in the lowest four bits. */
const SKIPPABLE_MAGIC = 0x184d2a50;
/** Where a frame's descriptor is. */
const DESCRIPTOR = 4;
const HAS_CHECKSUM = 4;
const BLOCK_HEADER_BYTES = 3;
const MAX_BLOCK_BYTES = 131_072;
const CHECKSUM_BYTES = 4;

/** Every decoder must accept this window: https://www.rfc-editor.org/rfc/rfc9659#section-3 */
const MIN_WINDOW_BYTES = 8 * 1_048_576;

/** Whether a body begins as Zstandard does. */
export function isZstd(head: Buffer): boolean {
  if (head.length < 4) return false;
  const magic = head.readUInt32LE();
  return magic === FRAME_MAGIC || (magic & ~0xf) >>> 0 === SKIPPABLE_MAGIC;
}

/** @param windowBytes the most memory that a frame may demand; the 8 MiB of every HTTP client are always granted */
export function createZstdDecoder(windowBytes: number): Duplex {
  const limitBytes = Math.max(MIN_WINDOW_BYTES, windowBytes);
  return (
    nativeDecoder(limitBytes) ??
    Duplex.from((source: AsyncIterable<Buffer>) => decode(source, limitBytes))
  );
}

type NativeFactory = (options: { readonly params: { readonly [param: number]: number } }) => Duplex;

function nativeDecoder(limitBytes: number): Duplex | undefined {
  const create: unknown = Reflect.get(zlib, "createZstdDecompress");
  const param: unknown = Reflect.get(zlib.constants, "ZSTD_d_windowLogMax");
  if (typeof create !== "function" || typeof param !== "number") return undefined;
  return (create as NativeFactory)({ params: { [param]: Math.ceil(Math.log2(limitBytes)) } });
}

async function* decode(source: AsyncIterable<Buffer>, limitBytes: number): AsyncGenerator<Buffer> {
  const fzstd = await import("fzstd");
  const input = new Input(source);
  while (await input.has(4)) {
    if (!isZstd(input.peek(4))) throw new Error("no Zstandard frame");
    if (input.peek(4).readUInt32LE() === FRAME_MAGIC)
      yield* decodeFrame(input, fzstd.Decompress, limitBytes);
    else if (await input.has(8)) await input.skip(8 + input.peek(8).readUInt32LE(4));
    else return;
  }
}

/** One block at a time is given to fzstd, so that no more than one is ever decoded ahead of its reader. */
async function* decodeFrame(
  input: Input,
  Decoder: typeof Decompress,
  limitBytes: number,
): AsyncGenerator<Buffer> {
  if (!(await input.has(6))) return;
  const headerBytes = headerLength(input.peek(6)[DESCRIPTOR] ?? 0);
  if (!(await input.has(headerBytes))) return;
  const header = Buffer.from(input.take(headerBytes));
  const descriptor = header[DESCRIPTOR] ?? 0;
  if (windowOf(header) > limitBytes) throw new Error("a Zstandard window beyond the limit");
  // The checksum is skipped here, and fzstd is not to wait for it.
  header[DESCRIPTOR] = descriptor & ~HAS_CHECKSUM;
  let decoded: Buffer[] = [];
  const decoder = new Decoder((chunk) => decoded.push(Buffer.from(chunk)));
  decoder.push(header);
  for (let isLast = false; !isLast;) {
    if (!(await input.has(BLOCK_HEADER_BYTES))) return;
    const blockHeader = input.peek(BLOCK_HEADER_BYTES).readUIntLE(0, BLOCK_HEADER_BYTES);
    const isRepeatedByte = ((blockHeader >> 1) & 3) === 1;
    const size = blockHeader >> 3;
    if (size > MAX_BLOCK_BYTES) throw new Error("a Zstandard block beyond its limit");
    isLast = (blockHeader & 1) === 1;
    const blockBytes = BLOCK_HEADER_BYTES + (isRepeatedByte ? 1 : size);
    if (!(await input.has(blockBytes))) return;
    decoder.push(input.take(blockBytes), isLast);
    for (const chunk of decoded) if (chunk.length > 0) yield chunk;
    decoded = [];
  }
  if ((descriptor & HAS_CHECKSUM) !== 0) await input.skip(CHECKSUM_BYTES);
}

/** https://www.rfc-editor.org/rfc/rfc8878#section-3.1.1.1.1 */
function headerLength(descriptor: number): number {
  const windowBytes = isSingleSegment(descriptor) ? 0 : 1;
  return DESCRIPTOR + 1 + windowBytes + dictionaryBytes(descriptor) + sizeBytes(descriptor);
}

function isSingleSegment(descriptor: number): boolean {
  return (descriptor & 0x20) !== 0;
}

function dictionaryBytes(descriptor: number): number {
  const flag = descriptor & 3;
  return flag === 3 ? 4 : flag;
}

function sizeBytes(descriptor: number): number {
  const flag = descriptor >> 6;
  return flag === 0 ? (isSingleSegment(descriptor) ? 1 : 0) : 1 << flag;
}

/** The memory that a frame demands, bytes. */
function windowOf(header: Buffer): number {
  const descriptor = header[DESCRIPTOR] ?? 0;
  if (isSingleSegment(descriptor)) {
    // A size of two bytes is less than any limit, and one of eight is cut to its lower six.
    const count = sizeBytes(descriptor);
    const at = header.length - count;
    if (count === 8 && header.readUInt16LE(at + 6) > 0) return Infinity;
    return header.readUIntLE(at, Math.min(count, 6));
  }
  const window = header[DESCRIPTOR + 1] ?? 0;
  const base = 2 ** (10 + (window >> 3));
  return base + (base / 8) * (window & 7);
}

/** Bytes that come in chunks, taken in pieces of any size. */
class Input {
  readonly #source: AsyncIterator<Buffer>;
  #buffer: Buffer = Buffer.alloc(0);

  constructor(source: AsyncIterable<Buffer>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  /** Waits for `count` bytes; false if the source ends before. */
  async has(count: number): Promise<boolean> {
    while (this.#buffer.length < count) {
      const { done, value } = await this.#source.next();
      if (done === true) return false;
      this.#buffer = this.#buffer.length === 0 ? value : Buffer.concat([this.#buffer, value]);
    }
    return true;
  }

  /** Of what `has` has found. */
  peek(count: number): Buffer {
    return this.#buffer.subarray(0, count);
  }

  take(count: number): Buffer {
    const taken = this.peek(count);
    this.#buffer = this.#buffer.subarray(count);
    return taken;
  }

  /** Keeps nothing of it. */
  async skip(count: number): Promise<void> {
    let left = count;
    while (left > 0 && (await this.has(1))) {
      left -= this.take(Math.min(left, this.#buffer.length)).length;
    }
  }
}
