// The scripted stateless server itself: every breach of the revision is recorded and refused.

import { describe, expect, test } from "vitest";
import { call, json, post, server, startWithEachTest } from "./raw-client.ts";
import type { Change, Json } from "./raw-client.ts";

startWithEachTest();

describe("a breach is recorded and refused", () => {
  const version = "io.modelcontextprotocol/protocolVersion";
  const capabilities = "io.modelcontextprotocol/clientCapabilities";
  const cases: ReadonlyArray<[string, Change, number, number | undefined, string]> = [
    ["GET", { verb: "GET" }, 405, undefined, "only POST"],
    ["DELETE", { verb: "DELETE" }, 405, undefined, "only POST"],
    ["one media type", { headers: { accept: "application/json" } }, 406, -32600, "Accept"],
    ["no JSON type", { headers: { "content-type": "text/plain" } }, 415, -32600, "Content-Type"],
    ["a foreign origin", { headers: { origin: "http://evil.test" } }, 403, -32600, "Origin"],
    ["no JSON", { text: "{" }, 400, -32700, "no JSON"],
    ["a batch", { text: "[]" }, 400, -32600, "no JSON-RPC object"],
    ["a response", { body: { method: undefined, result: {} } }, 400, -32600, "a response"],
    ["a null id", { body: { id: null } }, 400, -32600, "the id"],
    ["a fractional id", { body: { id: 1.5 } }, 400, -32600, "the id"],
    ["no version", { headers: { "mcp-protocol-version": undefined } }, 400, -32020, "is missing"],
    ["another version", { headers: { "mcp-protocol-version": "2027-01-01" } }, 400, -32020, "not"],
    ["a session's version", { meta: { [version]: "2025-11-25" } }, 400, -32020, "is not that"],
    ["no envelope", { body: { params: {} } }, 400, -32602, "_meta is missing"],
    ["no version in _meta", { meta: { [version]: undefined } }, 400, -32602, "protocolVersion"],
    ["no capabilities", { meta: { [capabilities]: undefined } }, 400, -32602, "clientCapabilities"],
    ["odd capabilities", { meta: { [capabilities]: { roots: true } } }, 400, -32602, "roots"],
    [
      "an odd log level",
      { meta: { "io.modelcontextprotocol/logLevel": "loud" } },
      400,
      -32602,
      "l",
    ],
    ["no method header", { headers: { "mcp-method": undefined } }, 400, -32020, "Mcp-Method"],
    ["another method", { headers: { "mcp-method": "Tools/call" } }, 400, -32020, "Mcp-Method"],
    ["no name header", { headers: { "mcp-name": undefined } }, 400, -32020, "Mcp-Name"],
    ["another name", { headers: { "mcp-name": "ECHO" } }, 400, -32020, "Mcp-Name"],
    ["a raw name", { headers: { "mcp-name": "öcho" } }, 400, -32020, "malformed"],
    ["odd Base64", { headers: { "mcp-name": "=?base64?ZWNobw?=" } }, 400, -32020, "malformed"],
  ];

  test.each(cases)("%s", async (_name, change, status, code, violation) => {
    const response = await call("echo", {}, change);
    expect(response.status).toBe(status);
    if (code !== undefined) expect(await response.json()).toMatchObject({ error: { code } });
    expect(server.violations).toEqual([expect.stringContaining(violation)]);
    expect(server.executionCount("echo")).toBe(0);
  });

  const served: ReadonlyArray<[string, Change, string]> = [
    ["a session id", { headers: { "mcp-session-id": "x" } }, "Mcp-Session-Id"],
    ["a resumption", { headers: { "last-event-id": "x" } }, "Last-Event-ID"],
    ["no client info", { meta: { "io.modelcontextprotocol/clientInfo": undefined } }, "clientInfo"],
    ["a mirrored parameter", { headers: { "mcp-param-key": "x" } }, "mcp-param-key"],
  ];

  test.each(served)("or recorded and ignored: %s", async (_name, change, violation) => {
    await json(post("tools/list"));
    expect((await call("echo", {}, change)).status).toBe(200);
    expect(server.violations).toEqual([expect.stringContaining(violation)]);
  });

  const params: ReadonlyArray<[string, Json, Record<string, string>, string]> = [
    ["a missing one", { region: "a" }, {}, "region is missing"],
    ["another value", { count: 42 }, { "mcp-param-count": "43" }, "count 43 is not 42"],
    ["an odd boolean", { deep: { on: true } }, { "mcp-param-on": "True" }, "on True"],
    ["one too many", { region: null }, { "mcp-param-region": "null" }, "without an argument"],
    ["a raw tab", { region: "a\tb" }, { "mcp-param-region": "a\tb" }, "malformed"],
  ];

  test.each(params)("parameter headers: %s", async (_name, args, headers, violation) => {
    await json(post("tools/list"));
    const response = await call("annotated", args, { headers });
    expect(await response.json()).toMatchObject({ error: { code: -32020 } });
    expect(server.violations).toEqual([expect.stringContaining(violation)]);
    expect(server.executionCount("annotated")).toBe(0);
  });

  test("names, methods and notifications that do not belong here", async () => {
    await json(post("tools/list", {}, { headers: { "mcp-name": "x" } }));
    await json(call("invalid", { a: 1 }));
    expect((await post("ping")).status).toBe(404);
    const cancelled = { id: undefined, method: "notifications/cancelled" };
    const headers = { "mcp-method": "notifications/cancelled" };
    expect((await post("", {}, { body: cancelled, headers })).status).toBe(202);
    expect(server.violations).toEqual([
      expect.stringContaining("Mcp-Name was sent"),
      expect.stringContaining("invalid x-mcp-header"),
      expect.stringContaining("no method of this revision"),
      expect.stringContaining("notifications/cancelled"),
    ]);
  });

  test("ids and progress tokens used twice", async () => {
    const body = { id: "twice" };
    await json(post("tools/list", {}, { body }));
    server.newClient();
    await json(post("tools/list", {}, { body }));
    expect(server.violations).toEqual([]);
    await json(post("tools/list", {}, { body }));
    const hold = server.hold("tools/list");
    const meta = { progressToken: 1 };
    const first = post("tools/list", {}, { body: { id: "held" }, meta });
    await server.until(() => hold.waiting === 1);
    const second = post("tools/list", {}, { body: { id: "held" }, meta });
    await server.until(() => hold.waiting === 2);
    hold.release();
    await Promise.all([json(first), json(second)]);
    expect(server.violations).toEqual([
      expect.stringContaining('"twice" was used before'),
      expect.stringContaining('"held" is outstanding'),
      expect.stringContaining("progressToken 1"),
    ]);
  });

  test("retries that are not those of what was asked (7.27)", async () => {
    const inputResponses = { q: { action: "accept", content: { answer: "me" } } };
    const retry = (change: Json): Promise<Json> =>
      json(post("tools/call", { name: "ask", arguments: {}, inputResponses, ...change }));
    expect(await json(call("ask"))).toMatchObject({ result: { resultType: "input_required" } });
    await retry({ requestState: "s2" });
    await retry({ requestState: "s1", arguments: { other: 1 } });
    await retry({ requestState: "s1", inputResponses: { p: {} } });
    expect(await retry({ requestState: "s1" })).toMatchObject({
      result: { content: [{ text: JSON.stringify(inputResponses) }] },
    });
    await retry({ requestState: "s1" });
    await json(post("tools/list", { requestState: "s1" }));
    expect(server.violations).toEqual([
      expect.stringContaining('"s2" was never given out'),
      expect.stringContaining("differs from its request"),
      expect.stringContaining("not for what was asked"),
      expect.stringContaining("sent once more"),
      expect.stringContaining("on tools/list"),
    ]);
    expect(server.questionCount("ask")).toBe(1);
  });
});
