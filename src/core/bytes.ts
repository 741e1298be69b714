// Bytes that come in pieces, in one buffer that grows by doubling: as pieces, ten megabytes of one byte each are
// gigabytes of objects.

const NONE = Buffer.alloc(0);

/** A buffer larger than this is given back with what was in it. Bytes. */
const KEPT_BYTES = 65_536;

/** The first buffer's, bytes. */
const MIN_BYTES = 256;

export class Bytes {
  #buffer: Buffer = NONE;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  add(chunk: Buffer, start = 0, end: number = chunk.length): void {
    const length = this.#length + end - start;
    if (length > this.#buffer.length) this.#grow(length);
    chunk.copy(this.#buffer, this.#length, start, end);
    this.#length = length;
  }

  addByte(byte: number): void {
    if (this.#length === this.#buffer.length) this.#grow(this.#length + 1);
    this.#buffer[this.#length++] = byte;
  }

  /** All of it, without a copy: until something is added, or it is cleared. */
  view(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }

  clear(): void {
    this.#length = 0;
    if (this.#buffer.length > KEPT_BYTES) this.#buffer = NONE;
  }

  #grow(length: number): void {
    const larger = Buffer.allocUnsafe(Math.max(length, this.#buffer.length * 2, MIN_BYTES));
    this.#buffer.copy(larger, 0, 0, this.#length);
    this.#buffer = larger;
  }
}
