// Transports that a user brings along: the SDK's own, of both generations, and the pool's memory pair.

import { fileURLToPath } from "node:url";
import { StreamableHTTPClientTransport as V2HttpTransport } from "@modelcontextprotocol/client";
import { StdioClientTransport as V2StdioTransport } from "@modelcontextprotocol/client/stdio";
import { StdioClientTransport as V1StdioTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { StreamableHTTPClientTransport as V1HttpTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { McpServer as V1McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { InMemoryTransport as V1InMemoryTransport } from "@modelcontextprotocol/sdk/inMemory.js";
import {
  InMemoryTransport as V2InMemoryTransport,
  McpServer as V2McpServer,
} from "@modelcontextprotocol/server";
import { createMemoryPair, McpClientPool } from "mcp-client-pool";
import type { JsonRpcMessage, SdkTransport } from "mcp-client-pool";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { startHttpServer } from "../support/http-server.ts";
import { untilProcessGone } from "../support/processes.ts";
import { once } from "./kinds.ts";

const program = fileURLToPath(new URL("../support/stdio-server.mjs", import.meta.url));
const command = { command: process.execPath, args: [program, "{}"] };

const pidOf = async (pool: McpClientPool): Promise<number> => {
  const { content } = await pool.callTool("s__pid");
  return Number((content[0] as { text: string }).text);
};

describe.each([
  ["v1", () => new V1StdioTransport(command)],
  ["v2", () => new V2StdioTransport(command)],
])("the SDK's StdioClientTransport, %s", (_, create) => {
  test("is used for calls, follows changes, and is closed with the pool (6.1, 6.4)", async () => {
    await using pool = new McpClientPool();
    await pool.addClient("s", { transport: create() });
    const pid = await pidOf(pool);
    const changed = once(pool, "tools.changed");
    await pool.callTool("s__grow", { name: "grown" });
    await expect(changed).resolves.toMatchObject({ added: [{ name: "s__grown" }] });
    await pool.closeAll();
    await untilProcessGone(pid);
  });

  test("is not made anew: a process that died fails its calls for good (6.5)", async () => {
    await using pool = new McpClientPool();
    await pool.addClient("s", { transport: create() });
    const failed = once(pool, "server.failed");
    await expect(pool.callTool("s__crash")).rejects.toMatchObject({ code: "OUTCOME_UNKNOWN" });
    await failed;
    await expect(pool.callTool("s__echo")).rejects.toMatchObject({ server: "s", sent: "no" });
    expect(pool.status()).toMatchObject([{ state: "failed" }]);
  });
});

describe.each([
  ["v1", (url: URL): SdkTransport => new V1HttpTransport(url)],
  ["v2", (url: URL): SdkTransport => new V2HttpTransport(url)],
])("the SDK's StreamableHTTPClientTransport, %s", (_, create) => {
  test("is told the negotiated version, and keeps its session itself (3.5, 3.8)", async () => {
    const server = await startHttpServer();
    try {
      await using pool = new McpClientPool();
      await pool.addClient("s", { transport: create(server.url) });
      await pool.callTool("s__echo", { key: "a" });
      expect(server.executionCount("echo", "a")).toBe(1);
      const [call] = server.requestsOf("tools/call");
      expect(call?.headers["mcp-protocol-version"]).toBe("2025-11-25");
      expect([...server.sessions]).toEqual([call?.headers["mcp-session-id"]]);
    } finally {
      await server.close();
    }
  });
});

test("an McpServer of the SDK, version 1, in the same process (8.1)", async () => {
  const [ours, theirs] = V1InMemoryTransport.createLinkedPair();
  const server = new V1McpServer({ name: "v1", version: "1.0.0" });
  server.registerTool("twice", { inputSchema: { n: z.number() } }, ({ n }) => ({
    content: [{ type: "text", text: String(2 * n) }],
  }));
  await server.connect(theirs);
  await expectTwice(ours, (name) => server.registerTool(name, {}, () => ({ content: [] })));
});

test("an McpServer of the SDK, version 2, in the same process (8.1)", async () => {
  const [ours, theirs] = V2InMemoryTransport.createLinkedPair();
  const server = new V2McpServer({ name: "v2", version: "1.0.0" });
  server.registerTool("twice", { inputSchema: z.object({ n: z.number() }) }, ({ n }) => ({
    content: [{ type: "text", text: String(2 * n) }],
  }));
  await server.connect(theirs);
  await expectTwice(ours, (name) => server.registerTool(name, {}, () => ({ content: [] })));
});

/** Calls, is refused for bad arguments, follows a tool that is registered later. */
async function expectTwice(
  transport: SdkTransport,
  register: (name: string) => unknown,
): Promise<void> {
  await using pool = new McpClientPool();
  await pool.addClient("s", { transport });
  const { content } = await pool.callTool("s__twice", { n: 21 });
  expect(content).toEqual([{ type: "text", text: "42" }]);
  // Arguments are the server's to validate (8.9); how it refuses them is its own affair.
  const refused = await pool.callTool("s__twice", { n: "x" }).catch((cause: unknown) => cause);
  expect(refused).toSatisfy(
    (outcome: { isError?: boolean; rpcCode?: number }) =>
      outcome.isError === true || outcome.rpcCode === -32602,
  );
  const changed = once(pool, "tools.changed");
  register("later");
  await expect(changed).resolves.toMatchObject({ added: [{ name: "s__later" }] });
}

test("a memory pair is a server in a few lines, and its close is a lost connection (6.5)", async () => {
  const { client, server } = createMemoryPair();
  const seen: string[] = [];
  server.onMessage((message: JsonRpcMessage) => {
    if (!("method" in message)) return;
    seen.push(message.method);
    if (!("id" in message)) return;
    const reply = (result: object): void => server.send({ jsonrpc: "2.0", id: message.id, result });
    if (message.method === "initialize") {
      const serverInfo = { name: "memory", version: "1.0.0" };
      const capabilities = { tools: {} };
      reply({ protocolVersion: "2025-11-25", capabilities, serverInfo });
    } else if (message.method === "tools/list") {
      reply({ tools: [{ name: "t", inputSchema: { type: "object" } }] });
    } else if (message.method === "tools/call") {
      server.close();
    } else {
      const error = { code: -32601, message: "no such method" };
      server.send({ jsonrpc: "2.0", id: message.id, error });
    }
  });
  await using pool = new McpClientPool();
  await pool.addClient("s", { transport: client });
  expect(pool.allTools.map(({ name }) => name)).toEqual(["s__t"]);
  await expect(pool.callTool("s__t")).rejects.toMatchObject({
    code: "OUTCOME_UNKNOWN",
    sent: expect.stringMatching(/^(yes|unknown)$/) as unknown,
  });
  expect(seen).toEqual([
    "server/discover",
    "initialize",
    "notifications/initialized",
    "tools/list",
    "tools/call",
  ]);
});
