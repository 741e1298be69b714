import { describe, expect, test } from "vitest";
import { McpConfigError } from "../../../src/core/errors.ts";
import { checkRoots } from "../../../src/eras/roots.ts";

describe("roots (7.7, 13.14)", () => {
  test("file URIs pass as they are, with their names", () => {
    const roots = [
      { uri: "file:///home/me", name: "home" },
      { uri: "file:///C:/Users/..hidden/a..b/...", _meta: { a: 1 } },
      { uri: "file://host/share" },
    ];
    expect(checkRoots(roots)).toEqual(roots);
    expect(checkRoots([])).toEqual([]);
  });

  test.each([
    "https://example.com",
    "/home/me",
    "file:/home/me",
    "",
    "file:///home/../etc",
    "file:///home/..",
    "file:///home/%2e%2e/etc",
    "file:///home/.%2E/etc",
    "file:///home\\..\\etc",
    "file:///home/..%2fetc",
    "file:///home%2f../etc",
    "file:///home/..%5Cetc",
    "file:///home/..?x",
    "file:///home/..#x",
  ])("%j is refused, with the place where it stands", (uri) => {
    let error: unknown;
    try {
      checkRoots([{ uri: "file:///fine" }, { uri }]);
    } catch (caught) {
      error = caught;
    }
    expect(error).toBeInstanceOf(McpConfigError);
    expect(error).toMatchObject({ path: "roots[1].uri" });
  });

  test.each([null, undefined, {}, { uri: 5 }, "file:///x"])("%j is no root", (root) => {
    expect(() => checkRoots([root as never])).toThrow(McpConfigError);
  });
});
