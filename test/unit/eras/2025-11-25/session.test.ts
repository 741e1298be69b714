import { describe, expect, test } from "vitest";
import {
  McpAuthError,
  McpConnectionError,
  McpHttpError,
  McpProtocolError,
  McpResponseError,
} from "../../../../src/core/errors.ts";
import type { Refusal } from "../../../../src/eras/era.ts";
import type { McpError } from "../../../../src/core/errors.ts";
import { FakeDuplex, FakeHttp } from "../../fakes.ts";
import type { Sent } from "../../fakes.ts";
import { sessionOver } from "../harness.ts";

const http = (status: number): McpError => new McpHttpError("refused", { status });

function answered(status: number | undefined, rpcCode: number, isUnattributed: boolean): McpError {
  return new McpResponseError("refused", { rpcCode, rpcMessage: "no", status, isUnattributed });
}

const auth = (code: "AUTH_REQUIRED" | "INSUFFICIENT_SCOPE"): McpError =>
  new McpAuthError(code, "refused", { status: code === "AUTH_REQUIRED" ? 401 : 403 });

describe("which failures say that the session is unknown, and which may mean it", () => {
  test.each<[string, McpError, Refusal]>([
    ["404", http(404), "unknown"],
    ["400", http(400), "suspect"],
    ["401", auth("AUTH_REQUIRED"), "suspect"],
    ["403", http(403), "suspect"],
    ["403 with a scope", auth("INSUFFICIENT_SCOPE"), "none"],
    ["409", http(409), "suspect"],
    ["410", http(410), "suspect"],
    ["413, about the request's size", http(413), "none"],
    ["429, about the load", http(429), "none"],
    ["500", http(500), "suspect"],
    ["502", http(502), "none"],
    ["503", http(503), "none"],
    ["504", http(504), "none"],
    ["404 with an error without the id", answered(404, -32001, true), "unknown"],
    ["404 with an error with the id", answered(404, -32001, false), "suspect"],
    ["404 with -32601, without the id", answered(404, -32601, true), "none"],
    ["404 with -32601, with the id", answered(404, -32601, false), "none"],
    ["400 with -32000, without the id", answered(400, -32000, true), "unknown"],
    ["400 with -32000, with the id", answered(400, -32000, false), "suspect"],
    ["400 with -32602, without the id", answered(400, -32602, true), "suspect"],
    ["200 with -32000", answered(undefined, -32000, false), "suspect"],
    ["200 with -32600", answered(undefined, -32600, false), "suspect"],
    ["200 with -32603", answered(undefined, -32603, false), "suspect"],
    ["200 with -32601", answered(undefined, -32601, false), "none"],
    ["200 with -32602", answered(undefined, -32602, false), "none"],
    ["200 with -32042, a URL to visit", answered(undefined, -32042, false), "none"],
    ["a lost connection", new McpConnectionError("CONNECTION_LOST", "gone"), "none"],
  ])("%s: %#", async (_name, error, refusal) => {
    const { session } = await sessionOver(new FakeHttp(), { sessionId: "one" });
    expect(session.refusalOf(error)).toBe(refusal);
  });

  test("without a session id there is none to forget; a 401 may still be about one tool only", async () => {
    for (const transport of [new FakeHttp(), new FakeDuplex()]) {
      const { session } = await sessionOver(transport);
      expect(session.refusalOf(http(404))).toBe("none");
      expect(session.refusalOf(http(400))).toBe("none");
      expect(session.refusalOf(answered(400, -32000, true))).toBe("none");
      expect(session.refusalOf(answered(undefined, -32000, false))).toBe("none");
      expect(session.refusalOf(auth("AUTH_REQUIRED"))).toBe("suspect");
    }
  });
});

describe("a ping", () => {
  const ping = async (answer: (sent: Sent) => void): Promise<string> => {
    const transport = new FakeHttp();
    const { session } = await sessionOver(transport, { sessionId: "one" });
    transport.script = answer;
    const { signal } = new AbortController();
    return session.ping({ signal }).then(
      ({ kind }) => kind,
      () => "no answer",
    );
  };

  test.each<[string, string, (sent: Sent) => void]>([
    ["a result", "alive", (sent) => sent.reply({})],
    ["-32601", "odd", (sent) => sent.replyError(-32601)],
    ["-32603", "odd", (sent) => sent.replyError(-32603)],
    ["an empty body", "odd", (sent) => sent.fail(new McpProtocolError("", { sent: "yes" }))],
    ["404", "refused", (sent) => sent.fail(http(404))],
    ["401", "refused", (sent) => sent.fail(auth("AUTH_REQUIRED"))],
    ["500 with -32603", "refused", (sent) => sent.fail(answered(500, -32603, false))],
    [
      "200 with an error without the id",
      "refused",
      (sent) => sent.fail(answered(200, -32600, true)),
    ],
    [
      "a lost connection",
      "no answer",
      (sent) => sent.fail(new McpConnectionError("CONNECTION_LOST", "gone")),
    ],
  ])("answered with %s is %s", async (_name, kind, answer) => {
    expect(await ping(answer)).toBe(kind);
  });
});
