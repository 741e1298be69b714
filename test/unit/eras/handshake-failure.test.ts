import { describe, expect, test } from "vitest";
import {
  McpAuthError,
  McpConnectionError,
  McpHttpError,
  McpProtocolError,
  McpResponseError,
  McpTimeoutError,
} from "../../../src/core/errors.ts";
import type { McpError } from "../../../src/core/errors.ts";
import { moreHelpful } from "../../../src/eras/handshake-failure.ts";

const auth = (text: string): McpError => new McpAuthError("AUTH_REQUIRED", text, { status: 401 });
const http = (text: string): McpError => new McpHttpError(text, { status: 500 });
const network = (text: string): McpError => new McpConnectionError("CONNECTION_LOST", text);
const time = (text: string): McpError =>
  new McpTimeoutError(text, { limit: "handshake", timeoutMs: 1 });
const noMcp = (text: string): McpError => new McpProtocolError(text);
const response = (text: string): McpError =>
  new McpResponseError(text, { rpcCode: -32603, rpcMessage: "no" });

type Make = (text: string) => McpError;

describe("moreHelpful(): one of two failures", () => {
  test.each<[string, Make, Make, "initialize" | "probe"]>([
    ["401 twice", auth, auth, "initialize"],
    ["401 to initialize", http, auth, "initialize"],
    ["401 to the probe, and a status", auth, http, "probe"],
    ["401 to the probe, and an error", auth, response, "probe"],
    ["401 to the probe, and what is no MCP", auth, noMcp, "probe"],
    ["401 to the probe, and the network", auth, network, "initialize"],
    ["401 to the probe, and the time", auth, time, "initialize"],
    ["a status, and the network", http, network, "initialize"],
    ["what is no MCP, and the network", noMcp, network, "initialize"],
  ])("%s", (_, probe, initialize, which) => {
    const failures = { probe: probe("p"), initialize: initialize("i") };
    expect(moreHelpful(failures.initialize, failures.probe)).toBe(failures[which]);
  });

  test.each<[string, Make, Make]>([
    ["two statuses", http, http],
    ["what is no MCP, twice", noMcp, noMcp],
    ["the network first", network, http],
    ["an error", http, response],
  ])("%s: that of initialize, with the other in it", (_, probe, initialize) => {
    const first = probe("what the probe met");
    const second = initialize("what initialize met");
    const told = moreHelpful(second, first) as McpError;
    expect(told).toBeInstanceOf(second.constructor);
    expect(told).not.toBe(second);
    expect(told.code).toBe(second.code);
    expect(told.cause).toBe(first);
    for (const text of ["what initialize met", "what the probe met"]) {
      expect(told.message).toContain(text);
      expect(told.stack).toContain(text);
    }
    expect(second.message).toBe("what initialize met");
  });

  test("a cause of its own is kept", () => {
    const cause = new Error("deep");
    const told = moreHelpful(new McpProtocolError("i", { cause }), http("p")) as McpError;
    expect(told.cause).toBe(cause);
    expect(told.message).toContain("p");
  });

  test("what is no error of ours is left as it is", () => {
    const reason = new DOMException("x", "AbortError");
    expect(moreHelpful(reason, http("p"))).toBe(reason);
    const error = http("i");
    expect(moreHelpful(error, "text")).toBe(error);
  });
});
