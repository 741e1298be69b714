// What servers ask of the client, over every transport: sampling, elicitation, roots, ping.

import { McpResponseError, SamplingRefusedError } from "mcp-client-pool";
import type {
  CreateMessageParams,
  CreateMessageResult,
  ElicitFormParams,
  ElicitResult,
  ElicitUrlParams,
  HandlerContext,
} from "mcp-client-pool";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { jsonOf, KINDS, startBench } from "./kinds.ts";
import type { Bench } from "./kinds.ts";
import { FORM } from "./servers/toolbox-tools.ts";

/** What the handlers of a test do, and who asked them what. */
interface Script {
  asked: { params: object; server: string }[];
  sample: (params: CreateMessageParams) => CreateMessageResult | Promise<CreateMessageResult>;
  form: (params: ElicitFormParams) => ElicitResult | Promise<ElicitResult>;
  url: (params: ElicitUrlParams) => ElicitResult | Promise<ElicitResult>;
}

const PARIS: CreateMessageResult = {
  role: "assistant",
  model: "test",
  content: { type: "text", text: "Paris" },
  stopReason: "endTurn",
};

describe.each(KINDS)("$name", (kind) => {
  let script: Script;
  let bench: Bench;
  const ask = async (tool: string, args: Record<string, unknown> = {}): Promise<unknown> =>
    jsonOf(await bench.pool.callTool(`s__${tool}`, args));
  const asked = (params: object, { server }: HandlerContext): void =>
    void script.asked.push({ params, server });

  beforeAll(async () => {
    bench = await startBench(kind, {
      onSampling: {
        tools: true,
        handler: (params, context) => {
          asked(params, context);
          return script.sample(params);
        },
      },
      onElicitation: {
        form: (params, context) => {
          asked(params, context);
          return script.form(params);
        },
        url: (params, context) => {
          asked(params, context);
          return script.url(params);
        },
      },
      roots: [{ uri: "file:///home/user/work", name: "work" }],
    });
  });

  beforeEach(() => {
    const unexpected = (): never => expect.fail("was not to be asked");
    script = { asked: [], sample: unexpected, form: unexpected, url: unexpected };
  });

  afterAll(() => bench[Symbol.asyncDispose]());

  test("a ping of the server is answered (7.1, 8.26)", async () => {
    expect(await ask("ping")).toEqual({ result: {} });
  });

  test("sampling is answered by the handler, which knows who asks (7.10, 7.13)", async () => {
    script.sample = () => PARIS;
    expect(await ask("sample", { systemPrompt: "Be brief", temperature: 0 })).toEqual({
      result: PARIS,
    });
    expect(script.asked).toMatchObject([
      {
        server: "s",
        params: {
          messages: [{ role: "user", content: { type: "text", text: "What is the capital?" } }],
          maxTokens: 10,
          systemPrompt: "Be brief",
          temperature: 0,
        },
      },
    ]);
  });

  test("sampling with tools comes back as blocks of tool use (7.11, 7.13)", async () => {
    const use = { type: "tool_use", id: "1", name: "look", input: { at: "map" } } as const;
    const content = [{ type: "text", text: "I look" } as const, use];
    script.sample = () => ({ ...PARIS, content, stopReason: "toolUse" });
    const tools = [{ name: "look", inputSchema: { type: "object" } }];
    expect(await ask("sample", { tools, toolChoice: { mode: "required" } })).toEqual({
      result: { ...PARIS, content, stopReason: "toolUse" },
    });
    expect(script.asked).toMatchObject([{ params: { tools, toolChoice: { mode: "required" } } }]);
  });

  test("a tool use without its result is refused with -32602 (7.12)", async () => {
    const use = { type: "tool_use", id: "1", name: "look", input: {} };
    const messages = [
      { role: "assistant", content: [use] },
      { role: "user", content: { type: "text", text: "and?" } },
    ];
    expect(await ask("sample", { messages })).toMatchObject({ code: -32602 });
    expect(script.asked).toEqual([]);
  });

  test("a person who refuses sampling is reported with -1 (1.16, 7.9)", async () => {
    script.sample = () => {
      throw new SamplingRefusedError("no, thank you");
    };
    expect(await ask("sample")).toMatchObject({
      code: -1,
      message: expect.stringContaining("no, thank you") as unknown,
    });
  });

  test("a handler that fails is reported with -32603 (1.13)", async () => {
    script.sample = () => Promise.reject(new Error("the model is away"));
    expect(await ask("sample")).toMatchObject({ code: -32603 });
  });

  test("a form that is accepted empty is filled with its defaults (7.15, 7.18)", async () => {
    script.form = () => ({ action: "accept" });
    const content = { name: "John Doe", age: 30, score: 95.5, status: "active", verified: true };
    expect(await ask("elicit")).toEqual({ result: { action: "accept", content } });
    expect(script.asked).toMatchObject([
      { server: "s", params: { message: "Who are you?", requestedSchema: FORM } },
    ]);
  });

  test("what the person answered is kept, and only the rest filled (7.18)", async () => {
    const given = { name: "Ada", age: 36, verified: false };
    script.form = () => ({ action: "accept", content: given });
    expect(await ask("elicit")).toEqual({
      result: { action: "accept", content: { score: 95.5, status: "active", ...given } },
    });
  });

  test.each(["decline", "cancel"] as const)("%s goes without content (7.15)", async (action) => {
    script.form = () => ({ action, content: { name: "not to be seen" } });
    expect(await ask("elicit")).toEqual({ result: { action } });
  });

  test("an answer that does not fit the schema is not sent (7.19)", async () => {
    script.form = () => ({ action: "accept", content: { age: "old" } });
    expect(await ask("elicit")).toMatchObject({ code: -32603 });
  });

  test("a visit to a URL is the handler's to consent to, and has no content (7.21)", async () => {
    const url = "https://example.com/in?state=a%20b";
    script.url = () => ({ action: "accept", content: { leaked: "no" } });
    expect(await ask("visit", { url })).toEqual({ result: { action: "accept" } });
    expect(script.asked).toMatchObject([{ server: "s", params: { url, elicitationId: "v" } }]);
  });

  test("a URL that runs or reads something is refused unseen (13.3)", async () => {
    expect(await ask("visit", { url: "file:///etc/passwd" })).toMatchObject({ code: -32602 });
    expect(script.asked).toEqual([]);
  });

  test("-32042: the call is made again once the visit is over (7.22, 7.23)", async () => {
    script.url = () => {
      // The person goes to the page, which tells the server.
      bench.pool.callTool("s__finish", { elicitationId: "a" }).catch(() => {});
      return { action: "accept" };
    };
    const { content } = await bench.pool.callTool("s__gated", { key: "a" });
    expect(content).toEqual([{ type: "text", text: "let in" }]);
    expect(script.asked).toMatchObject([
      { server: "s", params: { url: "https://example.com/in", elicitationId: "a" } },
    ]);
    expect(bench.count("gated a")).toBe(2);
  });

  test("-32042: who declines to visit gets the server's error, and nothing is repeated (7.23)", async () => {
    script.url = () => ({ action: "decline" });
    const call = bench.pool.callTool("s__gated", { key: "b" });
    await expect(call).rejects.toMatchObject({ rpcCode: -32042 });
    expect(bench.count("gated b")).toBe(1);
  });

  test("roots are listed, and asked for again when they change (7.7, 7.8)", async () => {
    const { pool } = bench;
    const work = { uri: "file:///home/user/work", name: "work" };
    expect(await ask("roots")).toEqual({ result: { roots: [work] } });
    const other = { uri: "file:///srv/other" };
    await pool.setRoots([work, other]);
    await bench.untilRecorded(`roots ${JSON.stringify([work, other])}`);
    expect(bench.count("roots changed")).toBe(1);
  });
});

describe.each(KINDS)("$name, without handlers", (kind) => {
  let bench: Bench;

  beforeAll(async () => {
    bench = await startBench(kind, { listen: true });
  });

  afterAll(() => bench[Symbol.asyncDispose]());

  test.each(["sample", "elicit", "roots"])(
    "%s, which was not declared, is refused with -32601 (1.13, 7.2)",
    async (tool) => {
      const { content } = await bench.pool.callTool(`s__${tool}`);
      expect(jsonOf({ content })).toMatchObject({ code: -32601 });
    },
  );

  test("-32042 reaches the caller when no URL can be visited (7.23)", async () => {
    const error = await bench.pool
      .callTool("s__gated", { key: "a" })
      .catch((cause: unknown) => cause);
    expect(error).toBeInstanceOf(McpResponseError);
    expect(error).toMatchObject({
      rpcCode: -32042,
      data: { elicitations: [{ elicitationId: "a" }] },
    });
  });
});
