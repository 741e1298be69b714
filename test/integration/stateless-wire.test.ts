// What goes out in the stateless era: the envelope and the headers of every request, on HTTP and on stdio.
// https://modelcontextprotocol.io/specification/2026-07-28/basic/transports/streamable-http

import type { McpClientPool } from "mcp-client-pool";
import { describe, expect, test } from "vitest";
import { failure } from "../fault/support.ts";
import {
  connected,
  connectedChild,
  EVERYTHING,
  idsOf,
  messages,
  metaOf,
  NOTE,
  PREFIX,
  serve,
} from "./stateless.ts";
import type { Options } from "./stateless.ts";

describe("every request", () => {
  const asked: readonly [string, string | undefined, (pool: McpClientPool) => Promise<unknown>][] =
    [
      ["tools/list", undefined, (pool) => pool.listTools("s")],
      ["tools/call", "echo", (pool) => pool.callTool("s__echo", { a: 1 })],
      ["resources/list", undefined, (pool) => pool.listResources("s")],
      ["resources/templates/list", undefined, (pool) => pool.listResourceTemplates("s")],
      ["resources/read", NOTE, (pool) => pool.readResource("s", NOTE)],
      ["prompts/list", undefined, (pool) => pool.listPrompts("s")],
      ["prompts/get", "travel", (pool) => pool.getPrompt("s__travel")],
      [
        "completion/complete",
        undefined,
        (pool) =>
          pool.complete("s", { type: "ref/prompt", name: "travel" }, { name: "to", value: "P" }),
      ],
      ["server/discover", undefined, (pool) => pool.call("s", "ping")],
      ["tasks/get", "t 1", (pool) => failure(pool.call("s", "tasks/get", { taskId: "t 1" }))],
      ["tasks/update", "t 1", (pool) => failure(pool.call("s", "tasks/update", { taskId: "t 1" }))],
      ["tasks/cancel", "t 1", (pool) => failure(pool.call("s", "tasks/cancel", { taskId: "t 1" }))],
    ];

  test("4.1, 4.2, 4.3, 4.5, 1.1, 1.2, 1.4: one POST each, with its headers, its envelope and an id of its own", async () => {
    const server = await serve(EVERYTHING);
    const pool = await connected(server);
    for (const [, , ask] of asked) await ask(pool);
    for (const [method, name] of asked) {
      const record = messages(server, method).at(-1);
      expect(record?.headers, method).toMatchObject({
        "content-type": "application/json",
        accept: "application/json, text/event-stream",
        "mcp-protocol-version": "2026-07-28",
        "mcp-method": method,
      });
      expect(record?.headers["mcp-name"], method).toBe(name);
    }
    for (const { method, headers, body, text } of server.requests) {
      expect(method).toBe("POST");
      expect(headers).not.toHaveProperty("mcp-session-id");
      expect(headers).not.toHaveProperty("last-event-id");
      expect(text.startsWith("{")).toBe(true);
      expect(body).toMatchObject({
        jsonrpc: "2.0",
        params: {
          _meta: {
            [`${PREFIX}protocolVersion`]: "2026-07-28",
            [`${PREFIX}clientInfo`]: { name: "mcp-client-pool" },
            [`${PREFIX}clientCapabilities`]: { extensions: { [`${PREFIX}tasks`]: {} } },
          },
        },
      });
    }
    const ids = idsOf(server.requests);
    expect(new Set(ids).size).toBe(ids.length);
    // The probe's as well: some servers take no other.
    expect(ids.every((id) => Number.isSafeInteger(id))).toBe(true);
    expect(messages(server, "initialize")).toEqual([]);
  });

  test("4.1, 4.2, 1.6: a notification is one POST too, without an id, and 202 is enough", async () => {
    const server = await serve();
    const pool = await connected(server);
    await pool.notify("s", "notifications/x", { a: 1 });
    const [record] = messages(server, "notifications/x");
    expect(record?.headers).toMatchObject({
      "mcp-protocol-version": "2026-07-28",
      "mcp-method": "notifications/x",
    });
    expect(record?.body).not.toHaveProperty("id");
    expect(record?.body?.params).toMatchObject({ a: 1 });
  });

  test("4.5: the caller's own _meta is merged, and cannot take the place of the protocol's", async () => {
    const server = await serve();
    const clientInfo = { name: "mine", version: "1.2.3" };
    const pool = await connected(server, {}, { clientInfo });
    const forged = {
      [`${PREFIX}protocolVersion`]: "1999-01-01",
      [`${PREFIX}clientInfo`]: { name: "forged", version: "0" },
      [`${PREFIX}clientCapabilities`]: { sampling: {} },
    };
    const reserved = {
      [`${PREFIX}protocolVersion`]: "2026-07-28",
      [`${PREFIX}clientInfo`]: clientInfo,
      [`${PREFIX}clientCapabilities`]: { extensions: { [`${PREFIX}tasks`]: {} } },
    };
    const meta = { traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01" };
    await pool.callTool("s__echo", {}, { meta: { ...meta, ...forged } });
    const params = { name: "echo", _meta: { ...forged, "example.com/own": [1] } };
    await pool.call("s", "tools/call", params, { meta });
    const [first, second] = messages(server, "tools/call").map(metaOf);
    expect(first).toEqual({ ...meta, ...reserved });
    expect(second).toEqual({ ...meta, "example.com/own": [1], ...reserved });
  });

  test("4.5, 8.18, 8.19: a log level and a progress token when they are wanted, not before", async () => {
    const server = await serve();
    const pool = await connected(server);
    await pool.callTool("s__echo");
    await pool.setLogLevel("s", "warning");
    await pool.callTool("s__echo", {}, { onProgress: () => {} });
    const [before, after] = messages(server, "tools/call").map(metaOf);
    expect(before).not.toHaveProperty([`${PREFIX}logLevel`]);
    expect(before).not.toHaveProperty("progressToken");
    expect(after).toMatchObject({ [`${PREFIX}logLevel`]: "warning" });
    expect(after?.["progressToken"]).toBe(messages(server, "tools/call")[1]?.body?.id);
    // There is no method for it in this revision.
    expect(messages(server, "logging/setLevel")).toEqual([]);
  });

  test("4.2, 4.3, 10.11, 13.10: the user's headers go along, except those of the protocol", async () => {
    const server = await serve();
    const own = { "X-Tenant": "blue", authorization: "Bearer t" };
    const forbidden = {
      "mcp-protocol-VERSION": "2025-11-25",
      "Mcp-Method": "tools/list",
      "MCP-NAME": "other",
      "Mcp-Param-Region": "nowhere",
      "mcp-session-id": "mine",
      "Last-Event-ID": "7",
      Accept: "text/html",
      "Content-Type": "text/plain",
    };
    const pool = await connected(server, { headers: { ...own, ...forbidden } });
    await pool.callTool("s__echo");
    for (const { rawHeaders, body } of server.requests) {
      const names = rawHeaders.filter((_, index) => index % 2 === 0);
      const lower = names.map((name) => name.toLowerCase());
      expect(new Set(lower).size).toBe(lower.length);
      expect(lower).toEqual(expect.arrayContaining(["x-tenant", "authorization"]));
      const added = body?.method === "tools/call" ? ["mcp-name"] : [];
      expect(lower.filter((name) => name.startsWith("mcp-")).toSorted()).toEqual(
        ["mcp-method", ...added, "mcp-protocol-version"].toSorted(),
      );
    }
  });

  const form = (): { action: "cancel" } => ({ action: "cancel" });
  const handler = (): never => expect.fail("was not to be asked");
  const declared: readonly [string, Options, object][] = [
    ["nothing", {}, {}],
    ["a form", { onElicitation: form }, { elicitation: {} }],
    ["a URL", { onElicitation: { url: form } }, { elicitation: { url: {} } }],
    ["both", { onElicitation: { form, url: form } }, { elicitation: { form: {}, url: {} } }],
    ["sampling", { onSampling: handler }, { sampling: {} }],
    [
      "sampling with tools",
      { onSampling: { handler, tools: true, context: true } },
      { sampling: { tools: {}, context: {} } },
    ],
    ["roots", { roots: [] }, { roots: {} }],
  ];

  test.each(declared)(
    "4.5, 4.6: what the handlers can do is declared anew each time: %s",
    async (_what, options, capabilities) => {
      const server = await serve();
      const pool = await connected(server, {}, options);
      await pool.callTool("s__echo");
      expect(server.requests.length).toBeGreaterThan(3);
      for (const record of server.requests) {
        expect(metaOf(record)[`${PREFIX}clientCapabilities`]).toEqual({
          ...capabilities,
          extensions: { [`${PREFIX}tasks`]: {} },
        });
      }
    },
  );

  test("4.7: a session id that a server gives out is neither kept nor sent, also after a reconnect", async () => {
    const server = await serve();
    server.options.onRequest = ({ res }) => void res.setHeader("mcp-session-id", "yours");
    const pool = await connected(server);
    await pool.callTool("s__echo");
    await server.restart();
    await pool.listTools("s");
    await pool.closeAll();
    expect(server.requests.map(({ method }) => method)).not.toContain("GET");
    expect(server.requests.map(({ method }) => method)).not.toContain("DELETE");
    expect(JSON.stringify(pool.status())).not.toContain("yours");
  });

  test("8.26: ping is no method of this revision; a sign of life is asked for otherwise", async () => {
    const server = await serve();
    const pool = await connected(server);
    expect(await pool.call("s", "ping")).toEqual({});
    expect(messages(server, "ping")).toEqual([]);
    expect(messages(server, "server/discover").length).toBe(2);
  });

  test("1.4, 1.12: on stdio the same envelope, no headers, and nothing but requests and notifications", async () => {
    const { pool, ledger } = await connectedChild();
    await pool.callTool("s__echo", { key: "one" });
    await pool.readResource("s", "test://one");
    await pool.call("s", "ping");
    expect(ledger.count("one")).toBe(1);
    expect(ledger.lines.filter((line) => line.startsWith("received notifications/"))).toEqual([]);
    expect(pool.status()).toMatchObject([{ era: "stateless", protocolVersion: "2026-07-28" }]);
  });
});
