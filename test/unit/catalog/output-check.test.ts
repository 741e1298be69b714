import { beforeEach, describe, expect, test, vi } from "vitest";
import { OutputChecker } from "../../../src/catalog/output-check.ts";
import type { Unchecked } from "../../../src/core/json-schema/verdict.ts";
import type { CallToolResult, Tool } from "../../../src/spec/types.ts";

const onUnchecked = vi.fn<(tool: string, outcome: Unchecked) => void>();
let checker: OutputChecker;

beforeEach(() => {
  onUnchecked.mockReset();
  tools = new Map();
  checker = new OutputChecker(onUnchecked);
});

const ABSENT = Symbol("absent");

/** One tool per schema, as a catalogue keeps it. */
let tools: Map<unknown, Tool>;

const SERVER = {};

/** `undefined` if the result fits, "unchecked", or the problem. */
async function check(
  outputSchema: unknown,
  result: Partial<CallToolResult>,
): Promise<string | undefined> {
  let tool = tools.get(outputSchema);
  if (tool === undefined) {
    const schema = outputSchema === ABSENT ? {} : { outputSchema };
    tool = { name: "t", inputSchema: {}, ...schema } as Tool;
    tools.set(outputSchema, tool);
  }
  const verdict = await checker.check(SERVER, "s__t", tool, { content: [], ...result });
  if (verdict.kind === "fits") return undefined;
  return verdict.kind === "misfit" ? verdict.problem : "unchecked";
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

describe("schemas that are none: told of once, and no result counts as checked", () => {
  test.each<[string, object]>([
    ["an unknown type", { type: "nonsense" }],
    ["an unknown dialect", { $schema: "https://example.com/own" }],
    ["a remote $ref", { $ref: "http://127.0.0.1:9/x" }],
    ["a pattern that is no pattern", { type: "string", pattern: "(" }],
    ["an asynchronous one", { $async: true, type: "object" }],
  ])("%s", async (_, schema) => {
    for (let round = 0; round < 3; round++) {
      expect(await check(schema, { structuredContent: 5 })).toBe("unchecked");
    }
    expect(onUnchecked.mock.calls).toEqual([
      ["s__t", { kind: "unchecked", cause: "schema", reason: expect.stringMatching(/./) }],
    ]);
  });

  test.each(["text", 5, true])("%j", async (schema) => {
    expect(await check(schema, { structuredContent: { n: 1 } })).toBe("unchecked");
    expect(await check(schema, {})).toBe("unchecked");
    expect(onUnchecked).toHaveBeenCalledTimes(1);
  });

  test("null is what some servers write for no schema: nothing is demanded", async () => {
    expect(await check(null, {})).toBeUndefined();
    expect(onUnchecked).not.toHaveBeenCalled();
  });
});

test("a text of the schema is made once, however many results come at once", async () => {
  const reads = vi.fn();
  const schema = {
    type: "object",
    multipleOf: 1,
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
