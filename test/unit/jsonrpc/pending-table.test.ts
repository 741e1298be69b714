import fc from "fast-check";
import { expect, test } from "vitest";
import type { RequestId } from "../../../src/jsonrpc/messages.ts";
import { PendingTable } from "../../../src/jsonrpc/pending-table.ts";

test("does what a Map does, whatever ids meet in one slot (1.7)", () => {
  // Numbers 1,024 apart share slots in every size of the table; strings are other ids than their numbers.
  const id = fc.oneof(
    fc.tuple(fc.nat(4), fc.nat(3)).map(([low, turns]) => low + turns * 1_024),
    fc.nat(40),
    fc.nat(4).map(String),
    fc.integer(),
    fc.double({ noNaN: true, noDefaultInfinity: true }).filter((value) => !Object.is(value, -0)),
  );
  const step = fc.tuple(fc.constantFrom("add", "delete"), id);
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const table = new PendingTable<{ readonly id: RequestId }>();
      const model = new Map<RequestId, { readonly id: RequestId }>();
      for (const [what, key] of steps) {
        const known = model.get(key);
        expect(table.get(key)).toBe(known);
        if (what === "add" && known === undefined) {
          const entry = { id: key };
          model.set(key, entry);
          table.add(entry);
        } else if (what === "delete") {
          expect(table.delete(known ?? { id: key })).toBe(known !== undefined);
          model.delete(key);
        }
        expect(table.size).toBe(model.size);
        expect(new Set(table.all())).toEqual(new Set(model.values()));
      }
    }),
  );
});

test("only the entry itself is deleted, not another with its id", () => {
  const table = new PendingTable<{ readonly id: RequestId }>();
  const entry = { id: 1 };
  table.add(entry);
  expect(table.delete({ id: 1 })).toBe(false);
  expect(table.get(1)).toBe(entry);
});
