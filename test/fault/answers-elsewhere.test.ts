// A server that answers every call with an empty 202 and the response on the change stream, which it never announced.

import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { McpClientPool } from "mcp-client-pool";
import { afterEach, expect, test } from "vitest";

const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of cleanups.splice(0)) await end();
});

interface Silent {
  readonly url: string;
  /** Calls that were run. */
  executed: number;
  /** GETs. */
  streams: number;
}

/** @param offersStream false: it answers GET with 405, and its responses come nowhere */
async function silentServer(offersStream: boolean): Promise<Silent> {
  let stream: ServerResponse | undefined;
  const seen = { url: "", executed: 0, streams: 0 };
  const unsent: string[] = [];
  const flush = (): void => {
    if (stream === undefined) return;
    for (const message of unsent.splice(0)) stream.write(`data: ${message}\n\n`);
  };
  const server = createServer((req, res) => {
    const chunks: Buffer[] = [];
    req.on("data", (chunk: Buffer) => chunks.push(chunk));
    req.on("end", () => {
      if (req.method === "GET") {
        seen.streams += 1;
        if (!offersStream) return res.writeHead(405).end();
        res.writeHead(200, { "content-type": "text/event-stream" }).write(": open\n\n");
        stream = res;
        return flush();
      }
      if (req.method !== "POST") return res.writeHead(200).end();
      const { id, method } = JSON.parse(Buffer.concat(chunks).toString()) as {
        id?: number;
        method: string;
      };
      const answer = (result: object): string => JSON.stringify({ jsonrpc: "2.0", id, result });
      const results: { [method: string]: object } = {
        initialize: {
          protocolVersion: "2025-06-18",
          capabilities: { tools: {} },
          serverInfo: { name: "silent", version: "1" },
        },
        "tools/list": { tools: [{ name: "work", inputSchema: { type: "object" } }] },
      };
      const result = results[method];
      if (result !== undefined) {
        const headers = { "content-type": "application/json", "mcp-session-id": "one" };
        return res.writeHead(200, headers).end(answer(result));
      }
      res.writeHead(202).end();
      if (method !== "tools/call") return;
      seen.executed += 1;
      unsent.push(answer({ content: [{ type: "text", text: "done" }] }));
      flush();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  cleanups.push(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  seen.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`;
  return seen;
}

async function poolOf(server: Silent, strict: boolean): Promise<McpClientPool> {
  const pool = new McpClientPool({
    servers: { s: { url: server.url, protocol: "legacy", strict } },
  });
  cleanups.unshift(() => pool.closeAll({ drainMs: 0 }));
  await pool.connect();
  return pool;
}

test("the stream is opened for the first such answer, and every call gets its result, run once", async () => {
  const server = await silentServer(true);
  const pool = await poolOf(server, false);
  expect(server.streams).toBe(0);
  const results = await Promise.all(Array.from({ length: 5 }, () => pool.callTool("s__work")));
  for (const result of results) expect(result).toMatchObject({ content: [{ text: "done" }] });
  expect([server.executed, server.streams]).toEqual([5, 1]);
  expect(pool.status()[0]?.quirks).toEqual({ "answer-on-change-stream": 5 });
});

test.each([
  ["where the server has no such stream", false, false, 1],
  ["strict", true, true, 0],
])("%s: an error at once, as the empty answer says", async (_, offersStream, strict, streams) => {
  const server = await silentServer(offersStream);
  const pool = await poolOf(server, strict);
  await expect(pool.callTool("s__work")).rejects.toMatchObject({
    code: "PROTOCOL_ERROR",
    sent: "yes",
  });
  expect([server.executed, server.streams]).toEqual([1, streams]);
});
