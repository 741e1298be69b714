// The scripted stateless server itself: how it answers, fails on order, pushes, keeps tasks, and changes its era.

import { describe, expect, test } from "vitest";
import { elicit, toolCall, unsupportedVersion } from "../../support/stateless-server.ts";
import {
  call,
  json,
  lastId,
  messages,
  next,
  post,
  server,
  startWithEachTest,
} from "./raw-client.ts";
import type { Json } from "./raw-client.ts";

startWithEachTest();

describe("a conforming client", () => {
  test("is answered in full and breaks nothing", async () => {
    expect(await json(post("server/discover"))).toMatchObject({
      result: {
        resultType: "complete",
        supportedVersions: ["2026-07-28"],
        ttlMs: 0,
        cacheScope: "private",
        _meta: { "io.modelcontextprotocol/serverInfo": { name: "test-stateless-server" } },
      },
    });
    await json(post("tools/list"));
    const headers = {
      "mcp-param-region": "=?base64?w7xi?=",
      "mcp-param-count": "42.0",
      "mcp-param-on": "false",
    };
    await json(call("annotated", { region: "üb", count: 42, deep: { on: false } }, { headers }));
    await json(call("annotated", { region: null }));
    const name = `=?base64?${Buffer.from("test://ä").toString("base64")}?=`;
    expect(
      await json(post("resources/read", { uri: "test://ä" }, { headers: { "mcp-name": name } })),
    ).toMatchObject({ result: { contents: [{ text: "hi" }] } });
    expect(server.executionCount("annotated")).toBe(2);
    expect((await call("nonesuch")).status).toBe(200);
    expect(server.violations).toEqual([]);
  });

  test("is told of an unknown method with 404, of an unserved version with 400", async () => {
    const unknown = await post("no/such");
    expect(unknown.status).toBe(404);
    expect(await unknown.json()).toMatchObject({ error: { code: -32601 } });
    const meta = { "io.modelcontextprotocol/protocolVersion": "2027-01-01" };
    const headers = { "mcp-protocol-version": "2027-01-01" };
    expect(await json(post("tools/list", {}, { meta, headers }))).toMatchObject({
      error: { code: -32022, data: { supported: ["2026-07-28"], requested: "2027-01-01" } },
    });
    expect(server.violations).toEqual([]);
  });

  test("whose schema is out of date is refused without a reproach, then reproached", async () => {
    const response = await call("annotated", { region: "x" });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error: { code: -32020 } });
    expect(server.violations).toEqual([]);
    await json(post("tools/list"));
    await json(call("annotated", { region: "x" }));
    expect(server.violations).toEqual([expect.stringContaining("mcp-param-region is missing")]);
  });
});

describe("faults on order", () => {
  test("a refusal does not execute; a cut after the execution does", async () => {
    server.reject("tools/call", unsupportedVersion(["2026-07-28"]));
    expect(await json(call("echo"))).toMatchObject({
      error: { code: -32022, data: { requested: "2026-07-28" } },
    });
    expect(server.executionCount("echo")).toBe(0);
    server.cut(toolCall("echo", "k"), "execution");
    await expect(call("echo", { key: "k" })).rejects.toThrow();
    expect(server.executionCount("echo", "k")).toBe(0);
    for (const stage of ["stream", "event"] as const) {
      server.cut("tools/call", stage);
      const response = await call("echo", { key: stage });
      expect(response.headers.get("content-type")).toBe("text/event-stream");
      await expect(response.text()).rejects.toThrow();
      expect(server.executionCount("echo", stage)).toBe(1);
    }
    expect(server.cancelled).toEqual([]);
    expect(await json(call("echo", { key: "k" }))).toMatchObject({ result: {} });
    expect(server.violations).toEqual([]);
  });

  test("a stream that the client closes is a cancellation (4.10)", async () => {
    const abort = new AbortController();
    const meta = { progressToken: "p" };
    const response = await call("slow", {}, { meta, signal: abort.signal });
    expect(await next(messages(response))).toMatchObject({
      method: "notifications/progress",
      params: { progressToken: "p", progress: 1, total: 2 },
    });
    abort.abort();
    await server.until(() => server.resultCount("slow") === 1);
    expect(server.cancelled).toEqual([{ method: "tools/call", id: lastId, name: "slow" }]);
  });

  test("a restart keeps port, counters and records", async () => {
    const { href } = server.url;
    await json(call("echo"));
    const hold = server.hold("tools/call");
    const lost = call("echo");
    await server.until(() => hold.waiting === 1);
    await server.restart();
    await expect(lost).rejects.toThrow();
    hold.release();
    expect(server.url.href).toBe(href);
    await json(call("echo"));
    expect(server.executionCount("echo")).toBe(3);
    expect(server.cancelled).toEqual([]);
  });
});

test("subscriptions: acknowledged, tagged, filtered, ended in either way (8.31, 8.32, 8.34)", async () => {
  const notifications = {
    toolsListChanged: true,
    promptsListChanged: true,
    resourceSubscriptions: ["test://a"],
  };
  const id = "sub";
  const response = await post("subscriptions/listen", { notifications }, { body: { id } });
  const stream = messages(response);
  const tagged = { _meta: { "io.modelcontextprotocol/subscriptionId": id } };
  expect(await next(stream)).toMatchObject({
    method: "notifications/subscriptions/acknowledged",
    params: {
      ...tagged,
      notifications: { toolsListChanged: true, resourceSubscriptions: ["test://a"] },
    },
  });
  expect(server.notifyResourceUpdated("test://b")).toBe(0);
  expect(server.notifyResourceUpdated("test://a/1")).toBe(1);
  expect(await next(stream)).toMatchObject({ params: { uri: "test://a/1", ...tagged } });
  expect(server.changeTools({ only: {} })).toBe(1);
  expect(await next(stream)).toMatchObject({ method: "notifications/tools/list_changed" });
  server.endSubscriptions("graceful");
  expect(await next(stream)).toEqual({
    jsonrpc: "2.0",
    id,
    result: { resultType: "complete", ...tagged },
  });
  expect(await stream.next()).toMatchObject({ done: true });

  const abrupt = messages(await post("subscriptions/listen", { notifications }));
  await abrupt.next();
  expect(server.subscriptions).toHaveLength(1);
  server.endSubscriptions("abrupt");
  await expect(abrupt.next()).rejects.toThrow();
  expect(server.allSubscriptions.map(({ ended }) => ended)).toEqual(["graceful", "abrupt"]);
  expect(server.violations).toEqual([]);
});

test("tasks: made, asked, answered, completed, cancelled; only with the extension (12.1)", async () => {
  const bare = { "io.modelcontextprotocol/clientCapabilities": {} };
  expect(await json(call("task", {}, { meta: bare }))).toMatchObject({
    error: {
      code: -32021,
      data: { requiredCapabilities: { extensions: { "io.modelcontextprotocol/tasks": {} } } },
    },
  });
  expect(await json(call("needy"))).toMatchObject({
    error: { code: -32021, data: { requiredCapabilities: { elicitation: {} } } },
  });
  server.tasks.forget("t 1");
  const task = server.tasks.createTask({ taskId: "t2", onCancel: "ignore" });
  const ask = (method: string, params: Json = {}): Promise<Json> =>
    json(post(method, { taskId: "t2", ...params }));
  expect(await ask("tasks/get")).toMatchObject({
    result: { resultType: "complete", taskId: "t2", status: "working", ttlMs: null },
  });
  task.requireInput({ q: elicit("Who?") });
  expect(await ask("tasks/get")).toMatchObject({
    result: { status: "input_required", inputRequests: { q: { method: "elicitation/create" } } },
  });
  expect(await ask("tasks/cancel")).toMatchObject({ result: { resultType: "complete" } });
  await ask("tasks/update", { inputResponses: { q: { action: "decline" } } });
  expect(task.status).toBe("working");
  task.complete({ content: [] });
  expect(await ask("tasks/get")).toMatchObject({ result: { status: "completed", result: {} } });
  expect([task.getCount, task.updateCount, task.cancelCount]).toEqual([3, 1, 1]);
  expect(await json(post("tasks/get", { taskId: "t 1" }))).toMatchObject({
    error: { code: -32602 },
  });
  expect(server.violations).toEqual([]);
  await ask("tasks/update", { inputResponses: { never: {} } });
  expect(server.violations).toEqual([expect.stringContaining("never asked: never")]);
});

describe("eras", () => {
  const session = { headers: { "mcp-protocol-version": undefined, "mcp-method": undefined } };
  const initialize = (): Promise<Response> =>
    post(
      "",
      {},
      { ...session, body: { method: "initialize", params: { protocolVersion: "2025-11-25" } } },
    );
  const inSession = (id: string, method: string, params: Json = {}): Promise<Response> => {
    const headers = { "mcp-protocol-version": "2025-11-25", "mcp-session-id": id };
    const change = { headers: { ...headers, "mcp-method": undefined }, body: { method, params } };
    return post("", {}, change);
  };

  test("both at once, with one counter; then one of them alone", async () => {
    server.setEra("both");
    const opened = await initialize();
    const id = opened.headers.get("mcp-session-id") ?? "";
    expect(await opened.json()).toMatchObject({ result: { protocolVersion: "2025-11-25" } });
    expect(await json(inSession(id, "tools/call", { name: "echo" }))).toMatchObject({
      result: { content: [{ text: "{}" }] },
    });
    await json(call("echo"));
    expect(server.executionCount("echo")).toBe(2);
    expect(await json(post("server/discover"))).toMatchObject({
      result: { supportedVersions: ["2026-07-28", "2025-11-25"] },
    });

    server.setEra("stateless");
    const refused = await inSession(id, "tools/list");
    expect(refused.status).toBe(400);
    expect(await refused.json()).toMatchObject({
      error: { code: -32022, data: { supported: ["2026-07-28"], requested: "2025-11-25" } },
    });
    expect((await initialize()).status).toBe(400);

    server.setEra("sessions");
    const uninitialized = await post("server/discover");
    expect(uninitialized.status).toBe(400);
    expect(await uninitialized.json()).toEqual({
      jsonrpc: "2.0",
      id: null,
      error: { code: -32000, message: "Bad Request: Server not initialized" },
    });
    expect((await inSession(id, "tools/list")).status).toBe(404);
    expect(server.foreign).toHaveLength(3);
    expect(server.violations).toEqual([]);
  });
});
