// The soak's command line: what is wrong is one line, and nothing is begun.

import path from "node:path";
import { describe, expect, test } from "vitest";
import { UsageError } from "../../fault/suite/command-line.ts";
import { HELP, parseOptions } from "../../soak/options.ts";

test("what is given is what is run", () => {
  const given = ["--minutes", "0.5", "--seed=7", "--round", "17", "--verbose"];
  const run = { kind: "run", minutes: 0.5, seed: 7, round: 17, json: undefined, verbose: true };
  expect(parseOptions(given)).toEqual(run);
});

test("without options it is a minute, with a seed of its own", () => {
  expect(parseOptions([])).toMatchObject({ kind: "run", minutes: 1, round: undefined });
});

test("the help fits in 100 columns", () => {
  expect(parseOptions(["--help"])).toEqual({ kind: "help" });
  expect(HELP.split("\n").filter((line) => line.length > 100)).toEqual([]);
});

describe("refused", () => {
  const nowhere = path.join(import.meta.dirname, "nowhere", "x.json");
  test.each([
    ["--minutes abc", /^--minutes abc: it is a number above 0/],
    ["--minutes 0", /^--minutes 0: /],
    ["--minutes -1", /^--minutes -1: /],
    ["--minutes 1001", /^--minutes 1001: /],
    ["--minutes Infinity", /^--minutes Infinity: /],
    ["--round x", /^--round x: it is a whole number from 0 to 9999/],
    ["--round 99999", /^--round 99999: /],
    ["--seed x", /^--seed x: it is a whole number/],
    ["--seed 1.5", /^--seed 1\.5: /],
    ["--seed", /^--seed needs a value$/],
    ["--json --verbose", /^--json needs a value$/],
    ["--json=", /^--json needs a value$/],
    ["--nope", /^Unknown option '--nope'$/],
    ["more words", /^Unexpected argument 'more'/],
    [`--json ${nowhere}`, /cannot be written \(ENOENT/],
  ])("%s", (given, message) => {
    const parse = (): unknown => parseOptions(given.split(" "));
    expect(parse).toThrow(UsageError);
    expect(parse).toThrow(message);
    expect(parse).not.toThrow("\n");
  });
});
