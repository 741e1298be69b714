import { describe, expect, test } from "vitest";
import { McpHttpError, McpProtocolError, McpResponseError } from "../../../../src/core/errors.ts";
import {
  emptyList,
  explained,
  isSessionsOnly,
  readResultType,
} from "../../../../src/eras/2026-07-28/corrections.ts";

function answered(rpcCode: number, data?: unknown): McpResponseError {
  return new McpResponseError("said no", {
    server: "s",
    method: "tools/call",
    rpcCode,
    rpcMessage: "no",
    data,
    status: 400,
  });
}

describe("the type of a result (1.14)", () => {
  test.each([
    ["tools/call", {}, "complete"],
    ["tools/list", { resultType: undefined }, "complete"],
    ["tools/call", { resultType: "complete" }, "complete"],
    ["tools/call", { resultType: "input_required" }, "input_required"],
    ["tools/list", { resultType: "input_required" }, "input_required"],
    ["tools/call", { resultType: "task" }, "task"],
  ])("1.14, C7 of %s, %j: %s", (method, result, type) => {
    expect(readResultType("s", method, result)).toBe(type);
  });

  test.each(["prompts/get", "resources/read", "tools/list", "tasks/update", "x/y"])(
    "12.2 %s cannot be a task",
    (method) => {
      expect(() => readResultType("s", method, { resultType: "task" })).toThrow(McpProtocolError);
    },
  );

  test("12.4 tasks/get may say task, as two examples of the extension do", () => {
    expect(() => readResultType("s", "tasks/get", { resultType: "task" })).not.toThrow();
  });

  test.each([null, "", "Task", "done", 0, false, {}, ["complete"]])(
    "1.14 %j is a violation of the server's",
    (resultType) => {
      const read = (): unknown => readResultType("s", "tools/call", { resultType });
      expect(read).toThrow(McpProtocolError);
      expect(read).toThrow(expect.objectContaining({ server: "s", sent: "yes" }));
    },
  );

  test("1.14 what a hostile server wrote is capped and cleaned in the message", () => {
    const resultType = `\u001b[31m${"x".repeat(10_000)}`;
    let message = "";
    try {
      readResultType("s", "tools/call", { resultType });
    } catch (error) {
      ({ message } = error as Error);
    }
    expect(message.length).toBeGreaterThan(0);
    expect(message.length).toBeLessThan(300);
    expect(message).not.toContain("\u001b");
  });
});

describe("-32021 (1.16)", () => {
  const missing = (requiredCapabilities: unknown): McpResponseError =>
    explained(answered(-32021, { requiredCapabilities })) as McpResponseError;

  test.each([
    [{ elicitation: {} }, /elicitation.*onElicitation/],
    [{ elicitation: { url: {} } }, /elicitation.*onElicitation/],
    [{ sampling: { tools: {} } }, /sampling.*onSampling/],
    [{ roots: {} }, /capability roots.*option roots/],
    [{ sampling: {}, roots: {} }, /sampling, roots.*onSampling.*roots/],
    [{ extensions: {} }, /extensions.*does not have/],
    [{ constructor: {} }, /constructor.*does not have/],
  ])("%j: %s", (capabilities, message) => {
    expect(missing(capabilities).message).toMatch(message);
  });

  test("is still the server's own answer, with everything that came with it", () => {
    const before = answered(-32021, { requiredCapabilities: { roots: {} }, more: 1 });
    const after = explained(before) as McpResponseError;
    expect(after).toBeInstanceOf(McpResponseError);
    expect(after).toMatchObject({
      code: "RESPONSE_ERROR",
      server: "s",
      method: "tools/call",
      rpcCode: -32021,
      rpcMessage: "no",
      data: { requiredCapabilities: { roots: {} }, more: 1 },
      status: 400,
      sent: "yes",
      cause: before,
    });
  });

  test.each([
    answered(-32021),
    answered(-32021, { requiredCapabilities: null }),
    answered(-32021, { requiredCapabilities: "roots" }),
    answered(-32020, { requiredCapabilities: { roots: {} } }),
    answered(-32603),
    new McpHttpError("no", { status: 400 }),
    new Error("no"),
    undefined,
  ])("what does not say is left as it is: %s", (error) => {
    expect(explained(error)).toBe(error);
  });

  test("names of a hostile server are capped", () => {
    expect(missing({ ["x".repeat(10_000)]: {} }).message.length).toBeLessThan(300);
  });
});

describe("a list that a server does not know, which never said what it offers (2.16)", () => {
  test.each([
    ["tools/list", { tools: [] }],
    ["prompts/list", { prompts: [] }],
    ["resources/list", { resources: [] }],
    ["resources/templates/list", { resourceTemplates: [] }],
  ])("%s is empty", (method, list) => {
    expect(emptyList(method, answered(-32601))).toEqual(list);
  });

  test.each([
    ["tools/call", answered(-32601)],
    ["constructor", answered(-32601)],
    ["tools/list", answered(-32602)],
    ["tools/list", new McpHttpError("no", { status: 404 })],
    ["tools/list", undefined],
  ])("%s with %s is not", (method, error) => {
    expect(emptyList(method, error)).toBeUndefined();
  });
});

describe("-32022 that names sessions only (2.7, 4.14)", () => {
  test.each([
    [-32022, { supported: ["2025-11-25"] }, true],
    [-32022, { supported: ["2024-11-05", "2025-03-26"] }, true],
    [-32022, { supported: ["2025-11-25", "2026-07-28"] }, false],
    [-32022, { supported: ["2025-11-25", "2027-01-01"] }, false],
    [-32022, { supported: [] }, false],
    [-32022, { supported: "2025-11-25" }, false],
    [-32022, { supported: [7, null] }, false],
    [-32022, undefined, false],
    [-32022, null, false],
    [-32000, { supported: ["2025-11-25"] }, false],
  ])("%i %j: %s", (code, data, expected) => {
    expect(isSessionsOnly(answered(code, data))).toBe(expected);
  });
});
