// A map with a bound on its entries and on their size: beyond it, those that were set longest ago go first.

interface Entry<V> {
  readonly value: V;
  readonly size: number;
}

export class BoundedMap<V> {
  readonly #entries: Map<string, Entry<V>> = new Map();
  readonly #maxCount: number;
  readonly #maxSize: number;
  #size = 0;

  /** `maxSize` counts what {@link set} is told of each value, and the keys. */
  constructor(maxCount: number, maxSize: number) {
    this.#maxCount = maxCount;
    this.#maxSize = maxSize;
  }

  get count(): number {
    return this.#entries.size;
  }

  get(key: string): V | undefined {
    return this.#entries.get(key)?.value;
  }

  has(key: string): boolean {
    return this.#entries.has(key);
  }

  /** What is larger than all together may be is not kept. */
  set(key: string, value: V, size: number): void {
    this.delete(key);
    const entry = { value, size: size + key.length };
    if (entry.size > this.#maxSize) return;
    this.#entries.set(key, entry);
    this.#size += entry.size;
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= this.#maxCount && this.#size <= this.#maxSize) return;
      this.delete(oldest);
    }
  }

  delete(key: string): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    this.#entries.delete(key);
    this.#size -= entry.size;
  }
}
