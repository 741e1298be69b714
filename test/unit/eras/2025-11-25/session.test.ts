import { describe, expect, test } from "vitest";
import { McpConnectionError, McpHttpError, McpResponseError } from "../../../../src/core/errors.ts";
import type { McpError } from "../../../../src/core/errors.ts";
import { FakeDuplex, FakeHttp } from "../../fakes.ts";
import { sessionOver } from "../harness.ts";

const http = (status: number): McpError => new McpHttpError("refused", { status });

function answered(status: number | undefined, rpcCode: number, isUnattributed: boolean): McpError {
  return new McpResponseError("refused", { rpcCode, rpcMessage: "no", status, isUnattributed });
}

describe("what says that the session is forgotten (3.10)", () => {
  test.each<[string, McpError, boolean]>([
    ["404", http(404), true],
    ["400", http(400), false],
    ["410", http(410), false],
    ["404 with an error without the id", answered(404, -32001, true), true],
    ["404 with an error with the id", answered(404, -32001, false), true],
    ["404 with -32601, without the id", answered(404, -32601, true), false],
    ["404 with -32601, with the id", answered(404, -32601, false), false],
    ["400 with -32000, without the id", answered(400, -32000, true), true],
    ["400 with -32000, with the id", answered(400, -32000, false), false],
    ["400 with -32602, without the id", answered(400, -32602, true), false],
    ["200 with -32000", answered(undefined, -32000, false), false],
    ["a lost connection", new McpConnectionError("CONNECTION_LOST", "gone"), false],
  ])("%s: %#", async (_name, error, isLost) => {
    const { session } = await sessionOver(new FakeHttp(), { sessionId: "one" });
    expect(session.isSessionLost(error)).toBe(isLost);
  });

  test("without a session id there is none to forget", async () => {
    for (const transport of [new FakeHttp(), new FakeDuplex()]) {
      const { session } = await sessionOver(transport);
      expect(session.isSessionLost(http(404))).toBe(false);
      expect(session.isSessionLost(answered(400, -32000, true))).toBe(false);
    }
  });
});
