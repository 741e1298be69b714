import { describe, expect, test } from "vitest";
import {
  McpAuthError,
  McpClosedError,
  McpConfigError,
  McpConnectionError,
  McpError,
  McpHttpError,
  McpOutcomeUnknownError,
  McpProtocolError,
  McpResponseError,
  McpTimeoutError,
  McpToolNotFoundError,
} from "../../../src/core/errors.ts";

const CANARY = "s3cret-canary";

describe("toJSON", () => {
  test("says all that a reader needs, and leaves out what is not known", () => {
    const full = new McpConnectionError("CONNECTION_LOST", "lost", {
      server: "files",
      method: "tools/call",
      retryable: true,
      sent: "unknown",
      cause: Object.assign(new TypeError("reset"), { code: "ECONNRESET" }),
    });
    expect(JSON.parse(JSON.stringify(full))).toEqual({
      name: "McpConnectionError",
      code: "CONNECTION_LOST",
      message: "lost",
      server: "files",
      method: "tools/call",
      retryable: true,
      sent: "unknown",
      cause: { name: "TypeError", code: "ECONNRESET", message: "reset" },
    });
    expect(Object.keys(new McpError("CLOSED", "over").toJSON())).toEqual([
      "name",
      "code",
      "message",
      "retryable",
      "sent",
    ]);
  });

  test("holds no header, body, challenge, data, nor what hangs on a cause", () => {
    const cause = Object.assign(new Error("refused"), {
      code: "ECONNREFUSED",
      headers: { authorization: CANARY },
      env: { KEY: CANARY },
      errno: -111,
      cause: new Error(CANARY),
    });
    const errors: McpError[] = [
      new McpHttpError("answered 500", { status: 500, excerpt: CANARY, cause }),
      new McpAuthError("AUTH_REQUIRED", "asks for authorization", { challenge: CANARY, cause }),
      new McpResponseError("answered", { rpcCode: 1, rpcMessage: CANARY, data: { CANARY }, cause }),
      new McpConnectionError("CONNECTION_FAILED", "failed", { cause }),
      new McpConnectionError("CONNECTION_FAILED", "failed", { cause: { headers: CANARY } }),
      new McpConnectionError("CONNECTION_FAILED", "failed", { cause: CANARY }),
    ];
    for (const error of errors) expect(JSON.stringify(error)).not.toContain(CANARY);
    for (const error of errors) {
      const copy = error.forCall("tools/call", "no");
      expect(JSON.stringify(copy)).not.toContain(CANARY);
    }
  });

  test("a cause with a code that is no string is shown without it", () => {
    const cause = Object.assign(new Error("odd"), { code: 42 });
    expect(new McpError("CLOSED", "over", { cause }).toJSON().cause).toEqual({
      name: "Error",
      message: "odd",
    });
  });
});

describe("forCall", () => {
  const original = new McpTimeoutError("slow", {
    server: "files",
    limit: "handshake",
    timeoutMs: 5,
    cause: new Error("root"),
  });

  test("gives each call its own copy, of the same class, with the same fields, stack and cause", () => {
    const one = original.forCall("tools/call", "unknown");
    const two = original.forCall("tools/list", "no");
    expect([one.method, one.sent, two.method, two.sent]).toEqual([
      "tools/call",
      "unknown",
      "tools/list",
      "no",
    ]);
    expect([original.method, original.sent]).toEqual([undefined, "no"]);
    for (const copy of [one, two]) {
      expect(copy).toBeInstanceOf(McpTimeoutError);
      expect(copy).toBeInstanceOf(Error);
      expect(copy).toMatchObject({ name: "McpTimeoutError", limit: "handshake", timeoutMs: 5 });
      expect(copy.message).toBe("slow");
      expect(copy.cause).toBe(original.cause);
      expect(copy.stack).toContain("slow");
    }
  });

  test("a copy can be copied, printed and written as JSON like the original", () => {
    const copy = original.forCall("a", "yes").forCall("b", "unknown");
    expect(copy.toJSON()).toEqual({ ...original.toJSON(), method: "b", sent: "unknown" });
    expect(String(copy)).toBe("McpTimeoutError: slow");
  });
});

test("every class has its code, its defaults and its place under McpError", () => {
  const unknown = new McpOutcomeUnknownError("lost");
  expect(unknown).toBeInstanceOf(McpConnectionError);
  expect(unknown).toMatchObject({ code: "OUTCOME_UNKNOWN", sent: "unknown", retryable: false });
  expect(new McpOutcomeUnknownError("lost", { sent: "yes" }).sent).toBe("yes");
  expect(new McpResponseError("no", { rpcCode: 1, rpcMessage: "" }).sent).toBe("yes");
  expect(new McpHttpError("no", { status: 500 })).toMatchObject({ sent: "yes", excerpt: "" });
  expect(new McpProtocolError("no").code).toBe("PROTOCOL_ERROR");
  expect(new McpProtocolError("no", { code: "LIMIT_EXCEEDED" }).code).toBe("LIMIT_EXCEEDED");
  expect(new McpConfigError("no", { code: "SERVER_NOT_FOUND" }).code).toBe("SERVER_NOT_FOUND");
  expect(new McpClosedError("no").code).toBe("CLOSED");
  expect(new McpToolNotFoundError("no", { tool: "a", nearMatches: ["b"] })).toMatchObject({
    code: "TOOL_NOT_FOUND",
    name: "McpToolNotFoundError",
    nearMatches: ["b"],
  });
});
