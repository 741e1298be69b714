import { beforeEach, describe, expect, test, vi } from "vitest";
import type { ClientHandlers } from "../../../../src/eras/handlers.ts";
import type { JsonRpcMessage } from "../../../../src/jsonrpc/messages.ts";
import { settled } from "../../../support/manual-clock.ts";
import { FakeDuplex } from "../../fakes.ts";
import { NO_HANDLERS, sessionOver } from "../harness.ts";

let transport: FakeDuplex;

beforeEach(() => {
  transport = new FakeDuplex();
});

const elicitForm = vi.fn(() => ({ action: "accept" as const, content: { a: "x" } }));
const ELICIT = { message: "m", requestedSchema: { type: "object", properties: {} } };
const RELATED = "io.modelcontextprotocol/related-task";

async function open(handlers: Partial<ClientHandlers> = {}, version = "2025-11-25") {
  return sessionOver(transport, { handlers: { ...NO_HANDLERS, ...handlers }, version });
}

async function ask(method: string, params?: object): Promise<JsonRpcMessage | undefined> {
  const before = transport.responses.length;
  transport.ask("q", method, params);
  // A schema is compiled on the way, by a library that is loaded on first use.
  await vi.waitUntil(() => transport.responses.length > before);
  return transport.responses.at(-1);
}

describe("requests (7.1, 7.2, 1.13)", () => {
  test.each([
    "elicitation/create",
    "sampling/createMessage",
    "roots/list",
    "tasks/list",
    "nonsense",
  ])("%s without a handler is -32601", async (method) => {
    await open();
    expect(await ask(method, ELICIT)).toMatchObject({ id: "q", error: { code: -32601 } });
  });

  test("ping is answered with an empty result", async () => {
    await open();
    expect(await ask("ping")).toEqual({ jsonrpc: "2.0", id: "q", result: {} });
  });

  test("bad parameters are -32602, a broken handler -32603 without its text", async () => {
    const { strays } = await open({
      elicitForm: () => Promise.reject(new Error("s3cret")),
      roots: () => [{ uri: "https://not-a-file" }],
    });
    expect(await ask("elicitation/create", {})).toMatchObject({ error: { code: -32602 } });
    const broken = await ask("elicitation/create", ELICIT);
    expect(broken).toMatchObject({ error: { code: -32603 } });
    expect(JSON.stringify(broken)).not.toContain("s3cret");
    expect(await ask("roots/list")).toMatchObject({ error: { code: -32603 } });
    expect(strays).toHaveLength(2);
  });

  test("roots and elicitation are answered by their handlers", async () => {
    const roots = [{ uri: "file:///a", name: "A" }];
    await open({ elicitForm, roots: async () => roots });
    expect(await ask("roots/list")).toMatchObject({ result: { roots } });
    expect(await ask("elicitation/create", ELICIT)).toMatchObject({
      result: { action: "accept", content: { a: "x" } },
    });
  });

  test("a related task is named in the answer, beside what is there (12.17, 12.18)", async () => {
    await open({ elicitForm: () => ({ action: "decline" }) });
    const params = { ...ELICIT, _meta: { [RELATED]: { taskId: "t1" }, other: 1 } };
    expect(await ask("elicitation/create", params)).toMatchObject({
      result: { action: "decline", _meta: { [RELATED]: { taskId: "t1" } } },
    });
    expect(await ask("elicitation/create", ELICIT)).toMatchObject({
      result: expect.not.objectContaining({ _meta: expect.anything() }),
    });
  });

  test.each([
    ["2025-11-25", true],
    ["2025-06-18", false],
    ["2024-11-05", false],
  ])("sampling for a server of %s: several blocks %s (7.14)", async (version, several) => {
    const content = [
      { type: "text" as const, text: "a" },
      { type: "text" as const, text: "b" },
    ];
    await open({ sample: () => ({ role: "assistant", model: "m", content }) }, version);
    expect(await ask("sampling/createMessage", { messages: [], maxTokens: 1 })).toMatchObject({
      result: { content: several ? content : content[0] },
    });
  });
});

describe("notifications (1.6, 8.12, 8.17, 8.29)", () => {
  const tell = (method: string, params?: object): void =>
    transport.push({ jsonrpc: "2.0", method, ...(params === undefined ? {} : { params }) });

  test("each goes to the event it is for", async () => {
    const { events } = await open();
    tell("notifications/tools/list_changed");
    tell("notifications/prompts/list_changed", {});
    tell("notifications/resources/list_changed");
    tell("notifications/resources/updated", { uri: "file:///a/b" });
    tell("notifications/message", { level: "info", data: 0 });
    expect(events.onListChanged.mock.calls).toEqual([["tools"], ["prompts"], ["resources"]]);
    expect(events.onResourceUpdated.mock.calls).toEqual([["file:///a/b", { uri: "file:///a/b" }]]);
    expect(events.onLog.mock.calls).toEqual([[{ level: "info", data: 0 }]]);
  });

  test("unknown, malformed and optional ones are never answered and hurt nobody (12.19)", async () => {
    const { events } = await open();
    const before = transport.sent.length;
    for (const method of [
      "notifications/nonsense",
      "tools/call",
      "notifications/tasks/status",
      "notifications/resources/updated",
      "notifications/elicitation/complete",
      "notifications/cancelled",
      "notifications/progress",
    ]) {
      tell(method);
      tell(method, { uri: 5, elicitationId: 5, requestId: {}, progressToken: [] });
    }
    await settled();
    expect(transport.sent).toHaveLength(before);
    expect(events.onResourceUpdated).not.toHaveBeenCalled();
  });
});
