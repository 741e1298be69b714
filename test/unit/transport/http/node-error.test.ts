import { describe, expect, test } from "vitest";
import { McpConnectionError } from "../../../../src/core/errors.ts";
import {
  classifyNodeError,
  errorFromNodeReason,
} from "../../../../src/transport/http/node-error.ts";
import { isLoopback } from "../../../../src/transport/http/proxy-environment.ts";
import { mediaType, retryAfterMs } from "../../../../src/transport/http/status.ts";

function coded(code: string, cause?: unknown): Error {
  return Object.assign(new Error("any text", { cause }), { code });
}

test.each([
  ["ECONNREFUSED", "refused"],
  ["ENOTFOUND", "unresolved"],
  ["EAI_AGAIN", "unresolved"],
  ["UND_ERR_CONNECT_TIMEOUT", "timeout"],
  ["ETIMEDOUT", "timeout"],
  ["EHOSTUNREACH", "unreachable"],
  ["CERT_HAS_EXPIRED", "certificate"],
  ["ERR_TLS_CERT_ALTNAME_INVALID", "certificate"],
  ["UNABLE_TO_VERIFY_LEAF_SIGNATURE", "certificate"],
  ["SELF_SIGNED_CERT_IN_CHAIN", "certificate"],
  ["DEPTH_ZERO_SELF_SIGNED_CERT", "certificate"],
  ["EPROTO", "tls"],
  ["ERR_SSL_WRONG_VERSION_NUMBER", "tls"],
  ["ECONNRESET", "reset"],
  ["UND_ERR_SOCKET", "reset"],
  ["HPE_INVALID_CONSTANT", "malformed"],
  ["UND_ERR_INVALID_ARG", "invalid"],
  ["UND_ERR_DESTROYED", "closed"],
  ["E_NEW", "unknown"],
])("%s is %s", (code, kind) => {
  expect(classifyNodeError(coded(code))).toEqual({ kind, code });
  expect(classifyNodeError(coded("E_OUTER", coded(code))).kind).toBe(kind);
});

test("the cause chain ends: circles, foreign values, gathered errors", () => {
  const circle = coded("E_CIRCLE");
  circle.cause = circle;
  expect(classifyNodeError(circle)).toEqual({ kind: "unknown", code: "E_CIRCLE" });
  expect(classifyNodeError("text")).toEqual({ kind: "unknown", code: undefined });
  expect(classifyNodeError(new AggregateError([coded("ECONNREFUSED")])).kind).toBe("refused");
});

test.each([
  ["queued", "ECONNREFUSED", "CONNECTION_FAILED", "no", true],
  ["queued", "CERT_HAS_EXPIRED", "CONNECTION_FAILED", "no", false],
  ["queued", "UND_ERR_INVALID_ARG", "INVALID_CONFIG", "no", false],
  ["written", "ECONNRESET", "CONNECTION_LOST", "unknown", true],
  ["written", "HPE_INVALID_CONSTANT", "PROTOCOL_ERROR", "yes", false],
  ["answered", "ECONNRESET", "CONNECTION_LOST", "yes", true],
  ["answered", "HPE_INVALID_EOF_STATE", "CONNECTION_LOST", "yes", true],
] as const)("%s and %s is %s, sent %s", (stage, errno, code, sent, retryable) => {
  const error = errorFromNodeReason(coded(errno), {
    server: "s",
    address: "http://x/",
    method: "ping",
    stage,
    isPlain: true,
  });
  expect(error).toMatchObject({ code, sent, retryable, server: "s", method: "ping" });
  if (code.startsWith("CONNECTION")) expect(error).toBeInstanceOf(McpConnectionError);
  expect(error.message).not.toContain("any text");
});

describe("fault 8: a request whose bytes the system refused was not sent", () => {
  const refused = Object.assign(new Error("any text"), { code: "EPIPE", syscall: "write" });
  const at = { server: "s", address: "http://x/", method: "ping", stage: "written" } as const;

  test("over TCP itself", () => {
    const error = errorFromNodeReason(refused, { ...at, isPlain: true });
    expect(error).toMatchObject({ code: "CONNECTION_LOST", sent: "no", retryable: true });
  });

  test("what the request's own end of the socket caused may be wrapped", () => {
    const wrapped = new Error("any text", { cause: refused });
    expect(errorFromNodeReason(wrapped, { ...at, isPlain: true }).sent).toBe("no");
  });

  test("not over TLS, where the refused record may be a later one", () => {
    expect(errorFromNodeReason(refused, { ...at, isPlain: false }).sent).toBe("unknown");
  });

  test("not once the answer has begun, and not when reading failed", () => {
    const answered = { ...at, isPlain: true, stage: "answered" } as const;
    expect(errorFromNodeReason(refused, answered).sent).toBe("yes");
    const read = Object.assign(new Error("any text"), { code: "ECONNRESET", syscall: "read" });
    expect(errorFromNodeReason(read, { ...at, isPlain: true }).sent).toBe("unknown");
  });
});

test.each([
  ["0", 0],
  [" 5 ", 5_000],
  ["31536000", 31_536_000_000],
  ["Thu, 01 Jan 1970 00:01:00 GMT", 59_000],
  ["Thu, 01 Jan 1970 00:00:00 GMT", 0],
  ["-1", undefined],
  ["1.5", undefined],
  ["soon", undefined],
  ["2030-01-01", undefined],
  [undefined, undefined],
])("18 Retry-After %s", (value, expected) => {
  expect(retryAfterMs(value, 1_000)).toBe(expected);
});

test("media types and loopback hosts", () => {
  expect(mediaType(undefined)).toBe("");
  expect(mediaType("Text/Event-Stream;charset=utf-8")).toBe("text/event-stream");
  expect(["localhost", "127.0.0.1", "127.9.8.7", "[::1]"].every(isLoopback)).toBe(true);
  expect(["127.example.com", "10.0.0.1", "localhost.example"].some(isLoopback)).toBe(false);
});
