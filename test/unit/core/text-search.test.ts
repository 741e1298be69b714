import { describe, expect, test } from "vitest";
import { TextSearch } from "../../../src/core/text-search.ts";
import fc from "fast-check";

describe("TextSearch", () => {
  test("finds each pattern wherever it begins", () => {
    const search = new TextSearch(["secret-one", "second", "abcdefgh"]);
    for (let shift = 0; shift < 9; shift++) {
      const text = `${"-".repeat(shift)}second.`;
      expect(search.find(text)).toEqual([[shift, shift + 6]]);
    }
    expect(search.find("secret-one and second")).toEqual([
      [0, 10],
      [15, 21],
    ]);
  });

  test("joins what overlaps", () => {
    const search = new TextSearch(["abcdefgh", "efghijkl", "abcdef"]);
    expect(search.find("xabcdefghijklx")).toEqual([[1, 13]]);
  });

  test("the beginning of a pattern counts where the text was cut", () => {
    const search = new TextSearch(["abcdefghijkl"]);
    expect(search.find("xxabcdefgh… (999 characters)")).toEqual([[2, 10]]);
    expect(search.find("xxabcdefgh")).toEqual([[2, 10]]);
    expect(search.find("xxabcdefgh and on")).toEqual([]);
    expect(search.find("xxabcde")).toEqual([]);
  });

  test("a long beginning of a pattern counts anywhere: names are cut without a mark", () => {
    const search = new TextSearch(["abcdefghijkl"]);
    expect(search.find("xxabcdefghij_4711")).toEqual([[2, 12]]);
    expect(search.find("xxabcdefghi_4711")).toEqual([]);
  });

  test("short patterns are not looked for", () => {
    expect(new TextSearch(["abcde", ""]).find("abcde")).toEqual([]);
    expect(new TextSearch([]).find("anything")).toEqual([]);
  });

  test("finds what indexOf finds", () => {
    const word = fc.string({ unit: fc.constantFrom("a", "b"), minLength: 6, maxLength: 9 });
    fc.assert(
      fc.property(
        fc.array(word, { maxLength: 5 }),
        fc.string({ unit: fc.constantFrom("a", "b", "c"), maxLength: 60 }),
        (patterns, text) => {
          const found = new TextSearch(patterns).find(`${text}!`);
          const isCovered = (at: number): boolean =>
            found.some(([from, to]) => from <= at && at < to);
          const covered = new Set<number>();
          for (const pattern of patterns) {
            for (let at = text.indexOf(pattern); at !== -1; at = text.indexOf(pattern, at + 1)) {
              for (let index = 0; index < pattern.length; index++) covered.add(at + index);
            }
          }
          for (let at = 0; at <= text.length; at++) expect(isCovered(at)).toBe(covered.has(at));
        },
      ),
    );
  });
});
