import { beforeEach, describe, expect, test, vi } from "vitest";
import { McpError, McpResponseError } from "../../../../src/core/errors.ts";
import type { EraHost, EraRequest } from "../../../../src/eras/era.ts";
import type { ElicitResult } from "../../../../src/spec/types.ts";
import { FakeHttp, rejection } from "../../fakes.ts";
import { LIMITS, NO_HANDLERS, sessionOver } from "../harness.ts";

const REQUIRED = -32042;
const visit = (elicitationId: string, url = "https://example.com/go"): object => ({
  mode: "url",
  message: "Go",
  elicitationId,
  url,
});

let transport: FakeHttp;
let elicitUrl: ReturnType<typeof vi.fn<() => ElicitResult | Promise<ElicitResult>>>;
/** How often the server insists before it answers. */
let insists: number;
let data: unknown;

beforeEach(() => {
  transport = new FakeHttp();
  elicitUrl = vi.fn(() => ({ action: "accept" as const }));
  insists = 1;
  data = { elicitations: [visit("e1")] };
  transport.script = (sent) => {
    if (sent.method !== "tools/call") return;
    if (insists-- > 0) sent.replyError(REQUIRED, "visit first", data);
    else sent.reply({ content: [] });
  };
});

async function call(
  options: Partial<EraRequest> = {},
  host: Partial<EraHost> & { version?: string } = {},
) {
  const handlers = { ...NO_HANDLERS, elicitUrl };
  const era = await sessionOver(transport, { handlers, ...host });
  const params = { name: "t" };
  const answer = era.session.request({ method: "tools/call", params, limits: LIMITS, ...options });
  answer.catch(() => {});
  return { ...era, answer };
}

const complete = (elicitationId: unknown): void =>
  transport.push({
    jsonrpc: "2.0",
    method: "notifications/elicitation/complete",
    params: { elicitationId },
  });

const calls = (): number => transport.of("tools/call").length;

describe("error -32042 (7.22, 7.23)", () => {
  test("the person is asked, completion awaited, and the same call repeated with another id", async () => {
    const { clock, answer } = await call({ id: "mine" });
    await clock.run(500);
    expect(elicitUrl).toHaveBeenCalledTimes(1);
    expect(calls()).toBe(1);
    complete("someone else");
    complete(5);
    await clock.run(0);
    expect(calls()).toBe(1);
    complete("e1");
    expect(await answer).toEqual({ content: [] });
    const [first, second] = transport.of("tools/call");
    expect(second?.params).toEqual(first?.params);
    expect(second?.id).not.toBe(first?.id);
    expect(clock.armedCount).toBe(0);
    complete("e1");
  });

  test("a server that never reports completion is asked again after the silence limit", async () => {
    const { clock, answer } = await call();
    await clock.run(LIMITS.silenceMs - 1);
    expect(calls()).toBe(1);
    await clock.run(1);
    expect(await answer).toEqual({ content: [] });
  });

  test("completion that overtakes the person's consent counts", async () => {
    let consent: (result: ElicitResult) => void = () => {};
    elicitUrl.mockImplementation(() => new Promise((resolve) => (consent = resolve)));
    const { clock, answer } = await call();
    await clock.run(0);
    complete("e1");
    consent({ action: "accept" });
    expect(await answer).toEqual({ content: [] });
    expect(clock.armedCount).toBe(0);
  });

  test("several URLs: one after the other, all of them", async () => {
    data = { elicitations: [visit("e1"), visit("e2")] };
    const { clock, answer } = await call();
    await clock.run(0);
    expect(elicitUrl).toHaveBeenCalledTimes(1);
    complete("e1");
    await clock.run(0);
    expect(elicitUrl).toHaveBeenCalledTimes(2);
    complete("e2");
    await answer;
    expect(calls()).toBe(2);
  });

  test.each(["decline", "cancel"] as const)(
    "%s: the server's own error, no repetition",
    async (action) => {
      elicitUrl.mockReturnValue({ action });
      const { clock, answer } = await call();
      const error = await rejection(answer);
      expect(error).toBeInstanceOf(McpResponseError);
      expect(error).toMatchObject({ rpcCode: REQUIRED });
      expect(calls()).toBe(1);
      expect(clock.armedCount).toBe(0);
    },
  );

  test("a server that insists for ever is given up after three rounds", async () => {
    insists = Infinity;
    const { clock, answer } = await call();
    await clock.run(LIMITS.totalMs * 5);
    expect(await rejection(answer)).toMatchObject({ rpcCode: REQUIRED });
    expect(elicitUrl).toHaveBeenCalledTimes(3);
    expect(calls()).toBe(4);
    expect(clock.armedCount).toBe(0);
  });

  test.each<[string, unknown]>([
    ["no data", undefined],
    ["an empty list", { elicitations: [] }],
    ["no list", { elicitations: "e1" }],
    ["an entry without an id", { elicitations: [visit("e1"), { url: "https://example.com" }] }],
    ["an entry that is null", { elicitations: [null] }],
  ])("%s: an error like any other", async (_, given) => {
    data = given;
    const { answer } = await call();
    expect(await rejection(answer)).toMatchObject({ rpcCode: REQUIRED });
    expect(elicitUrl).not.toHaveBeenCalled();
  });

  test("without a handler, or on an older revision, an error like any other", async () => {
    const without = await call({}, { handlers: NO_HANDLERS });
    expect(await rejection(without.answer)).toMatchObject({ rpcCode: REQUIRED });
    transport = Object.assign(new FakeHttp(), { script: transport.script });
    insists = 1;
    const older = await call({}, { version: "2025-06-18" });
    expect(await rejection(older.answer)).toMatchObject({ rpcCode: REQUIRED });
    expect(elicitUrl).not.toHaveBeenCalled();
  });

  test("a URL that may not be shown: nobody sees it, and the error is one of this package (7.21)", async () => {
    data = { elicitations: [visit("e1", "javascript:alert(1)")] };
    const { clock, answer } = await call();
    const error = await rejection(answer);
    expect(elicitUrl).not.toHaveBeenCalled();
    expect(calls()).toBe(1);
    expect(clock.armedCount).toBe(0);
    expect(error).toBeInstanceOf(McpError);
  });
});

describe("limits and will", () => {
  test("an abort while the person is away ends it, with its reason, and tells the handler", async () => {
    let heard: AbortSignal | undefined;
    elicitUrl.mockImplementation((...args: unknown[]) => {
      heard = (args[1] as { signal: AbortSignal }).signal;
      return { action: "accept" };
    });
    const controller = new AbortController();
    const { clock, answer } = await call({ signal: controller.signal });
    await clock.run(10);
    const reason = new Error("enough");
    controller.abort(reason);
    expect(await rejection(answer)).toBe(reason);
    expect(heard?.aborted).toBe(true);
    expect(calls()).toBe(1);
    expect(clock.armedCount).toBe(0);
  });

  test("an abort is heard even if the handler is deaf", async () => {
    elicitUrl.mockImplementation(() => new Promise(() => {}));
    const controller = new AbortController();
    const { clock, answer } = await call({ signal: controller.signal });
    await clock.run(10);
    const reason = new Error("enough");
    controller.abort(reason);
    await clock.run(0);
    expect(await Promise.race([rejection(answer), clock.run(0).then(() => "still waiting")])).toBe(
      reason,
    );
  });

  test("the total limit holds over the person's time and the repetition (8.22)", async () => {
    let consent: (result: ElicitResult) => void = () => {};
    elicitUrl.mockImplementation(() => new Promise((resolve) => (consent = resolve)));
    const { clock, answer } = await call();
    await clock.run(LIMITS.totalMs - 100);
    transport.script = () => {};
    complete("e1");
    consent({ action: "accept" });
    await clock.run(100);
    const outcome = await Promise.race([
      rejection(answer),
      clock.run(0).then(() => "still waiting"),
    ]);
    expect(outcome).toMatchObject({ code: "TIMEOUT", limit: "total" });
  });

  test("a person who never answers does not outlast the total limit (8.22)", async () => {
    elicitUrl.mockImplementation(() => new Promise(() => {}));
    const { clock, answer } = await call();
    await clock.run(LIMITS.totalMs);
    const outcome = await Promise.race([
      rejection(answer),
      clock.run(0).then(() => "still waiting"),
    ]);
    expect(outcome).toMatchObject({ code: "TIMEOUT", limit: "total" });
  });

  test("a tool that must be a task is one again when repeated (12.14)", async () => {
    const tool = { name: "t", inputSchema: {}, execution: { taskSupport: "required" as const } };
    const { clock, answer } = await call({ tool }, {
      capabilities: { tasks: { requests: { tools: { call: {} } } } },
    } as Partial<EraHost>);
    await clock.run(0);
    complete("e1");
    await answer;
    expect(transport.of("tools/call").map((sent) => "task" in sent.params)).toEqual([true, true]);
  });
});
