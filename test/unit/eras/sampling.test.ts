import { describe, expect, test, vi } from "vitest";
import { sample, SamplingRefusedError } from "../../../src/eras/sampling.ts";
import type { ClientHandlers } from "../../../src/eras/handlers.ts";
import type { CreateMessageResult } from "../../../src/spec/types.ts";
import { rejection } from "../fakes.ts";
import { context, NO_HANDLERS, refusal } from "./harness.ts";

const text = (t: string): object => ({ type: "text", text: t });
const use = (id: string): object => ({ type: "tool_use", id, name: "t", input: {} });
const result = (toolUseId: string): object => ({ type: "tool_result", toolUseId, content: [] });
const user = (content: unknown): object => ({ role: "user", content });
const assistant = (content: unknown): object => ({ role: "assistant", content });

const ANSWER = { role: "assistant", model: "m", content: { type: "text", text: "hi" } } as const;

function handlers(
  sampling = { tools: true, context: false },
  answer: () => unknown = () => ANSWER,
): ClientHandlers & { sample: ReturnType<typeof vi.fn> } {
  return { sampling, sample: vi.fn(async () => answer() as CreateMessageResult) };
}

const ask = (messages: unknown, extra: object = {}): object => ({
  messages,
  maxTokens: 10,
  ...extra,
});

describe("what a request may say (7.10, 7.11, 1.13)", () => {
  test("a plain one reaches the handler as it came, with who asks", async () => {
    const h = handlers({ tools: false, context: false });
    const request = ask([user(text("hi"))], { systemPrompt: "s", includeContext: "thisServer" });
    const given = context();
    expect(await sample(h, request, given, true)).toEqual(ANSWER);
    expect(h.sample).toHaveBeenCalledWith(request, given);
  });

  test.each<[string, unknown]>([
    ["no parameters", undefined],
    ["no messages", { maxTokens: 1 }],
    ["messages that are no array", ask({})],
    ["no maxTokens", { messages: [] }],
    ["maxTokens as a string", { messages: [], maxTokens: "10" }],
    ["a message that is null", ask([null])],
    ["a message without content", ask([{ role: "user" }])],
    ["a block that is null", ask([user([null])])],
    ["a toolChoice that does not exist (7.12)", ask([], { toolChoice: { mode: "maybe" } })],
  ])("%s is -32602 and does not reach the handler", async (_, params) => {
    const h = handlers();
    expect(await refusal(sample(h, params, context(), true))).toBe(-32602);
    expect(h.sample).not.toHaveBeenCalled();
  });

  test.each([{ tools: [] }, { toolChoice: { mode: "auto" } }])(
    "%j without sampling.tools is -32602; with it, it passes",
    async (extra) => {
      const params = ask([user(text("hi"))], extra);
      const without = handlers({ tools: false, context: true });
      expect(await refusal(sample(without, params, context(), true))).toBe(-32602);
      await expect(sample(handlers(), params, context(), true)).resolves.toEqual(ANSWER);
    },
  );

  test("without a handler it is refused", async () => {
    expect(await refusal(sample(NO_HANDLERS, ask([]), context(), true))).toBe(-32602);
  });
});

describe("tool turns (7.12)", () => {
  test.each<[string, object[]]>([
    ["one use, one result", [user(text("a")), assistant(use("1")), user(result("1"))]],
    [
      "two uses, results in any order",
      [assistant([use("1"), use("2")]), user([result("2"), result("1")])],
    ],
    ["text beside the use", [assistant([text("a"), use("1")]), user([result("1")])]],
    [
      "two rounds",
      [assistant(use("1")), user(result("1")), assistant(use("1")), user(result("1"))],
    ],
    ["no tools at all", [user(text("a")), assistant(text("b")), user([text("c"), text("d")])]],
  ])("%s passes", async (_, messages) => {
    await expect(sample(handlers(), ask(messages), context(), true)).resolves.toEqual(ANSWER);
  });

  test.each<[string, object[]]>([
    ["a use that is never answered", [assistant(use("1"))]],
    [
      "a use answered one message too late",
      [assistant(use("1")), user(text("a")), user(result("1"))],
    ],
    ["one of two unanswered", [assistant([use("1"), use("2")]), user(result("1"))]],
    ["a result for nothing", [user(result("1"))]],
    ["a result with another id", [assistant(use("1")), user(result("2"))]],
    ["the same result twice", [assistant(use("1")), user([result("1"), result("1")])]],
    ["a result beside text", [assistant(use("1")), user([result("1"), text("a")])]],
    ["a result from the assistant", [assistant(use("1")), assistant(result("1"))]],
  ])("%s is -32602", async (_, messages) => {
    const h = handlers();
    expect(await refusal(sample(h, ask(messages), context(), true))).toBe(-32602);
    expect(h.sample).not.toHaveBeenCalled();
  });
});

describe("the answer", () => {
  test("a person who refuses is -1, and nothing else is (1.16, 7.9)", async () => {
    const refused = handlers(undefined, () => {
      throw new SamplingRefusedError();
    });
    expect(await refusal(sample(refused, ask([]), context(), true))).toBe(-1);
    const broken = handlers(undefined, () => {
      throw new Error("model is down");
    });
    const error = await rejection(sample(broken, ask([]), context(), true));
    expect((error as Error).message).toBe("model is down");
  });

  test.each<[string, object[], object]>([
    ["the first text", [use("1"), text("a"), text("b")], text("a")],
    ["without a text the first block", [use("1"), use("2")], use("1")],
    ["of nothing an empty text", [], text("")],
  ])("an array for an older server becomes one block: %s (7.13, 7.14)", async (_, content, one) => {
    const h = handlers(undefined, () => ({ ...ANSWER, content, stopReason: "endTurn" }));
    const older = await sample(h, ask([]), context(), false);
    expect(older).toEqual({ ...ANSWER, content: one, stopReason: "endTurn" });
    const newer = await sample(h, ask([]), context(), true);
    expect(newer.content).toEqual(content);
  });
});
