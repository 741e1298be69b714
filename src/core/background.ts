// Work that nobody awaits until all of it must be over.

export class Background {
  readonly #running: Set<Promise<unknown>> = new Set();

  /** It must not reject. */
  add(work: Promise<unknown>): void {
    this.#running.add(work);
    void work.finally(() => this.#running.delete(work));
  }

  /** What is added meanwhile is waited for, too. */
  async settled(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running);
  }
}
