import { describe, expect, test } from "vitest";
import { McpProtocolError } from "../../../src/core/errors.ts";
import { parseMessage } from "../../../src/jsonrpc/parse.ts";
import { MAX_DEPTH } from "../../../src/jsonrpc/shape.ts";

function failure(text: string): McpProtocolError {
  try {
    parseMessage(text);
  } catch (error) {
    if (error instanceof McpProtocolError) return error;
    throw error;
  }
  throw new Error(`it was taken: ${text.slice(0, 100)}`);
}

const parse = (value: object): unknown => parseMessage(JSON.stringify(value));
const v = "2.0";

describe("what is a message (1.1, 1.2, 1.7, 1.8, 1.24)", () => {
  test.each<[string, object]>([
    ["a request", { jsonrpc: v, id: 1, method: "m" }],
    ["a request with id 0", { jsonrpc: v, id: 0, method: "m", params: {} }],
    ["a request with an empty string as id", { jsonrpc: v, id: "", method: "m" }],
    ["a notification", { jsonrpc: v, method: "m", params: { a: 1 } }],
    ["a result", { jsonrpc: v, id: "a", result: {} }],
    ["an error", { jsonrpc: v, id: 1, error: { code: -1, message: "no" } }],
    ["an error with id null", { jsonrpc: v, id: null, error: { code: -1, message: "no" } }],
    ["an error without an id", { jsonrpc: v, error: { code: -1, message: "no" } }],
    ["an error without a message", { jsonrpc: v, id: 1, error: { code: -1 } }],
    ["unknown fields", { jsonrpc: v, id: 1, result: { x: [null] }, extra: true }],
    ["a negative id", { jsonrpc: v, id: -5, result: {} }],
  ])("%s is taken as it came", (_, message) => {
    expect(parse(message)).toEqual(message);
  });

  test.each<[string, unknown]>([
    ["null (fault 14)", null],
    ["a number", 5],
    ["a string", "2.0"],
    ["an object without jsonrpc", { id: 1, result: {} }],
    ["jsonrpc 1.0", { jsonrpc: "1.0", id: 1, result: {} }],
    ["jsonrpc as a number", { jsonrpc: 2, id: 1, result: {} }],
    ["a request with id null", { jsonrpc: v, id: null, method: "m" }],
    ["a request with a fraction as id", { jsonrpc: v, id: 1.5, method: "m" }],
    ["a request with an object as id", { jsonrpc: v, id: {}, method: "m" }],
    ["a method that is no string", { jsonrpc: v, id: 1, method: 5 }],
    ["params that are an array", { jsonrpc: v, id: 1, method: "m", params: [] }],
    ["params that are a string", { jsonrpc: v, method: "m", params: "x" }],
    ["a result without an id", { jsonrpc: v, result: {} }],
    ["a result with id null", { jsonrpc: v, id: null, result: {} }],
    ["a result that is null", { jsonrpc: v, id: 1, result: null }],
    ["a result that is an array", { jsonrpc: v, id: 1, result: [] }],
    ["both result and error", { jsonrpc: v, id: 1, result: {}, error: { code: 1, message: "" } }],
    ["neither", { jsonrpc: v, id: 1 }],
    ["an error code that is a string", { jsonrpc: v, id: 1, error: { code: "1", message: "" } }],
    ["an error code with a fraction", { jsonrpc: v, id: 1, error: { code: 1.5, message: "" } }],
    ["an error that is a string", { jsonrpc: v, id: 1, error: "no" }],
    ["an error message that is no string", { jsonrpc: v, id: 1, error: { code: 1, message: {} } }],
    ["an empty array (fault 14)", []],
    ["an array of strangers", [5, null]],
    ["an array in an array", [[{ jsonrpc: v, method: "m" }]]],
  ])("%s is refused", (_, value) => {
    expect(failure(JSON.stringify(value)).code).toBe("PROTOCOL_ERROR");
  });

  test("a stranger in a batch does not cost the others (1.10)", () => {
    const message = { jsonrpc: v, id: 1, result: {} };
    expect(parseMessage(JSON.stringify([5, message]))).toEqual([message]);
  });

  test("a batch of 2025-03-26 is given as an array, in order (1.10)", () => {
    const batch = [
      { jsonrpc: v, id: 1, result: {} },
      { jsonrpc: v, method: "m" },
      { jsonrpc: v, id: 2, method: "ping" },
    ];
    expect(parse(batch)).toEqual(batch);
  });

  test("an id keeps its type, and the order of keys is the server's (1.7, 1.23)", () => {
    const text = `{"jsonrpc":"2.0","id":"1","result":{"b":1,"a":{"$schema":"x","$defs":{}}}}`;
    expect(JSON.stringify(parseMessage(text))).toBe(text);
  });
});

describe("limits (fault 14)", () => {
  const nested = (depth: number, open: string, close: string): string =>
    `{"jsonrpc":"2.0","id":1,"result":{"x":${open.repeat(depth)}${close.repeat(depth)}}}`;

  test.each([
    ["arrays", "[", "]"],
    ["objects", '{"a":', "}"],
  ])("%s 100,000 levels deep are refused without a stack overflow", (_, open, close) => {
    const inner = open === "[" ? nested(100_000, open, close) : "";
    const text =
      inner === ""
        ? `{"jsonrpc":"2.0","id":1,"result":{"x":${open.repeat(100_000)}1${close.repeat(100_000)}}}`
        : inner;
    expect(failure(text)).toBeInstanceOf(McpProtocolError);
  });

  test("the limit is exact: the deepest allowed passes, one more does not", () => {
    // The message and its result are two levels themselves.
    expect(() => parseMessage(nested(MAX_DEPTH - 2, "[", "]"))).not.toThrow();
    expect(failure(nested(MAX_DEPTH - 1, "[", "]")).code).toBe("LIMIT_EXCEEDED");
  });

  test("a short text is never too deep: the check that is skipped for it would pass", () => {
    const array = "[".repeat(MAX_DEPTH + 1) + "]".repeat(MAX_DEPTH + 1);
    expect(failure(array).code).toBe("LIMIT_EXCEEDED");
    const short = "[".repeat(MAX_DEPTH - 1) + "]".repeat(MAX_DEPTH - 1);
    expect(failure(short).code).toBe("PROTOCOL_ERROR");
  });

  test("a wide message is not taken for a deep one", () => {
    const wide = {
      jsonrpc: v,
      id: 1,
      result: { list: Array.from({ length: 50_000 }, () => [{}]) },
    };
    expect(() => parse(wide)).not.toThrow();
  });
});

describe("messages about it", () => {
  test("an excerpt of what came, bounded and without control characters", () => {
    const esc = String.fromCodePoint(0x1b);
    const error = failure(`<html>${esc}[31m${"x".repeat(10_000)}</html>`);
    expect(error.message).toContain("<html>");
    expect(error.message).not.toContain(esc);
    expect(error.message.length).toBeLessThan(400);
  });

  test.each(["", " ", "{", "undefined", '{"jsonrpc":"2.0"'])("malformed JSON %j", (text) => {
    expect(failure(text).cause).toBeInstanceOf(SyntaxError);
  });

  test("__proto__ in a message stays data", () => {
    const text = `{"jsonrpc":"2.0","id":1,"result":{"__proto__":{"polluted":true}}}`;
    const { result } = parseMessage(text) as { result: { polluted?: boolean } };
    expect(result.polluted).toBeUndefined();
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });
});
