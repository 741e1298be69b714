import { describe, expect, test } from "vitest";
import { compileGlob } from "../../../src/catalog/globs.ts";

const matches = (glob: string, name: string): boolean => compileGlob(glob, false)(name);

describe("what a glob means", () => {
  test.each<[string, string, boolean]>([
    ["*", "a/b.c", true],
    ["*", ".hidden", true],
    ["*", "two\nlines", true],
    ["read_*", "read_", true],
    ["read_*", "read", false],
    ["*_file", "read_file", true],
    ["*_file", "read_files", false],
    ["a*b*c", "a--b--b--c", true],
    ["a*b*c", "acb", false],
    ["?", "é", true],
    ["??", "a", false],
    ["{read,write}_file", "write_file", true],
    ["{read,write}_{file,dir}", "read_dir", true],
    ["{read,write}_{file,dir}", "read_x", false],
    ["**", "anything", true],
    ["[ab]x", "bx", true],
    ["[ab]x", "cx", false],
    ["!secret", "secret", false],
    ["!secret", "public", true],
    ["@(a|b)", "b", true],
    ["\\*", "*", true],
    ["\\*", "a", false],
    ["file{1..3}", "file2", true],
    ["file{1..3}", "file4", false],
    ["a.b", "axb", false],
    ["a+b", "a+b", true],
  ])("%j and %j: %j", (glob, name, expected) => {
    expect(matches(glob, name)).toBe(expected);
  });
});

describe("names that a server chooses", () => {
  const stars = `${"*_".repeat(12)}x`;

  test("many stars against a name that almost matches cost next to nothing", () => {
    const begun = performance.now();
    const deny = compileGlob(stars, true);
    for (let count = 0; count < 1_000; count++) expect(deny("_".repeat(1_024))).toBe(false);
    // With a regular expression the first of them takes longer than the age of the universe.
    expect(performance.now() - begun).toBeLessThan(10_000);
  });

  test.each([true, false])(
    "a name that cannot be matched in good time is %j, as it is told",
    (safe) => {
      const odd = compileGlob(`[_]${stars}`, safe);
      expect(odd("_".repeat(1_000))).toBe(safe);
      expect(odd("_".repeat(200))).toBe(safe);
      expect(odd("short")).toBe(false);
    },
  );
});
