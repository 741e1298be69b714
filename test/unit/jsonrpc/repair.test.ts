import { describe, expect, test } from "vitest";
import { parseMessage, tryParse } from "../../../src/jsonrpc/parse.ts";
import type { QuirkCode } from "../../../src/jsonrpc/quirk-table.ts";
import { decimalOf, messageIn, UnusableResult } from "../../../src/jsonrpc/repair.ts";
import type { RepairContext } from "../../../src/jsonrpc/repair.ts";
import { repairLog } from "../fakes.ts";

const v = "2.0";

function context(options: { strict?: boolean; awaited?: unknown } = {}): RepairContext {
  const { strict = false, awaited = 1 } = options;
  return { quirks: repairLog({ strict }), isAwaiting: (id) => id === awaited };
}

const result = { jsonrpc: v, id: 1, result: { a: null } };
const failure = { jsonrpc: v, id: 1, error: { code: -7, message: "no" } };
const note = { jsonrpc: v, method: "n" };
const ping = { jsonrpc: v, id: 1, method: "ping" };

type Row = readonly [name: string, came: unknown, meant: unknown, ...codes: QuirkCode[]];

const ROWS: readonly Row[] = [
  ["params: []", { ...note, params: [] }, note, "empty-params"],
  ["params: null", { ...note, params: null }, note, "empty-params"],
  ['params: ""', { ...note, params: "" }, note, "empty-params"],
  ["params: [] in a request", { ...ping, params: [] }, ping, "empty-params"],
  ["params: null in a request", { ...ping, params: null }, ping, "empty-params"],
  ["id: null in a notification", { ...note, id: null }, note, "null-id"],
  [
    "id: null and params: null",
    { ...note, id: null, params: null },
    note,
    "null-id",
    "empty-params",
  ],
  ["error: null beside a result", { ...result, error: null }, result, "null-beside-answer"],
  ["error: false beside a result", { ...result, error: false }, result, "null-beside-answer"],
  ["result: null beside an error", { ...failure, result: null }, failure, "null-beside-answer"],
  ["method: null beside a result", { ...result, method: null }, result, "method-beside-answer"],
  ['method: "" beside an error', { ...failure, method: "" }, failure, "method-beside-answer"],
  [
    "the members of all kinds of message, in a result",
    { ...result, method: "", params: null, error: null },
    result,
    "method-beside-answer",
    "null-beside-answer",
  ],
  [
    "the request with its result",
    { ...result, method: "a", params: {} },
    result,
    "method-beside-answer",
  ],
  [
    "the request with its error",
    { ...failure, method: "a", result: null },
    failure,
    "method-beside-answer",
    "null-beside-answer",
  ],
  ["no jsonrpc", { id: 1, result: { a: null } }, result, "jsonrpc-member"],
  ["jsonrpc 1.0", { ...result, jsonrpc: "1.0" }, result, "jsonrpc-member"],
  ["jsonrpc as a number", { ...result, jsonrpc: 2 }, result, "jsonrpc-member"],
  ["an error without jsonrpc", { id: 1, error: failure.error }, failure, "jsonrpc-member"],
  [
    "JSON-RPC 1.0",
    { result: { a: null }, error: null, id: 1 },
    result,
    "jsonrpc-member",
    "null-beside-answer",
  ],
  [
    "a code of digits",
    { ...failure, error: { code: "-7", message: "no" } },
    failure,
    "error-shape",
  ],
  [
    "no code",
    { ...failure, error: { message: "no", data: 5 } },
    { ...failure, error: { code: -32603, message: "no", data: 5 } },
    "error-shape",
  ],
  [
    "a code of letters",
    { ...failure, error: { code: "ENOENT", message: "no" } },
    { ...failure, error: { code: -32603, message: "no" } },
    "error-shape",
  ],
  [
    "a code with a fraction",
    { ...failure, error: { code: 1.5, message: "no" } },
    { ...failure, error: { code: -32603, message: "no" } },
    "error-shape",
  ],
  [
    "a message that is an object",
    { ...failure, error: { code: -7, message: { text: "no" } } },
    { ...failure, error: { code: -7, message: '{"text":"no"}' } },
    "error-shape",
  ],
  [
    "an error that is a text",
    { ...failure, error: "no" },
    { ...failure, error: { code: -32603, message: "no" } },
    "error-shape",
  ],
  [
    "an error that is a text, for nobody",
    { jsonrpc: v, error: "no" },
    { jsonrpc: v, error: { code: -32603, message: "no" } },
    "error-shape",
  ],
  ["an array in an array", [[result], [[note]]], [result, note], "nested-batch"],
  [
    "members of a batch",
    [{ ...result, error: null }, 5, { ...note, params: [] }],
    [result, note],
    "null-beside-answer",
    "empty-params",
  ],
];

describe("what is not quite a message", () => {
  test.each(ROWS)("%s: taken as what it means, and counted", (_, came, meant, ...codes) => {
    const repairs = context();
    expect(parseMessage(JSON.stringify(came), repairs)).toEqual(meant);
    expect(repairs.quirks.counts).toEqual(Object.fromEntries(codes.map((code) => [code, 1])));
    expect(messageIn(came, context())).toEqual(meant);
  });

  test.each(ROWS.filter(([name]) => name !== "members of a batch"))(
    "strict, or without a repair log: %s is refused, and nothing counted",
    (_, came) => {
      const repairs = context({ strict: true });
      expect(tryParse(JSON.stringify(came), repairs)).toBe("no-message");
      expect(repairs.quirks.counts).toEqual({});
      expect(tryParse(JSON.stringify(came))).toBe("no-message");
    },
  );

  test.each<[string, unknown]>([
    ["a log line that has an id", { id: 1, level: "info", msg: "started" }],
    ["a log line that has an id and an error", { id: 1, error: { message: "x" }, level: 50 }],
    ["a log line that has an id and a text as error", { id: 1, error: "boom" }],
    ["an answer without jsonrpc that no call waits for", { id: 2, result: {} }],
    ["an answer without jsonrpc and id", { result: {} }],
    ["a notification without jsonrpc", { method: "n" }],
    ["a request with a fraction as id", { ...ping, id: 1.5 }],
    ["params with something in them", { ...note, params: [1] }],
    ["params that are a text", { ...note, params: "x" }],
    ["a result for nobody", { jsonrpc: v, id: null, result: {} }],
    ["a result with an object as id", { jsonrpc: v, id: {}, result: {} }],
    ["an error with an object as id", { jsonrpc: v, id: {}, error: "no" }],
    ["a number", 5],
    ["null", null],
    ["strangers in arrays", [[5], [[null]]]],
    ["no method and no outcome", { jsonrpc: v, id: 1, method: null }],
  ])("%s: refused, and nothing counted", (_, came) => {
    const repairs = context();
    expect(tryParse(JSON.stringify(came), repairs)).toBe("no-message");
    expect(repairs.quirks.counts).toEqual({});
  });

  test.each<[string, object]>([
    ["null", { jsonrpc: v, id: 1, result: null }],
    ["nothing", { jsonrpc: v, id: 1 }],
    ["a text", { jsonrpc: v, id: 1, result: "ok" }],
    ["an array", { jsonrpc: v, id: 1, result: [] }],
    ["a result and an error", { jsonrpc: v, id: 1, result: {}, error: { code: 1, message: "" } }],
    ["null and null", { jsonrpc: v, id: 1, result: null, error: null }],
    ["null, without jsonrpc", { id: 1, result: null }],
    ["null, of a server that writes all members", { jsonrpc: v, id: 1, method: "", result: null }],
  ])("%s as a result: still names its call, and shows what came", (_, came) => {
    const message = parseMessage(JSON.stringify(came), context());
    expect(message).toMatchObject({ jsonrpc: v, id: 1 });
    const { result: unusable } = message as { result: unknown };
    expect(unusable).toBeInstanceOf(UnusableResult);
    expect((unusable as UnusableResult).shown).toBe(JSON.stringify(came));
  });

  test.each<[string, object, object]>([
    ["nulls", { ...ping, result: null, error: null }, { ...ping, result: null, error: null }],
    [
      "an empty result that no call waits for",
      { ...ping, id: 2, method: "a", result: {} },
      { ...ping, id: 2, method: "a" },
    ],
    [
      "an empty result, in what servers ask",
      { ...ping, method: "roots/list", result: {} },
      { ...ping, method: "roots/list" },
    ],
  ])("a request with %s stays a request", (_, came, meant) => {
    const repairs = context();
    expect(parseMessage(JSON.stringify(came), repairs)).toEqual(meant);
    expect(repairs.quirks.counts).toEqual({});
  });

  test("byte order marks in front of a body, and only there", () => {
    const repairs = context();
    expect(parseMessage(`\uFEFF\uFEFF${JSON.stringify(result)}`, repairs)).toEqual(result);
    expect(repairs.quirks.counts).toEqual({ "byte-order-mark": 1 });
    for (const text of ["\uFEFF", "\uFEFF{", `{\uFEFF"jsonrpc":"2.0"}`]) {
      expect(tryParse(text, repairs)).toBe("not-json");
    }
    expect(tryParse(`\uFEFF${JSON.stringify(result)}`)).toBe("not-json");
    expect(repairs.quirks.counts).toEqual({ "byte-order-mark": 1 });
  });

  test("a good message is given as it was parsed, the log untouched", () => {
    const repairs = context();
    for (const message of [result, failure, note, ping, [result, note]]) {
      expect(parseMessage(JSON.stringify(message), repairs)).toEqual(message);
    }
    expect(repairs.quirks.counts).toEqual({});
  });
});

test.each([
  ["7", 7],
  ["0", 0],
  ["-5", -5],
  ["9007199254740991", Number.MAX_SAFE_INTEGER],
  ["9007199254740992", undefined],
  ["1.0", undefined],
  ["1e3", undefined],
  ["0x10", undefined],
  ["07", undefined],
  [" 7", undefined],
  ["-0", undefined],
  ["", undefined],
  ["seven", undefined],
  [7, undefined],
  [null, undefined],
])("the number of the id %j is %j", (id, number) => {
  expect(decimalOf(id)).toBe(number);
});
