import { beforeEach, describe, expect, test } from "vitest";
import { Catalog } from "../../../src/catalog/catalog.ts";
import { toPoolName } from "../../../src/catalog/names.ts";
import { toPoolTool } from "../../../src/catalog/pool-tool.ts";
import type { PoolTool } from "../../../src/catalog/pool-tool.ts";
import type { Tool } from "../../../src/spec/types.ts";
import { repairLog } from "../fakes.ts";

const tool = (name: string, extra: object = {}): Tool => ({
  name,
  inputSchema: { type: "object" },
  ...extra,
});
const tools = (server: string, ...list: (string | Tool)[]): PoolTool[] =>
  list
    .map((one) => (typeof one === "string" ? tool(one) : one))
    .map((one) => toPoolTool(server, toPoolName(server, one.name), one, repairLog()));
const names = (list: readonly PoolTool[] | undefined): string[] | undefined =>
  list?.map((one) => one.name);

let catalog: Catalog;

beforeEach(() => {
  catalog = new Catalog();
  catalog.addServer("a");
  catalog.addServer("b");
});

describe("order and snapshots", () => {
  test("by server as added, then as listed, whoever answers first", () => {
    catalog.setTools("b", tools("b", "z", "y"));
    catalog.setTools("a", tools("a", "x"));
    expect(names(catalog.tools)).toEqual(["a__x", "b__z", "b__y"]);
    catalog.setTools("b", tools("b", "y", "z"));
    expect(names(catalog.tools)).toEqual(["a__x", "b__y", "b__z"]);
  });

  test("a snapshot never changes; a new one is made by a change alone", () => {
    catalog.setTools("a", tools("a", "x"));
    const before = catalog.tools;
    expect(Object.isFrozen(before)).toBe(true);
    expect(catalog.setTools("a", tools("a", "x"))).toBeUndefined();
    expect(catalog.tools).toBe(before);
    catalog.setTools("a", tools("a", "x", "y"));
    expect(catalog.tools).not.toBe(before);
    expect(names(before)).toEqual(["a__x"]);
  });

  test("tools that did not change keep their identity", () => {
    catalog.setTools("a", tools("a", "x", "y"));
    const [x] = catalog.tools;
    catalog.setTools("a", tools("a", "x", tool("y", { description: "new" })));
    expect(catalog.tools[0]).toBe(x);
  });
});

describe("differences", () => {
  test("added, removed and changed, each in order", () => {
    catalog.setTools("a", tools("a", "keep", "gone", tool("new", { description: "1" })));
    const difference = catalog.setTools(
      "a",
      tools("a", tool("new", { description: "2" }), "keep", "more"),
    );
    expect(names(difference?.added)).toEqual(["a__more"]);
    expect(names(difference?.removed)).toEqual(["a__gone"]);
    expect(names(difference?.changed)).toEqual(["a__new"]);
    expect(difference?.changed[0]?.description).toBe("2");
  });

  test.each([
    ["schema", { inputSchema: { type: "object", required: ["a"] } }],
    ["annotations", { annotations: { readOnlyHint: true } }],
    ["a field that nobody knows", { "x-new": 1 }],
  ])("a change of %s is a change", (_, extra) => {
    catalog.setTools("a", tools("a", "x"));
    expect(names(catalog.setTools("a", tools("a", tool("x", extra)))?.changed)).toEqual(["a__x"]);
  });

  test("another order alone is told, with nothing added, removed or changed", () => {
    catalog.setTools("a", tools("a", "x", "y"));
    const difference = catalog.setTools("a", tools("a", "y", "x"));
    expect(difference).toEqual({ added: [], removed: [], changed: [] });
    expect(names(catalog.tools)).toEqual(["a__y", "a__x"]);
  });

  test("a server that is removed takes its tools; a late answer for it brings none back", () => {
    catalog.setTools("a", tools("a", "x"));
    catalog.setTools("b", tools("b", "y"));
    expect(names(catalog.removeServer("a")?.removed)).toEqual(["a__x"]);
    expect(catalog.setTools("a", tools("a", "x"))).toBeUndefined();
    expect(names(catalog.tools)).toEqual(["b__y"]);
    expect(catalog.find("a__x")).toBeUndefined();
    expect(catalog.removeServer("a")).toBeUndefined();
    catalog.addServer("a");
    expect(names(catalog.setTools("a", tools("a", "x"))?.added)).toEqual(["a__x"]);
    expect(names(catalog.tools)).toEqual(["b__y", "a__x"]);
  });

  test("a server without tools is no difference", () => {
    expect(catalog.setTools("a", [])).toBeUndefined();
    expect(catalog.removeServer("b")).toBeUndefined();
  });
});

describe("finding", () => {
  test("by the name in the pool, made to fit or not", () => {
    catalog.setTools("a", tools("a", "plain", "with space", "__proto__"));
    for (const one of catalog.tools) expect(catalog.find(one.name)).toBe(one);
    for (const name of ["plain", "b__plain", "a__", "__plain", "", "a__constructor", "a__plain "]) {
      expect(catalog.find(name)).toBeUndefined();
    }
  });

  test("near matches: the same tool elsewhere first, then the fewest edits, at most three", () => {
    catalog.setTools("a", tools("a", "create_issue", "close_issue"));
    catalog.setTools("b", tools("b", "create_issue", "create_issues", "create_tissue"));
    expect(catalog.nearMatches("c__create_issue").slice(0, 2)).toEqual([
      "a__create_issue",
      "b__create_issue",
    ]);
    expect(catalog.nearMatches("a__creat_issue")[0]).toBe("a__create_issue");
    expect(catalog.nearMatches("A__CREATE_ISSUE")[0]).toBe("a__create_issue");
    expect(catalog.nearMatches("b__create_issu").length).toBe(3);
    expect(catalog.nearMatches("quite_another_thing_altogether")).toEqual([]);
  });

  test("a name of any length is compared in no time", () => {
    const many = Array.from({ length: 5_000 }, (_, index) => `${"n".repeat(900)}${index}`);
    catalog.setTools("a", tools("a", ...many, "create_issue"));
    const begun = performance.now();
    expect(catalog.nearMatches(`a__${"n".repeat(100_000)}`)).toEqual([]);
    expect(catalog.nearMatches("x".repeat(10_000_000))).toEqual([]);
    // It took seven seconds, and much longer for the second.
    expect(performance.now() - begun).toBeLessThan(3_000);
    expect(catalog.nearMatches("a__create_isue")[0]).toBe("a__create_issue");
  });
});
