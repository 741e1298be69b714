import { describe, expect, test } from "vitest";
import { parseError, tryParse, MAX_BATCH } from "../../../src/jsonrpc/parse.ts";
import { MAX_DEPTH, MAX_MEMBERS, MAX_VALUES, shapeFailure } from "../../../src/jsonrpc/shape.ts";

describe("the shape of a text, before it is parsed", () => {
  test.each([
    ["as deep as allowed", "[".repeat(MAX_DEPTH) + "]".repeat(MAX_DEPTH), undefined],
    ["deeper", "[".repeat(MAX_DEPTH + 1) + "]".repeat(MAX_DEPTH + 1), "too-deep"],
    ["objects", '{"a":'.repeat(MAX_DEPTH + 1) + "1" + "}".repeat(MAX_DEPTH + 1), "too-deep"],
    ["five million levels", "[".repeat(5_000_000), "too-deep"],
    ["brackets in a string", JSON.stringify("[".repeat(5_000)), undefined],
    ["behind escaped quotes", JSON.stringify(`"\\"${"[{".repeat(5_000)}`), undefined],
    ["wide, and not deep", `[${"[],".repeat(5_000)}[]]`, undefined],
    ["too many values", `[${"{},".repeat(MAX_VALUES)}{}]`, "too-many"],
    ["a long array of numbers", `[${"1,".repeat(3_000_000)}1]`, undefined],
    ["one long string", JSON.stringify("x".repeat(9_000_000)), undefined],
    [
      "too many members of one object",
      `{${Array.from({ length: MAX_MEMBERS + 2 }, (_, at) => `"k${at}":1`).join(",")}}`,
      "too-many",
    ],
    ["as many in a string", JSON.stringify(`{${'"a":1,'.repeat(MAX_MEMBERS + 2)}}`), undefined],
  ] as const)("%s", (_, text, failure) => {
    expect(shapeFailure(text)).toBe(failure);
  });

  test("what fails it is never parsed", () => {
    expect(tryParse("[".repeat(5_000_000))).toBe("too-deep");
    expect(parseError("too-many", "").code).toBe("LIMIT_EXCEEDED");
  });

  test("more messages in one array than allowed", () => {
    const one = '{"jsonrpc":"2.0","method":"notifications/x"}';
    const batch = (count: number): string => `[${Array(count).fill(one).join(",")}]`;
    expect(tryParse(batch(MAX_BATCH))).toHaveLength(MAX_BATCH);
    expect(tryParse(batch(MAX_BATCH + 1))).toBe("too-long");
    expect(parseError("too-long", "").code).toBe("LIMIT_EXCEEDED");
  });
});
