// What the pool says about input that is not wrong, but cannot be meant.

import { createMemoryPair, McpClientPool, McpError } from "mcp-client-pool";
import type { PoolOptions, ServerConfig } from "mcp-client-pool";
import { describe, expect, onTestFinished, test } from "vitest";
import { resolveServer } from "../../../src/connection/options.ts";
import { connectedPool, rejected, thrown, wrong } from "./bad-input-harness.ts";

describe("type, as some mcp.json files have it", () => {
  test.each([
    ["http", "http"],
    ["streamable-http", "http"],
    ["sse", "sse"],
    [undefined, "auto"],
  ])("%s of a URL is transport %s", (type, transport) => {
    const config = { url: "http://127.0.0.1:1/mcp", ...(type === undefined ? {} : { type }) };
    expect(resolveServer("s", config).target).toMatchObject({ kind: "http", transport });
  });

  test("stdio of a command", () => {
    const { target } = resolveServer("s", { command: "node", type: "stdio" });
    expect(target).toMatchObject({ kind: "stdio", command: "node" });
  });

  test("one that does not fit is refused", () => {
    const error = thrown(() => resolveServer("s", { command: "node", type: "http" }));
    expect(error).toMatchObject({ code: "INVALID_CONFIG", path: "servers.s.type" });
  });
});

function toolServer(): ServerConfig {
  const { client, server } = createMemoryPair();
  server.onMessage((message) => {
    if (!("method" in message) || !("id" in message)) return;
    const results: Record<string, object> = {
      initialize: {
        protocolVersion: "2025-11-25",
        capabilities: { tools: {} },
        serverInfo: { name: "memory", version: "1.0.0" },
      },
      "tools/list": { tools: [{ name: "echo", inputSchema: { type: "object" } }] },
    };
    server.send({ jsonrpc: "2.0", id: message.id, result: results[message.method] ?? {} });
  });
  return { transport: client };
}

test("a glob that matches nothing is a warning: a deny that denies nothing is a hole", async () => {
  const options: PoolOptions = {
    servers: { s: { ...toolServer(), tools: { deny: ["s__echo", "nothing*"], allow: ["e*"] } } },
  };
  const pool = new McpClientPool(options);
  onTestFinished(() => pool.closeAll({ drainMs: 0 }));
  const warnings: string[] = [];
  pool.on("warning", ({ message }) => warnings.push(message));
  await pool.connect();
  expect(pool.allTools.map(({ name }) => name)).toEqual(["s__echo"]);
  expect(warnings.map((text) => text.split(" ")[0])).toEqual(['"s__echo"', '"nothing*"']);
});

test("an event that will never come is refused, with the one that was meant", async () => {
  const pool = await connectedPool();
  const error = await rejected(() => pool.on(wrong("server.connect"), () => {}));
  expect(error).toMatchObject({ code: "INVALID_CONFIG" });
  expect((error as Error).message).toContain('did you mean "server.connected"');
});

test("JSON of an error has what its class adds", async () => {
  const pool = await connectedPool();
  const error = await rejected(() => pool.callTool("files__read_fil"));
  expect(error).toBeInstanceOf(McpError);
  expect((error as McpError).toJSON()).toMatchObject({
    tool: "files__read_fil",
    nearMatches: ["files__read_file", "files__write_file"],
  });
});
