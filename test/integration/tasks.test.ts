// Tasks of 2025-11-25, for the tools that insist on them.

import { InMemoryTransport } from "@modelcontextprotocol/sdk/inMemory.js";
import { createMemoryPair, McpClientPool, McpTimeoutError } from "mcp-client-pool";
import type { JsonRpcMessage, PoolOptions, ServerConfig } from "mcp-client-pool";
import { describe, expect, test } from "vitest";
import { until } from "../support/processes.ts";
import { startStreamableHost } from "./servers/http.ts";
import { createTaskServer } from "./servers/tasks.ts";

interface Bench extends AsyncDisposable {
  readonly pool: McpClientPool;
  readonly lines: readonly string[];
}

type Start = (
  record: (line: string) => void,
) => Promise<{ config: ServerConfig; close(): Promise<void> }>;

const KINDS: readonly { name: string; start: Start }[] = [
  ...(["sse", "json"] as const).map((replies) => ({
    name: `SDK v1, Streamable HTTP, ${replies} replies`,
    async start(record: (line: string) => void) {
      const createServer = createTaskServer;
      const host = await startStreamableHost({ generation: "v1", replies, record, createServer });
      return { config: { url: host.url }, close: () => host.close() };
    },
  })),
  {
    name: "SDK v1, its InMemoryTransport",
    async start(record) {
      const [transport, theirs] = InMemoryTransport.createLinkedPair();
      const server = createTaskServer(record);
      await server.connect(theirs);
      return { config: { transport }, close: () => server.close() };
    },
  },
];

async function startBench(start: Start, options: PoolOptions = {}): Promise<Bench> {
  const lines: string[] = [];
  const server = await start((line) => void lines.push(line));
  const pool = new McpClientPool(options);
  await pool.addClient("s", server.config);
  return {
    pool,
    lines,
    async [Symbol.asyncDispose]() {
      await pool.closeAll();
      await server.close();
    },
  };
}

const count = (lines: readonly string[], line: string): number =>
  lines.filter((one) => one === line).length;

describe.each(KINDS)("$name", ({ name, start }) => {
  test("a tool that demands it runs as a task, polled until it is done, and runs once (12.14 - 12.16)", async () => {
    await using bench = await startBench(start);
    const result = await bench.pool.callTool("s__research", { fate: "completes", key: "a" });
    expect(result.content).toEqual([{ type: "text", text: "found" }]);
    expect(result).not.toHaveProperty("task");
    expect(count(bench.lines, "research a")).toBe(1);
    expect(count(bench.lines, "poll a")).toBe(2);
    expect(bench.lines).toContain("ttl number");
  });

  test("a tool that does not is called as any other (12.14)", async () => {
    await using bench = await startBench(start);
    const { content } = await bench.pool.callTool("s__plain");
    expect(content).toEqual([{ type: "text", text: "at once" }]);
  });

  test("the result of a failed task is fetched, and is a result (12.20)", async () => {
    await using bench = await startBench(start);
    const result = await bench.pool.callTool("s__research", { fate: "fails" });
    expect(result).toMatchObject({
      isError: true,
      content: [{ type: "text", text: "nothing found" }],
    });
  });

  // With JSON replies the SDK has no stream on which the question could travel.
  if (!name.includes("json")) {
    test("a task that needs input gets it, its answer tagged with the task (12.17, 12.18)", async () => {
      const asked: object[] = [];
      await using bench = await startBench(start, {
        onElicitation: (params) => {
          asked.push(params);
          return { action: "accept", content: { which: "this" } };
        },
      });
      const result = await bench.pool.callTool("s__research", { fate: "asks" });
      const [block] = result.content as { text: string }[];
      expect(JSON.parse(block?.text ?? "null")).toMatchObject({
        action: "accept",
        content: { which: "this" },
        _meta: {
          "io.modelcontextprotocol/related-task": { taskId: expect.any(String) as unknown },
        },
      });
      expect(asked).toMatchObject([{ message: "Which one?" }]);
      expect(bench.lines).toContain("task input_required");
    });
  }

  test("progress goes on after the task was created (8.20)", async () => {
    await using bench = await startBench(start, { listen: true });
    const steps: number[] = [];
    await bench.pool.callTool(
      "s__research",
      { fate: "completes" },
      { onProgress: ({ progress }) => steps.push(progress) },
    );
    expect(steps[0]).toBe(1);
  });

  test("an aborted call cancels its task with tasks/cancel (8.23, 12.19)", async () => {
    await using bench = await startBench(start);
    const abort = new AbortController();
    const reason = new Error("enough");
    const call = bench.pool.callTool(
      "s__research",
      { fate: "hangs", key: "a" },
      { signal: abort.signal },
    );
    const outcome = call.catch((cause: unknown) => cause);
    await until(() => bench.lines.includes("poll a"), "the first poll");
    abort.abort(reason);
    expect(await outcome).toBe(reason);
    await until(() => bench.lines.includes("task cancelled"), "the task to be cancelled");
    expect(count(bench.lines, "research a")).toBe(1);
  });

  test("a task that outlives the total limit is cancelled (8.22, 12.19)", async () => {
    await using bench = await startBench(start);
    const error = await bench.pool
      .callTool("s__research", { fate: "hangs", key: "a" }, { totalTimeoutMs: 500 })
      .catch((cause: unknown) => cause);
    expect(error).toBeInstanceOf(McpTimeoutError);
    await until(() => bench.lines.includes("task cancelled"), "the task to be cancelled");
  });
});

test("a server that did not declare tasks is never sent one, whatever its tool says (12.14)", async () => {
  const calls: unknown[] = [];
  await using pool = new McpClientPool();
  await pool.addClient("s", {
    transport: answering({
      initialize: () => ({
        protocolVersion: "2025-11-25",
        capabilities: { tools: {} },
        serverInfo: { name: "none", version: "1" },
      }),
      "tools/list": () => ({
        tools: [
          { name: "t", inputSchema: { type: "object" }, execution: { taskSupport: "required" } },
        ],
      }),
      "tools/call": (params) => {
        calls.push(params);
        return { content: [] };
      },
    }),
  });
  await pool.callTool("s__t");
  expect(calls).toEqual([{ name: "t", arguments: {} }]);
});

/** A server in a memory pair, one function for each method. */
function answering(methods: { [method: string]: (params: object | undefined) => object }) {
  const { client, server } = createMemoryPair();
  server.onMessage((message: JsonRpcMessage) => {
    if (!("method" in message) || !("id" in message)) return;
    const { id, method, params } = message;
    server.send({ jsonrpc: "2.0", id, result: methods[method]?.(params) ?? {} });
  });
  return client;
}
