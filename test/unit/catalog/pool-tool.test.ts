import { describe, expect, test, vi } from "vitest";
import { ToolFilter, ToolScreen } from "../../../src/catalog/pool-tool.ts";
import type { PoolTool, ToolRules } from "../../../src/catalog/pool-tool.ts";
import type { Tool } from "../../../src/spec/types.ts";
import { repairLog } from "../fakes.ts";

const onWarning = vi.fn<(message: string) => void>();
let quirks = repairLog();

interface Rules extends ToolRules {
  readonly maxCount?: number;
}

async function shown(listed: unknown[], rules: Rules = {}): Promise<PoolTool[]> {
  onWarning.mockReset();
  quirks = repairLog();
  const tools = listed.map((one) =>
    typeof one === "string" ? { name: one, inputSchema: { type: "object" } } : one,
  );
  const filter = new ToolFilter(rules);
  const { maxCount = 100 } = rules;
  const screen = new ToolScreen({ server: "s", filter, maxCount, quirks, onWarning });
  const kept: unknown[] = [];
  for (const tool of tools) {
    if (screen.isKept(tool)) kept.push(tool);
    if (screen.isFull) break;
  }
  return screen.shown(kept as Tool[]);
}
const names = async (listed: unknown[], rules?: Rules): Promise<string[]> =>
  (await shown(listed, rules)).map((one) => one.tool.name);

describe("definitions (1.23, 8.3)", () => {
  test("the schema and the definition are the server's own objects, untouched", async () => {
    const inputSchema = { $schema: "x", $defs: { a: {} }, "x-mcp-header": "H", type: "object" };
    const tool = { name: "t", inputSchema, title: "T", extra: 1 };
    const [one] = await shown([tool]);
    expect(one).toEqual({
      name: "s__t",
      description: "",
      parameters: inputSchema,
      server: "s",
      tool,
    });
    expect(one?.parameters).toBe(inputSchema);
    expect(Object.isFrozen(one)).toBe(true);
  });

  test.each([undefined, null, 5])(
    "a description that is %j is an empty one",
    async (description) => {
      expect((await shown([{ name: "t", description, inputSchema: {} }]))[0]?.description).toBe("");
    },
  );

  test.each([undefined, null, "object", true, []])(
    "a schema that is %j: any object (fault 57)",
    async (inputSchema) => {
      expect((await shown([{ name: "t", inputSchema }]))[0]?.parameters).toEqual({
        type: "object",
      });
      expect(quirks.counts).toEqual({ "tool-without-schema": 1 });
      expect(quirks.warnings).toEqual([expect.stringContaining('"s__t"')]);
    },
  );

  test("odd members cost nothing but themselves", async () => {
    const odd = {
      title: null,
      description: { text: "x" },
      annotations: null,
      _meta: null,
      execution: null,
      outputSchema: null,
    };
    const listed = [
      { name: "odd", inputSchema: { type: "object" }, ...odd },
      { name: "", inputSchema: {} },
      { name: "a b", inputSchema: {} },
      "plain",
    ];
    expect(await names(listed)).toEqual(["odd", "", "a b", "plain"]);
    const safe = /^[\w-]{1,64}$/;
    expect((await shown(listed)).every((one) => safe.test(one.name))).toBe(true);
    expect(quirks.counts).toEqual({});
  });

  test.each([null, undefined, 5, "", {}, { name: 5 }, []])(
    "%j among the tools is left out, the rest is shown (fault 57)",
    async (stranger) => {
      const listed = ["a", stranger === "" ? {} : stranger, "b"];
      expect(await names(listed)).toEqual(["a", "b"]);
      expect(quirks.counts).toEqual({ "tool-without-name": 1 });
    },
  );
});

describe("duplicates (fault 57)", () => {
  test("the first is kept, with a warning, and the order with it", async () => {
    const second = { name: "a", inputSchema: {}, description: "second" };
    const tools = await shown(["a", "b", second]);
    expect(tools.map((one) => [one.name, one.description])).toEqual([
      ["s__a", ""],
      ["s__b", ""],
    ]);
    expect(quirks.warnings).toEqual([expect.stringContaining("twice")]);
  });

  test("names that differ in case, or only in what is sanitised, are different tools (8.2)", async () => {
    expect(await names(["a", "A", "a b", "a.b", "a/b"])).toEqual(["a", "A", "a b", "a.b", "a/b"]);
    expect(onWarning).not.toHaveBeenCalled();
    expect(
      new Set((await shown(["a", "A", "a b", "a.b", "a/b"])).map((one) => one.name)).size,
    ).toBe(5);
  });
});

describe("filters", () => {
  const ALL = ["read_file", "read_dir", "write_file", "fs/read", "fs.read", ".hidden", "é"];

  test.each<[string, Rules, string[]]>([
    ["nothing said: all", {}, ALL],
    ["allow", { allow: ["read_*"] }, ["read_file", "read_dir"]],
    ["deny", { deny: ["*file"] }, ["read_dir", "fs/read", "fs.read", ".hidden", "é"]],
    ["deny wins", { allow: ["read_*"], deny: ["read_dir"] }, ["read_file"]],
    ["allow nothing", { allow: [] }, []],
    ["deny nothing", { deny: [] }, ALL],
    ["a star is everything, slashes and dots too", { allow: ["*"] }, ALL],
    ["a star within a path", { allow: ["fs*read"] }, ["fs/read", "fs.read"]],
    ["several", { allow: ["{read,write}_file", "é"] }, ["read_file", "write_file", "é"]],
    ["one character", { allow: ["read_di?"] }, ["read_dir"]],
    ["an exact name", { allow: ["read_file"] }, ["read_file"]],
    ["deny all", { allow: ["read_*"], deny: ["*"] }, []],
  ])("%s", async (_, rules, expected) => {
    expect(await names(ALL, rules)).toEqual(expected);
  });
});

describe("limits (fault 56)", () => {
  test("what is beyond is left out, with one warning", async () => {
    const listed = Array.from({ length: 5_000 }, (_, n) => `t${n}`);
    expect(await names(listed, { maxCount: 5_000 })).toHaveLength(5_000);
    expect(onWarning).not.toHaveBeenCalled();
    expect(await names([...listed, "more", "and more"], { maxCount: 5_000 })).toEqual(listed);
    expect(onWarning).toHaveBeenCalledTimes(1);
  });

  test("a name of more than a thousand characters is left out, the rest is shown", async () => {
    const longest = "n".repeat(1_024);
    expect(await names(["a", `${longest}n`, longest])).toEqual(["a", longest]);
    expect(quirks.counts).toEqual({ "name-too-long": 1 });
    expect(quirks.warnings.join().length).toBeLessThan(500);
  });

  test("many names that clash are one warning", async () => {
    // Found by trying, as a server would: the same readable part, and the same eight hex digits.
    const pairs = [">:$!", "?*&:", "#]<:", ">)!;", "~;;(", ")]@;"];
    expect(await names([...pairs, "x"])).toEqual([">:$!", "#]<:", "~;;(", "x"]);
    expect(onWarning).toHaveBeenCalledExactlyOnceWith(expect.stringContaining("2 more"));
  });

  test("tools that are filtered out or doubled do not count", async () => {
    expect(await names(["x1", "a", "x2", "a", "b"], { maxCount: 2, deny: ["x*"] })).toEqual([
      "a",
      "b",
    ]);
  });
});
