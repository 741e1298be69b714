// What waits for an answer, by id. Not a Map alone: a churned Map keeps the dead alive, see core/linked-list.ts.
// Hot path: an array slot for each call.

import type { RequestId } from "./messages.ts";

/** Slots, powers of two: at least twice as many as are in flight, so that consecutive ids seldom meet in one. */
const MIN_SLOTS = 16;
const MAX_SLOTS = 1_024;

export class PendingTable<T extends { readonly id: RequestId }> {
  #slots: (T | undefined)[] = empty(MIN_SLOTS);
  /** Ids that are no numbers, and those whose slot is taken. */
  readonly #others: Map<RequestId, T> = new Map();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(id: unknown): T | undefined {
    if (typeof id === "number") {
      const entry = this.#slots[id & (this.#slots.length - 1)];
      if (entry?.id === id) return entry;
    }
    return this.#others.size === 0 ? undefined : this.#others.get(id as RequestId);
  }

  /** The id must not be here yet. */
  add(entry: T): void {
    const { id } = entry;
    this.#size += 1;
    if (this.#size > this.#slots.length / 2 && this.#slots.length < MAX_SLOTS) this.#grow();
    if (typeof id === "number") {
      const slot = id & (this.#slots.length - 1);
      if (this.#slots[slot] === undefined) {
        this.#slots[slot] = entry;
        return;
      }
    }
    this.#others.set(id, entry);
  }

  /** False if it is not here. */
  delete(entry: T): boolean {
    const { id } = entry;
    if (typeof id === "number") {
      const slot = id & (this.#slots.length - 1);
      if (this.#slots[slot] === entry) {
        this.#slots[slot] = undefined;
        this.#size -= 1;
        return true;
      }
    }
    if (this.#others.get(id) !== entry) return false;
    this.#size -= 1;
    return this.#others.delete(id);
  }

  /** A copy: entries may go while it is read. */
  all(): T[] {
    const slotted = this.#slots.filter((entry) => entry !== undefined);
    return [...slotted, ...this.#others.values()];
  }

  /** Entries of different slots are in different slots afterwards, too. */
  #grow(): void {
    const old = this.#slots;
    this.#slots = empty(old.length * 2);
    for (const entry of old) {
      if (entry !== undefined) this.#slots[Number(entry.id) & (this.#slots.length - 1)] = entry;
    }
  }
}

function empty(length: number): undefined[] {
  return Array.from<undefined>({ length }).fill(undefined);
}
