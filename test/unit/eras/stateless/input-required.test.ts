import { beforeEach, describe, expect, test, vi } from "vitest";
import { McpInputError, McpProtocolError, McpTimeoutError } from "../../../../src/core/errors.ts";
import {
  answerInputs,
  continuationOf,
  MAX_ROUNDS,
  readDemand,
} from "../../../../src/eras/2026-07-28/input-required.ts";
import type { InputContext } from "../../../../src/eras/2026-07-28/input-required.ts";
import { beginStateless } from "../../../../src/eras/2026-07-28/session.ts";
import type { CallFrame, EraRequest } from "../../../../src/eras/era.ts";
import type { ClientHandlers } from "../../../../src/eras/handlers.ts";
import type { ElicitResult } from "../../../../src/spec/types.ts";
import { settled } from "../../../support/manual-clock.ts";
import { FakeDuplex, FakeHttp, rejection } from "../../fakes.ts";
import { hostOver, LIMITS, NO_HANDLERS } from "../harness.ts";
import type { Era } from "../harness.ts";

const FORM = {
  method: "elicitation/create",
  params: { message: "Who?", requestedSchema: { type: "object", properties: {} } },
};
const ACCEPT = { action: "accept", content: {} } as const;

describe("what a server demands (7.24, 7.25)", () => {
  test.each(["tools/call", "prompts/get", "resources/read"])("7.24 %s may", (method) => {
    expect(readDemand("s", method, { requestState: "s" })).toEqual({ requestState: "s" });
  });

  test.each(["tools/list", "tasks/get", "server/discover", "x/y", "constructor"])(
    "7.24 %s may not",
    (method) => {
      const read = (): unknown => readDemand("s", method, { requestState: "canary" });
      expect(read).toThrow(McpProtocolError);
      expect(read).toThrow(expect.objectContaining({ method, server: "s", sent: "yes" }));
      // Opaque, and nobody else's business (13.9).
      expect(read).not.toThrow(/canary/);
    },
  );

  test.each([
    [{ inputRequests: {} }],
    [{ inputRequests: { q: FORM }, requestState: "" }],
    [{ inputRequests: { q: null } }],
    [{ requestState: "" }],
  ])("7.25 %j is read as it is", (result) => {
    expect(readDemand("s", "tools/call", result)).toEqual({
      inputRequests: undefined,
      requestState: undefined,
      ...result,
    });
  });

  test.each([
    [{}],
    [{ inputRequests: null }],
    [{ inputRequests: [] }],
    [{ inputRequests: "q" }],
    [{ inputRequests: { q: FORM }, requestState: null }],
    [{ requestState: 7 }],
    [{ requestState: ["canary"] }],
  ])("7.25 %j is a violation", (result) => {
    const read = (): unknown => readDemand("s", "tools/call", result);
    expect(read).toThrow(McpProtocolError);
    expect(read).not.toThrow(/canary/);
  });

  test("7.27 what goes along: the state if it was given, the answers if there were questions", () => {
    const demand = (requestState: string | undefined): Parameters<typeof continuationOf>[0] => ({
      inputRequests: undefined,
      requestState,
    });
    expect(continuationOf(demand(undefined), { q: ACCEPT })).toEqual({
      inputResponses: { q: ACCEPT },
    });
    expect(continuationOf(demand(""), undefined)).toEqual({ requestState: "" });
    expect(Object.keys(continuationOf(demand("s"), undefined))).toEqual(["requestState"]);
    expect(Object.keys(continuationOf(demand(undefined), {}))).toEqual(["inputResponses"]);
  });
});

describe("the answers (7.26, 7.29, 7.30)", () => {
  const contextOf = (
    handlers: Partial<ClientHandlers>,
    signal: AbortSignal = new AbortController().signal,
  ): InputContext => {
    return { server: "s", method: "tools/call", handlers: { ...NO_HANDLERS, ...handlers }, signal };
  };

  test("7.26 no question, no answer", async () => {
    expect(await answerInputs(contextOf({}), {})).toEqual({});
  });

  test("7.25 each key has its answer, in the order of the questions, whoever is first", async () => {
    let answer = (_: ElicitResult): void => {};
    const slow = new Promise<ElicitResult>((resolve) => (answer = resolve));
    const elicitForm = vi.fn<() => Promise<ElicitResult>>().mockReturnValueOnce(slow);
    const roots = (): [] => {
      answer(ACCEPT);
      return [];
    };
    const questions = { b: FORM, a: { method: "roots/list" } };
    const answers = await answerInputs(contextOf({ elicitForm, roots }), questions);
    expect(Object.entries(answers)).toEqual([
      ["b", ACCEPT],
      ["a", { roots: [] }],
    ]);
  });

  test("7.30 what was thrown is the cause; the others' signals are aborted with the same", async () => {
    const cause = new Error("no");
    let others: AbortSignal | undefined;
    const handlers: Partial<ClientHandlers> = {
      elicitForm: (_params, { signal }) => {
        others = signal;
        return new Promise(() => {});
      },
      sample: async () => {
        await settled();
        throw cause;
      },
    };
    const sampling = { method: "sampling/createMessage", params: { messages: [], maxTokens: 1 } };
    const error = await rejection(answerInputs(contextOf(handlers), { f: FORM, s: sampling }));
    expect(error).toBeInstanceOf(McpInputError);
    expect(error).toMatchObject({ code: "INPUT_FAILED", cause, sent: "yes", method: "tools/call" });
    expect(others?.aborted).toBe(true);
  });

  test.each(["thrown text", undefined, null, { code: 1 }])(
    "7.30 whatever a handler throws fails the call: %j",
    async (thrown) => {
      const elicitForm = (): never => {
        throw thrown;
      };
      const error = await rejection(answerInputs(contextOf({ elicitForm }), { q: FORM }));
      expect(error).toBeInstanceOf(McpInputError);
      expect(error).toMatchObject({ sent: "yes" });
    },
  );

  test("8.25 a handler that fails because it was aborted: the reason is what counts", async () => {
    const abort = new AbortController();
    const reason = new Error("not needed any more");
    const elicitForm = (_params: object, { signal }: { signal: AbortSignal }): Promise<never> =>
      new Promise((_, reject) =>
        signal.addEventListener("abort", () => reject(new Error("window closed"))),
      );
    const answers = answerInputs(contextOf({ elicitForm }, abort.signal), { q: FORM });
    const outcome = rejection(answers);
    await settled();
    abort.abort(reason);
    expect(await outcome).toBe(reason);
  });

  test("8.25 given up before anybody was asked: nobody is", async () => {
    const abort = new AbortController();
    const reason = new Error("not needed any more");
    const elicitForm = vi.fn<() => ElicitResult>(() => ACCEPT);
    const answers = answerInputs(contextOf({ elicitForm }, abort.signal), { q: FORM });
    abort.abort(reason);
    expect(await rejection(answers)).toBe(reason);
    expect(elicitForm).not.toHaveBeenCalled();
  });

  test.each([
    ["nothing", undefined],
    ["null", null],
    ["text", "elicitation/create"],
    ["a number", 7],
    ["no method", {}],
    ["a method that is no text", { method: ["roots/list"] }],
    ["an unknown method", { method: "toString" }],
    ["no parameters", { method: "elicitation/create" }],
    ["parameters that are null", { method: "sampling/createMessage", params: null }],
  ])("7.25, 7.29 %s is a violation", async (_what, question) => {
    const unasked = (): never => expect.fail("was not to be asked");
    const handlers = { elicitForm: unasked, elicitUrl: unasked, sample: unasked, roots: unasked };
    const error = await rejection(answerInputs(contextOf(handlers), { q: question }));
    expect(error).toBeInstanceOf(McpProtocolError);
  });
});

describe.each([
  ["exchange", () => new FakeHttp()],
  ["duplex", () => new FakeDuplex()],
])("a call over several requests (%s)", (_channel, make) => {
  let transport: FakeHttp | FakeDuplex;
  let era: Era;
  let elicitForm: ReturnType<typeof vi.fn<() => ElicitResult | Promise<ElicitResult>>>;
  /** What `tools/call` is answered with, one after the other; the last again and again. */
  let answers: object[];

  beforeEach(async () => {
    transport = make();
    elicitForm = vi.fn<() => ElicitResult>(() => ACCEPT);
    era = await hostOver(transport, { handlers: { ...NO_HANDLERS, elicitForm } });
    answers = [{ content: [] }];
    transport.script = () => (answers.length > 1 ? answers.shift() : answers[0]);
  });

  async function call(options: Partial<EraRequest> = {}): Promise<{ result: Promise<object> }> {
    const discovered = { supportedVersions: ["2026-07-28"], capabilities: {} };
    const { signal } = new AbortController();
    const session = await beginStateless(era.host, "2026-07-28", discovered, signal);
    const params = { name: "t", arguments: {} };
    const result = session.request({ method: "tools/call", params, limits: LIMITS, ...options });
    result.catch(() => {});
    return { result };
  }

  const idle = (requestState: string): object => ({ resultType: "input_required", requestState });
  const asks = { resultType: "input_required", inputRequests: { q: FORM } };
  const count = (): number => transport.of("tools/call").length;

  test("7.26 a state alone is sent back after 250 ms, each time", async () => {
    answers = [idle("a"), idle("b"), { content: [] }];
    const { result } = await call();
    await era.clock.run(249);
    expect(count()).toBe(1);
    await era.clock.run(1);
    expect([count(), transport.last("tools/call").params["requestState"]]).toEqual([2, "a"]);
    await era.clock.run(249);
    expect(count()).toBe(2);
    await era.clock.run(1);
    expect([count(), transport.last("tools/call").params["requestState"]]).toEqual([3, "b"]);
    expect(await result).toEqual({ content: [] });
    expect(era.clock.armedCount).toBe(0);
  });

  test("7.30 there are ten rounds of any kind", async () => {
    answers = [idle("a"), asks, idle("again")];
    const { result } = await call();
    await era.clock.run(9_999);
    expect(await rejection(result)).toMatchObject({ code: "LIMIT_EXCEEDED", sent: "yes" });
    expect(count()).toBe(MAX_ROUNDS + 1);
    expect(era.clock.armedCount).toBe(0);
  });

  test("8.22 when the time is up between two requests, no other is sent", async () => {
    answers = [idle("again")];
    const { result } = await call({ limits: { silenceMs: 1_000, totalMs: 600 } });
    await era.clock.run(700);
    const error = await rejection(result);
    expect(error).toBeInstanceOf(McpTimeoutError);
    expect(error).toMatchObject({ limit: "total", timeoutMs: 600, sent: "yes" });
    expect(transport.of("tools/call").map(({ params }) => params["requestState"])).toEqual([
      undefined,
      "again",
      "again",
    ]);
    expect(era.clock.armedCount).toBe(0);
  });

  test("8.22 the total is said as it was given, whichever request it ends", async () => {
    transport.script = () => (count() === 1 ? asks : undefined);
    let answer = (_: ElicitResult): void => {};
    elicitForm.mockImplementation(() => new Promise((resolve) => (answer = resolve)));
    const { result } = await call({ limits: { silenceMs: 1_000, totalMs: 900 } });
    await era.clock.run(400);
    answer(ACCEPT);
    await era.clock.run(499);
    expect([count(), era.clock.armedCount]).toEqual([2, 1]);
    await era.clock.run(1);
    const error = await rejection(result);
    expect(error).toBeInstanceOf(McpTimeoutError);
    expect(error).toMatchObject({ limit: "total", timeoutMs: 900 });
    expect(transport.last("tools/call").closed).toBe(true);
  });

  test("8.25 an abort in the pause ends it", async () => {
    answers = [idle("again")];
    const abort = new AbortController();
    const { result } = await call({ signal: abort.signal });
    await era.clock.run(100);
    const reason = new Error("not needed any more");
    abort.abort(reason);
    expect(await rejection(result)).toBe(reason);
    await era.clock.run(1_000);
    expect(count()).toBe(1);
    expect(era.clock.armedCount).toBe(0);
  });

  test("7.27, 7.28 the frame holds what goes along, until the call has ended", async () => {
    answers = [{ ...asks, requestState: "s" }];
    transport.script = () => (count() === 1 ? answers[0] : undefined);
    const onContinued = vi.fn<() => void>();
    const frame: CallFrame = { onContinued };
    const { result } = await call({ frame });
    await era.clock.run(0);
    expect(count()).toBe(2);
    expect(frame.continuation).toEqual({ inputResponses: { q: ACCEPT }, requestState: "s" });
    expect(onContinued).toHaveBeenCalledTimes(1);
    transport.last("tools/call").reply({ content: [] });
    expect(await result).toEqual({ content: [] });
    expect(frame.continuation).toBeUndefined();
  });

  test("1.12 a request of the server's is not answered, and told of", async () => {
    await call();
    transport.ask(9, "elicitation/create", FORM.params);
    transport.ask("9", "ping");
    await settled();
    expect(transport.responses).toEqual([]);
    expect(elicitForm).not.toHaveBeenCalled();
    expect(era.strays).toEqual([
      expect.stringContaining("elicitation/create"),
      expect.stringContaining("ping"),
    ]);
  });
});
