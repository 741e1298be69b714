import { expect, test, vi } from "vitest";
import { QUIRKS } from "../../../src/jsonrpc/quirk-table.ts";
import { Quirks } from "../../../src/jsonrpc/quirks.ts";

test("a deviation is counted each time and named once", () => {
  const onFirst = vi.fn();
  const quirks = new Quirks({ strict: false, onFirst });
  expect(quirks.counts).toEqual({});
  expect(quirks.repair("id-as-string", '"1"')).toBe(true);
  expect(quirks.repair("id-as-string")).toBe(true);
  expect(quirks.counts).toEqual({ "id-as-string": 2 });
  expect(onFirst.mock.calls).toEqual([
    ["id-as-string", expect.stringContaining('("1"); the pool ')],
  ]);
});

test("strict: nothing is repaired, and nothing that would be repaired is counted", () => {
  const onFirst = vi.fn();
  const quirks = new Quirks({ strict: true, onFirst });
  expect(quirks.repair("id-as-string")).toBe(false);
  expect(quirks.counts).toEqual({});
  quirks.note("id-as-string");
  expect(quirks.counts).toEqual({ "id-as-string": 1 });
  expect(onFirst).toHaveBeenCalledTimes(1);
});

test("codes are kebab-case, and their sentences go on where the subject stands", () => {
  for (const [code, { server, pool }] of Object.entries(QUIRKS)) {
    expect(code).toMatch(/^[a-z0-9]+(-[a-z0-9]+)*$/);
    for (const part of [server, pool]) expect(part).toMatch(/^[a-z].*[^.;]$/);
  }
});
