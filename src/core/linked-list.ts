// A list whose items carry their own links: adding and removing allocate nothing.
//
// Not a Set: once a Set or Map is old enough for V8's old generation, so is every table that replaces its full
// one, and each dead table keeps what it held until a full collection. Under a steady load that is every call:
// scavenges take 4 to 5 times as long (measured on Node 20), about a tenth of all CPU.

export class ListItem {
  /** Links, for the list. Undefined while in none. */
  previous: ListItem | undefined;
  next: ListItem | undefined;
}

/** In the order of adding. An item is in one list at a time. */
export class LinkedList<T extends ListItem> {
  readonly #ends = new ListItem();

  constructor() {
    this.#ends.previous = this.#ends;
    this.#ends.next = this.#ends;
  }

  get isEmpty(): boolean {
    return this.#ends.next === this.#ends;
  }

  add(item: T): void {
    const last = this.#ends.previous;
    item.previous = last;
    item.next = this.#ends;
    if (last !== undefined) last.next = item;
    this.#ends.previous = item;
  }

  /** Takes it out of whichever list it is in; false if it is in none. */
  static remove(item: ListItem): boolean {
    const { previous, next } = item;
    if (previous === undefined || next === undefined) return false;
    previous.next = next;
    next.previous = previous;
    // A dead item must not keep its neighbours.
    item.previous = undefined;
    item.next = undefined;
    return true;
  }

  /** Takes out the one that was added first. */
  takeFirst(): T | undefined {
    if (this.isEmpty) return undefined;
    const first = this.#ends.next as T;
    LinkedList.remove(first);
    return first;
  }

  /** In the order of adding; what is taken out meanwhile must be the current one or none. */
  *[Symbol.iterator](): Generator<T> {
    let item = this.#ends.next;
    while (item !== undefined && item !== this.#ends) {
      const { next }: ListItem = item;
      yield item as T;
      item = next;
    }
  }

  /** Takes all out. */
  takeAll(): T[] {
    const items: T[] = [];
    for (let item = this.#ends.next; item !== undefined && item !== this.#ends;) {
      items.push(item as T);
      LinkedList.remove(item);
      item = this.#ends.next;
    }
    return items;
  }
}
