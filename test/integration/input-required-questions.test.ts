// The questions of a call that needs input, over HTTP: several at once, which of them are asked, what is no answer.
// https://modelcontextprotocol.io/specification/2026-07-28/basic/patterns/mrtr

import { McpInputError, McpProtocolError } from "mcp-client-pool";
import type { CreateMessageResult, ElicitResult, HandlerContext } from "mcp-client-pool";
import { describe, expect, test, vi } from "vitest";
import { failure, gate } from "../fault/support.ts";
import { inputRequired, listRoots, sample } from "../support/stateless-server.ts";
import {
  ADA,
  asking,
  connected,
  FORM,
  given,
  messages,
  paramsOf,
  serve,
  start,
} from "./stateless.ts";

const SAID: CreateMessageResult = {
  role: "assistant",
  model: "test",
  content: { type: "text", text: "Go on" },
};
const ROOTS = [{ uri: "file:///home/user/work" }];

const visit = (url: string): { method: string; params: Record<string, unknown> } => ({
  method: "elicitation/create",
  params: { mode: "url", message: "Please sign in", url },
});

const unasked = (): never => expect.fail("was not to be asked");

describe("several questions at once", () => {
  const all = inputRequired({
    inputRequests: {
      form: FORM,
      url: visit("https://example.com/in"),
      say: sample("Hello"),
      where: listRoots(),
    },
    requestState: "all",
  });

  test("13.15: more than 256 at once: nobody is asked", async () => {
    const inputRequests = Object.fromEntries(Array.from({ length: 257 }, (_, at) => [at, FORM]));
    const onElicitation = vi.fn(() => ADA);
    const { server, pool } = await start(asking(inputRequired({ inputRequests })), {
      onElicitation,
    });
    const error = await failure(pool.callTool("s__ask"));
    expect(error).toMatchObject({ code: "LIMIT_EXCEEDED", sent: "yes" });
    expect(onElicitation).not.toHaveBeenCalled();
    expect(server.executionCount("ask")).toBe(1);
  });

  test("7.25, 7.26: all are asked at the same time, and answered in one request", async () => {
    const open = { form: gate(), url: gate(), say: gate() };
    const asked: string[] = [];
    const { server, pool } = await start(asking(all), {
      onElicitation: {
        form: async () => {
          asked.push("form");
          await open.form.opened;
          return ADA;
        },
        url: async () => {
          asked.push("url");
          await open.url.opened;
          return { action: "accept" };
        },
      },
      onSampling: async () => {
        asked.push("say");
        if (asked.length === 3) open.form.open();
        await open.say.opened;
        return SAID;
      },
      roots: ROOTS,
    });
    const result = given(pool);
    await server.until(() => server.executionCount("ask") === 1);
    await vi.waitUntil(() => asked.length === 3);
    expect(asked.toSorted()).toEqual(["form", "say", "url"]);
    for (const one of [open.form, open.say]) one.open();
    // All but one are answered: nothing is sent yet.
    await pool.callTool("s__echo");
    expect(server.executionCount("ask")).toBe(1);
    open.url.open();
    expect(await result).toEqual({
      inputResponses: {
        form: ADA,
        url: { action: "accept" },
        say: SAID,
        where: { roots: ROOTS },
      },
      requestState: "all",
    });
    expect(server.executionCount("ask")).toBe(2);
  });

  test("7.29: one that was not declared: none of them is fulfilled", async () => {
    const onElicitation = { form: vi.fn<() => ElicitResult>(() => ADA), url: unasked };
    const { server, pool } = await start(asking(all), { onElicitation, roots: unasked });
    const error = await failure(pool.callTool("s__ask"));
    expect(error).toBeInstanceOf(McpProtocolError);
    expect(error.message).toContain("sampling");
    // Whatever was begun has come to its end by then.
    await pool.callTool("s__echo");
    expect(onElicitation.form).not.toHaveBeenCalled();
    expect(server.executionCount("ask")).toBe(1);
  });

  test("7.29: one that is malformed: none of them is fulfilled", async () => {
    const inputRequests = { form: FORM, odd: { method: "elicitation/create", params: {} } };
    const onElicitation = vi.fn<() => ElicitResult>(() => ADA);
    const { pool } = await start(asking(inputRequired({ inputRequests })), { onElicitation });
    expect(await failure(pool.callTool("s__ask"))).toBeInstanceOf(McpProtocolError);
    await pool.callTool("s__echo");
    expect(onElicitation).not.toHaveBeenCalled();
  });

  test("7.30: one whose handler throws: the others are told, and the call fails", async () => {
    const signals: AbortSignal[] = [];
    const asked = gate();
    const { server, pool } = await start(asking(all), {
      onElicitation: {
        form: (_params, { signal }) => {
          signals.push(signal);
          asked.open();
          return new Promise(() => {});
        },
        url: (_params, { signal }) => {
          signals.push(signal);
          return new Promise(() => {});
        },
      },
      onSampling: async () => {
        await asked.opened;
        throw new Error("no model");
      },
      roots: ROOTS,
    });
    const error = await failure(pool.callTool("s__ask"));
    expect(error).toMatchObject({ code: "INPUT_FAILED", cause: { message: "no model" } });
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, true]);
    expect(server.executionCount("ask")).toBe(1);
  });

  test("7.25, 7.27: keys are names and nothing else", async () => {
    const keys = ["__proto__", "constructor", "", "ü", "1", "a.b"];
    const inputRequests = Object.fromEntries(keys.map((key) => [key, FORM]));
    const { server, pool } = await start(asking({ resultType: "input_required", inputRequests }), {
      onElicitation: () => ADA,
    });
    await given(pool);
    const { inputResponses } = JSON.parse(messages(server, "tools/call")[1]?.text ?? "").params;
    expect(Object.keys(inputResponses).toSorted()).toEqual(keys.toSorted());
    expect(Object.values(inputResponses)).toEqual(keys.map(() => ADA));
  });
});

describe("what a person is asked", () => {
  test.each([
    ["a form, where only URLs were declared", FORM, { onElicitation: { url: unasked } }],
    [
      "a URL, where only forms were declared",
      visit("https://example.com/"),
      { onElicitation: unasked },
    ],
    [
      "an unknown mode",
      { method: "elicitation/create", params: { mode: "voice", message: "?" } },
      { onElicitation: { form: unasked, url: unasked } },
    ],
    [
      "sampling with tools that were not declared",
      { method: "sampling/createMessage", params: { messages: [], maxTokens: 1, tools: [] } },
      { onSampling: unasked },
    ],
    [
      "a form without a schema",
      { method: "elicitation/create", params: { message: "?" } },
      { onElicitation: unasked },
    ],
    [
      "sampling without messages",
      { method: "sampling/createMessage", params: { maxTokens: 1 } },
      { onSampling: unasked },
    ],
    ["a URL that runs", visit("javascript:alert(1)"), { onElicitation: { url: unasked } }],
    ["a URL that reads files", visit("file:///etc/passwd"), { onElicitation: { url: unasked } }],
    [
      "a URL that is read by others",
      visit("http://example.com/"),
      { onElicitation: { url: unasked } },
    ],
    ["nothing", null, {}],
    ["something without a method", { params: {} }, {}],
    ["a method that is no question", { method: "tools/call", params: {} }, {}],
  ] as const)("7.29, 13.3, 13.13: never %s", async (_what, question, options) => {
    const rounds = { resultType: "input_required", inputRequests: { q: question } };
    const { server, pool } = await start(asking(rounds), options);
    const error = await failure(pool.callTool("s__ask"));
    expect(error).toBeInstanceOf(McpProtocolError);
    expect(error).toMatchObject({ code: "PROTOCOL_ERROR", server: "s", sent: "yes" });
    expect(server.executionCount("ask")).toBe(1);
  });

  test("13.13: which server asks, whoever else asks at the same time", async () => {
    const input = { inputRequests: { q: FORM } };
    const [first, second] = [
      await serve(asking(inputRequired(input))),
      await serve(asking(inputRequired(input))),
    ];
    const asked: string[] = [];
    const onElicitation = (_params: object, { server }: HandlerContext): ElicitResult => {
      asked.push(server);
      return { action: "accept", content: { name: server } };
    };
    const pool = await connected(first, {}, { onElicitation });
    await pool.addClient("other", { url: second.url });
    await Promise.all([pool.callTool("s__ask"), pool.callTool("other__ask")]);
    expect(asked.toSorted()).toEqual(["other", "s"]);
    const answers = [first, second].map((server) => paramsOf(server)[1]?.["inputResponses"]);
    expect(answers).toMatchObject([
      { q: { content: { name: "s" } } },
      { q: { content: { name: "other" } } },
    ]);
  });

  test("7.30: content that does not fit the form is not sent", async () => {
    const content = { name: 7 };
    const { server, pool } = await start(asking(inputRequired({ inputRequests: { q: FORM } })), {
      onElicitation: () => ({ action: "accept", content }),
    });
    const error = await failure(pool.callTool("s__ask"));
    expect(error).toMatchObject({ code: "INPUT_FAILED", sent: "yes" });
    expect(server.executionCount("ask")).toBe(1);
  });

  test.each([
    ["nothing", undefined],
    ["null", null],
    ["text", "Go on"],
    ["an array", [SAID]],
    ["what JSON cannot say", { ...SAID, tokens: 1n }],
  ])("7.30: a handler that gives %s: INPUT_FAILED, and nothing is sent", async (_what, result) => {
    const question = inputRequired({ inputRequests: { q: sample("Hello") } });
    const { server, pool } = await start(asking(question), {
      onSampling: () => result as CreateMessageResult,
    });
    const error = await failure(pool.callTool("s__ask"));
    expect(error).toBeInstanceOf(McpInputError);
    expect(error).toMatchObject({ code: "INPUT_FAILED", sent: "yes", method: "tools/call" });
    expect(server.executionCount("ask")).toBe(1);
  });
});
