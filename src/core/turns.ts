// Long work in pieces, so that everything else in the process gets its turn between two of them.

/** How much is done in one turn of the event loop: a few milliseconds of walking, hashing or writing as JSON. */
const COST_PER_TURN = 512 * 1024;

/** The least that one item costs: 500 items a turn. */
const LEAST_COST = 1024;

export class Turns {
  #spent = 0;

  /** Counts an item, `cost` in bytes. True: the turn is used up, and {@link next} is to be awaited. */
  spend(cost: number = 0): boolean {
    this.#spent += Math.max(LEAST_COST, cost);
    return this.#spent >= COST_PER_TURN;
  }

  async next(): Promise<void> {
    this.#spent = 0;
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
}
