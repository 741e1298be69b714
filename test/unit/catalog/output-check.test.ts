import { beforeEach, describe, expect, test, vi } from "vitest";
import { OutputChecker } from "../../../src/catalog/output-check.ts";
import type { CallToolResult, Tool } from "../../../src/spec/types.ts";

const onUncompilable = vi.fn<(tool: string, cause: Error) => void>();
let checker: OutputChecker;

beforeEach(() => {
  onUncompilable.mockReset();
  tools = new Map();
  checker = new OutputChecker(onUncompilable);
});

const ABSENT = Symbol("absent");

/** One tool per schema, as a catalogue keeps it. */
let tools: Map<unknown, Tool>;

function check(
  outputSchema: unknown,
  result: Partial<CallToolResult>,
): Promise<string | undefined> {
  let tool = tools.get(outputSchema);
  if (tool === undefined) {
    const schema = outputSchema === ABSENT ? {} : { outputSchema };
    tool = { name: "t", inputSchema: {}, ...schema } as Tool;
    tools.set(outputSchema, tool);
  }
  return checker.check("s__t", tool, { content: [], ...result });
}

const SCHEMA = { type: "object", properties: { n: { type: "number" } }, required: ["n"] };

describe("results (8.4)", () => {
  test("that fit are fine, that do not are told in one line", async () => {
    expect(await check(SCHEMA, { structuredContent: { n: 1 } })).toBeUndefined();
    expect(await check(SCHEMA, { structuredContent: { n: "1" } })).toMatch(/^[^\n]*number[^\n]*$/);
  });

  test("that are missing are a fault, unless the tool failed (8.5)", async () => {
    expect(await check(SCHEMA, {})).toContain("structuredContent");
    expect(await check(SCHEMA, { isError: true })).toBeUndefined();
    expect(await check(SCHEMA, { isError: true, structuredContent: 5 })).toBeUndefined();
    expect(await check(SCHEMA, { isError: false })).toContain("structuredContent");
  });

  test.each([null, false, 0, ""])("of %j are there (8.3)", async (structuredContent) => {
    expect(await check({}, { structuredContent })).toBeUndefined();
    expect(await check(SCHEMA, { structuredContent })).toContain("object");
  });

  test("are not looked at without a schema", async () => {
    expect(await check(ABSENT, { structuredContent: 5 })).toBeUndefined();
    expect(await check(undefined, {})).toBeUndefined();
  });
});

describe("schemas that are none (8.4, fault 57)", () => {
  test.each<[string, object]>([
    ["an unknown type", { type: "nonsense" }],
    ["an unknown dialect (1.20)", { $schema: "https://example.com/own" }],
    ["a remote $ref (1.21)", { $ref: "http://127.0.0.1:9/x" }],
    ["a pattern that is no pattern", { type: "string", pattern: "(" }],
  ])("%s: reported once, and the tool's results pass", async (_, schema) => {
    for (let round = 0; round < 3; round++) {
      expect(await check(schema, { structuredContent: 5 })).toBeUndefined();
    }
    expect(onUncompilable.mock.calls).toEqual([["s__t", expect.any(Error)]]);
  });

  test.each([null, "text", 5, true])("a schema that is %j never fails the call", async (schema) => {
    expect(await check(schema, { structuredContent: { n: 1 } })).toBeUndefined();
  });

  test("null is what some servers write for no schema: nothing is demanded", async () => {
    expect(await check(null, {})).toBeUndefined();
    expect(onUncompilable).not.toHaveBeenCalled();
  });
});

test("a schema is compiled once, however many results come at once", async () => {
  const reads = vi.fn();
  const schema = {
    type: "object",
    get properties() {
      reads();
      return {};
    },
  };
  await check(schema, { structuredContent: {} });
  const once = reads.mock.calls.length;
  await Promise.all(Array.from({ length: 100 }, () => check(schema, { structuredContent: {} })));
  expect(reads).toHaveBeenCalledTimes(once);
});

test("two tools whose schemas have the same $id do not disturb each other", async () => {
  const $id = "https://example.com/out";
  const [number, string] = [
    { $id, type: "object", properties: { a: { type: "number" } } },
    { $id, type: "object", properties: { a: { type: "string" } } },
  ];
  expect(await check(number, { structuredContent: { a: 1 } })).toBeUndefined();
  expect(await check(string, { structuredContent: { a: "1" } })).toBeUndefined();
  expect(await check(number, { structuredContent: { a: "1" } })).toBeTypeOf("string");
});
