import { beforeEach, describe, expect, test, vi } from "vitest";
import { McpConnectionError, McpError, McpHttpError } from "../../../../src/core/errors.ts";
import { decideReplay, momentOf } from "../../../../src/connection/replay.ts";
import type { EraRequest } from "../../../../src/eras/era.ts";
import { needsTask } from "../../../../src/eras/2025-11-25/tasks.ts";
import type { Task, Tool } from "../../../../src/spec/types.ts";
import { FakeHttp, rejection } from "../../fakes.ts";
import { LIMITS, sessionOver } from "../harness.ts";
import type { Era } from "../harness.ts";

const CAN = { tasks: { requests: { tools: { call: {} } } } };
const tool = (taskSupport?: "required" | "optional" | "forbidden"): Tool => ({
  name: "t",
  inputSchema: { type: "object" },
  ...(taskSupport === undefined ? {} : { execution: { taskSupport } }),
});

describe("whether a call is a task (12.14)", () => {
  test.each([
    ["required", CAN, true],
    ["optional", CAN, false],
    ["forbidden", CAN, false],
    [undefined, CAN, false],
    ["required", {}, false],
    ["required", { tasks: {} }, false],
    ["required", { tasks: { requests: { tools: {} } } }, false],
  ] as const)("%s, server %j: %s", (support, capabilities, expected) => {
    expect(needsTask(capabilities, tool(support))).toBe(expected);
  });

  test("of a tool that is not known, never", () => {
    expect(needsTask(CAN, undefined)).toBe(false);
  });
});

describe("a call as a task", () => {
  let transport: FakeHttp;
  /** What `tasks/get` answers, one after the other; the last again and again. */
  let statuses: Partial<Task>[];
  let first: object;

  beforeEach(() => {
    transport = new FakeHttp();
    statuses = [{ status: "completed" }];
    first = { task: task({ status: "working", pollInterval: 100 }) };
    transport.script = (sent) => {
      if (sent.method === "tools/call") return sent.reply(first);
      if (sent.method === "tasks/result") return sent.reply({ content: [], _meta: { done: true } });
      if (sent.method === "tasks/cancel") return sent.reply(task({ status: "cancelled" }));
      if (sent.method !== "tasks/get") return;
      return sent.reply(task((statuses.length > 1 ? statuses.shift() : statuses[0]) ?? {}));
    };
  });

  function task(given: Partial<Task>): Task {
    return {
      taskId: "t1",
      status: "working",
      createdAt: "2026-01-01T00:00:00Z",
      lastUpdatedAt: "2026-01-01T00:00:00Z",
      ttl: null,
      pollInterval: 100,
      ...given,
    };
  }

  async function call(
    options: Partial<EraRequest> = {},
  ): Promise<Era & { answer: Promise<object> }> {
    const era = await sessionOver(transport, { capabilities: CAN, sessionId: "s1" });
    const answer = era.session.request({
      method: "tools/call",
      params: { name: "t", arguments: { a: 1 } },
      tool: tool("required"),
      limits: LIMITS,
      ...options,
    });
    answer.catch(() => {});
    return { ...era, answer };
  }

  const count = (method: string): number => transport.of(method).length;

  test("is created with a ttl, polled at its interval, fetched once (12.15, 12.16)", async () => {
    statuses = [{ status: "working" }, { status: "working" }, { status: "completed" }];
    const { clock, answer } = await call();
    await clock.run(0);
    expect(transport.last("tools/call").params).toEqual({
      name: "t",
      arguments: { a: 1 },
      // It outlives its caller, or it could not be cancelled.
      task: { ttl: LIMITS.totalMs + 60_000 },
    });
    await clock.run(99);
    expect(count("tasks/get")).toBe(0);
    await clock.run(1);
    expect(count("tasks/get")).toBe(1);
    await clock.run(200);
    expect(await answer).toEqual({ content: [], _meta: { done: true } });
    expect([count("tools/call"), count("tasks/get"), count("tasks/result")]).toEqual([1, 3, 1]);
    // The parameter is authoritative; no related-task on these (12.18).
    expect(transport.last("tasks/get").params).toEqual({ taskId: "t1" });
    expect(transport.last("tasks/result").params).toEqual({ taskId: "t1" });
    expect(clock.armedCount).toBe(0);
  });

  test("a server that answers at once instead is believed", async () => {
    first = { content: [{ type: "text", text: "now" }] };
    const { answer } = await call();
    expect(await answer).toEqual(first);
    expect(count("tasks/get")).toBe(0);
  });

  test.each(["failed", "completed", "cancelled", "input_required"] as const)(
    "%s: the result is fetched, whatever it is (12.17, 12.20)",
    async (status) => {
      statuses = [{ status }];
      const { clock, answer } = await call();
      await clock.run(100);
      expect(await answer).toMatchObject({ _meta: { done: true } });
    },
  );

  test("already input_required when created: fetched at once, without a poll (12.17)", async () => {
    first = { task: task({ status: "input_required" }) };
    const { answer } = await call();
    await answer;
    expect(count("tasks/get")).toBe(0);
  });

  test("an error as the task's result is the call's own error (12.16)", async () => {
    const { script } = transport;
    transport.script = (sent) =>
      sent.method === "tasks/result" ? sent.replyError(-32602, "unknown tool") : script(sent);
    const { clock, answer } = await call();
    await clock.run(100);
    expect(await rejection(answer)).toMatchObject({ code: "RESPONSE_ERROR", rpcCode: -32602 });
    expect(count("tasks/cancel")).toBe(0);
  });

  test.each([
    [0, 50],
    [-1, 50],
    [undefined, 1_000],
    [86_400_000, 30_000],
  ])("a pollInterval of %j is bounded to %d ms", async (pollInterval, expected) => {
    const { pollInterval: _, ...rest } = task({});
    first = { task: pollInterval === undefined ? rest : { ...rest, pollInterval } };
    const { clock } = await call({ limits: { silenceMs: 100_000, totalMs: 100_000 } });
    await clock.run(0);
    expect(clock.dueIn).toEqual([expected]);
  });

  test("progress goes on under the call's token until the end (8.20)", async () => {
    const onProgress = vi.fn();
    statuses = [{ status: "working" }, { status: "completed" }];
    const { clock, answer } = await call({ onProgress, id: "mine" });
    await clock.run(100);
    const report = (progress: number): void =>
      transport.push({
        jsonrpc: "2.0",
        method: "notifications/progress",
        params: { progressToken: "mine", progress },
      });
    report(1);
    await clock.run(100);
    await answer;
    report(2);
    expect(onProgress.mock.calls).toEqual([[{ progress: 1 }]]);
  });

  test("an abort ends it by tasks/cancel, not by notifications/cancelled (8.23, 12.19)", async () => {
    statuses = [{ status: "working" }];
    const controller = new AbortController();
    const { clock, answer } = await call({ signal: controller.signal });
    await clock.run(150);
    const reason = new Error("enough");
    controller.abort(reason);
    expect(await rejection(answer)).toBe(reason);
    await clock.run(60_000);
    expect(transport.of("tasks/cancel").map((sent) => sent.params)).toEqual([{ taskId: "t1" }]);
    expect(count("notifications/cancelled")).toBe(0);
    expect(clock.armedCount).toBe(0);
  });

  test("the total limit holds over creation, polls and result, and cancels the task", async () => {
    statuses = [{ status: "working" }];
    const { clock, answer } = await call();
    await clock.run(LIMITS.totalMs);
    expect(await rejection(answer)).toMatchObject({ code: "TIMEOUT", limit: "total" });
    await clock.run(60_000);
    expect(count("tasks/cancel")).toBe(1);
    expect(clock.armedCount).toBe(0);
  });

  test("tasks/result may be silent for as long as the total limit allows (12.16)", async () => {
    const { script } = transport;
    transport.script = (sent) => (sent.method === "tasks/result" ? undefined : script(sent));
    const { clock, answer } = await call();
    await clock.run(LIMITS.silenceMs * 5);
    transport.last("tasks/result").reply({ content: [] });
    expect(await answer).toEqual({ content: [] });
  });

  describe("once it exists, no failure says that the call may be sent again", () => {
    const failures: [string, () => McpError][] = [
      [
        "tasks/get could not be sent",
        () =>
          new McpConnectionError("CONNECTION_FAILED", "refused", { retryable: true, sent: "no" }),
      ],
      ["tasks/get was throttled", () => new McpHttpError("busy", { status: 429 })],
      ["the session is gone at tasks/get", () => new McpHttpError("gone", { status: 404 })],
    ];

    test.each(failures)("%s", async (_, failure) => {
      const { script } = transport;
      transport.script = (sent) => {
        // From here on nothing that fails has been written.
        if (sent.method === "tools/call") transport.writes = false;
        return sent.method === "tasks/get" ? sent.fail(failure()) : script(sent);
      };
      const era = await sessionOver(transport, { capabilities: CAN, sessionId: "s1" });
      const answer = era.session.request({
        method: "tools/call",
        params: { name: "t" },
        tool: tool("required"),
        limits: LIMITS,
      });
      answer.catch(() => {});
      await era.clock.run(LIMITS.totalMs * 2);
      const error = await answer.catch((caught: unknown) => caught);
      expect(error).toBeInstanceOf(McpError);
      const decision = decideReplay({
        replayClass: "unsafe",
        option: "safe",
        moment: momentOf(error, era.session.refusalOf(error), false),
        replays: 0,
        isSpent: false,
      });
      expect(["fail", "fail-unknown"]).toContain(decision.action);
      expect((error as McpError).sent).not.toBe("no");
    });
  });
});
