// What the tests of bad input share: a pool in one process, and what every error of the kind must be.

import { createMemoryPair, McpClientPool, McpError } from "mcp-client-pool";
import type { JsonRpcMessage, MemoryServerEnd, PoolOptions, ServerConfig } from "mcp-client-pool";
import { expect, onTestFinished } from "vitest";

/** Put wherever a secret may stand: no message and no JSON of an error may hold it. */
export const SECRET: string = "s3cr3t-c4n4ry";

/** What the error must be; `says` is every piece that its message must hold. */
export interface Expected {
  readonly code: McpError["code"];
  readonly path?: string;
  readonly says?: readonly (string | RegExp)[];
}

/** Wrong on purpose: what a caller without types can pass. */
export const wrong = (value: unknown): never => value as never;

export function check(error: unknown, { code, path, says = [] }: Expected): void {
  expect(error).toBeInstanceOf(McpError);
  const { message } = error as McpError;
  expect(error).toMatchObject({ code, ...(path === undefined ? {} : { path }) });
  for (const piece of says) expect(message).toMatch(piece);
  expect(`${String(error)} ${JSON.stringify(error)}`).not.toContain(SECRET);
  expect(JSON.parse(JSON.stringify(error))).toMatchObject({ code, message });
}

export function thrown(action: () => unknown): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  throw new Error("it should have thrown");
}

export async function rejected(action: () => unknown): Promise<unknown> {
  try {
    await action();
  } catch (error) {
    return error;
  }
  throw new Error("it should have been rejected");
}

/** A server in this process with the tools `read_file` and `write_file`. */
function memoryServer(): ServerConfig {
  const { client, server } = createMemoryPair();
  server.onMessage((message) => answer(server, message));
  return { transport: client };
}

function answer(server: MemoryServerEnd, message: JsonRpcMessage): void {
  if (!("method" in message) || !("id" in message)) return;
  const inputSchema = { type: "object" };
  const results: Record<string, object> = {
    initialize: {
      protocolVersion: "2025-11-25",
      capabilities: { tools: {}, prompts: {}, resources: {}, completions: {}, logging: {} },
      serverInfo: { name: "memory", version: "1.0.0" },
    },
    "tools/list": {
      tools: ["read_file", "write_file"].map((name) => ({ name, inputSchema })),
    },
  };
  server.send({ jsonrpc: "2.0", id: message.id, result: results[message.method] ?? {} });
}

export async function connectedPool(options: PoolOptions = {}): Promise<McpClientPool> {
  const pool = new McpClientPool({
    ...options,
    servers: {
      files: memoryServer(),
      github: memoryServer(),
      spare: { url: "http://127.0.0.1:1/", disabled: true },
    },
  });
  onTestFinished(() => pool.closeAll({ drainMs: 0 }));
  await pool.connect();
  return pool;
}

/** The same mistake in one server's configuration, at each of the two doors. */
export async function checkServer(config: unknown, expected: Expected): Promise<void> {
  check(
    thrown(() => new McpClientPool({ servers: { files: wrong(config) } })),
    expected,
  );
  const pool = new McpClientPool();
  check(await rejected(() => pool.addClient("files", wrong(config))), expected);
  expect(pool.status()).toEqual([]);
}
