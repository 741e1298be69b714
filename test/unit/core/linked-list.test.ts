import { expect, test } from "vitest";
import { LinkedList, ListItem } from "../../../src/core/linked-list.ts";

class Item extends ListItem {
  readonly n: number;
  constructor(n: number) {
    super();
    this.n = n;
  }
}

function filled(count: number): { list: LinkedList<Item>; items: Item[] } {
  const list = new LinkedList<Item>();
  const items = Array.from({ length: count }, (_, n) => new Item(n));
  for (const item of items) list.add(item);
  return { list, items };
}

test("gives what was added, in order, and is empty then", () => {
  const { list } = filled(3);
  expect(list.isEmpty).toBe(false);
  expect(list.takeAll().map(({ n }) => n)).toEqual([0, 1, 2]);
  expect(list.isEmpty).toBe(true);
  expect(list.takeAll()).toEqual([]);
});

test.each([0, 1, 2])("removing item %i leaves the others", (index) => {
  const { list, items } = filled(3);
  const item = items[index] ?? new Item(-1);
  expect(LinkedList.remove(item)).toBe(true);
  expect(LinkedList.remove(item)).toBe(false);
  expect(item.next).toBeUndefined();
  expect(list.takeAll().map(({ n }) => n)).toEqual([0, 1, 2].filter((n) => n !== index));
});

test("an item that was removed can be added again, to another list too", () => {
  const { list, items } = filled(1);
  const other = new LinkedList<Item>();
  for (const item of items) {
    LinkedList.remove(item);
    other.add(item);
  }
  expect(list.isEmpty).toBe(true);
  expect(other.takeAll()).toEqual(items);
});

test("the first one is taken out, and nothing of an empty list", () => {
  const { list } = filled(2);
  expect([list.takeFirst()?.n, list.takeFirst()?.n, list.takeFirst()]).toEqual([0, 1, undefined]);
  expect(list.isEmpty).toBe(true);
  list.add(new Item(7));
  expect(list.takeFirst()?.n).toBe(7);
});

test("walked through in order, also when the current one is taken out on the way", () => {
  const { list } = filled(4);
  const seen: number[] = [];
  for (const item of list) {
    seen.push(item.n);
    if (item.n % 2 === 0) LinkedList.remove(item);
  }
  expect(seen).toEqual([0, 1, 2, 3]);
  expect([...list].map(({ n }) => n)).toEqual([1, 3]);
});
