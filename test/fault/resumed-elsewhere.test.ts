// A stream that broke after an event id, resumed behind a load balancer: most replicas do not know its session.

import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { McpClientPool } from "mcp-client-pool";
import { afterEach, expect, test } from "vitest";

const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of cleanups.splice(0)) await end();
});

/** @param strangers GETs that meet a replica without the session, before one meets the right one */
async function replicas(strangers: number): Promise<{ url: string; gets: number; runs: number }> {
  const seen = { url: "", gets: 0, runs: 0 };
  let response = "";
  const server = createServer((req, res) => {
    const chunks: Buffer[] = [];
    req.on("data", (chunk: Buffer) => chunks.push(chunk));
    req.on("end", () => {
      const events = { "content-type": "text/event-stream" };
      if (req.method === "GET") {
        seen.gets += 1;
        if (seen.gets <= strangers) return res.writeHead(404).end("no such session");
        return res.writeHead(200, events).end(`id: 2\ndata: ${response}\n\n`);
      }
      if (req.method !== "POST") return res.writeHead(200).end();
      const { id, method } = JSON.parse(Buffer.concat(chunks).toString()) as {
        id?: number;
        method: string;
      };
      if (id === undefined) return res.writeHead(202).end();
      const answer = (result: object): string => JSON.stringify({ jsonrpc: "2.0", id, result });
      const headers = { "content-type": "application/json", "mcp-session-id": "one" };
      if (method === "initialize") {
        const result = {
          protocolVersion: "2025-06-18",
          capabilities: { tools: {} },
          serverInfo: { name: "replicas", version: "1" },
        };
        return res.writeHead(200, headers).end(answer(result));
      }
      if (method === "tools/list") {
        const tools = [{ name: "work", inputSchema: { type: "object" } }];
        return res.writeHead(200, headers).end(answer({ tools }));
      }
      if (method === "ping") return res.writeHead(200, headers).end(answer({}));
      seen.runs += 1;
      response = answer({ content: [{ type: "text", text: "done" }] });
      return res.writeHead(200, events).write("id: 1\nretry: 1\ndata: \n\n", () => res.destroy());
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

async function call(url: string, strict = false): Promise<unknown> {
  const pool = new McpClientPool({ servers: { s: { url, protocol: "legacy", strict } } });
  cleanups.unshift(() => pool.closeAll({ drainMs: 0 }));
  await pool.connect();
  return pool.callTool("s__work").catch((error: unknown) => error);
}

test.each([0, 1, 7])(
  "%d replicas without the session: resumed, and run once",
  async (strangers) => {
    const server = await replicas(strangers);
    expect(await call(server.url)).toMatchObject({ content: [{ text: "done" }] });
    expect([server.gets, server.runs]).toEqual([strangers + 1, 1]);
  },
);

test.each([
  ["a session that no replica knows any more", false, 8],
  ["strict: the first refusal is final", true, 1],
])("%s: the outcome is unknown, and nothing runs twice", async (_, strict, gets) => {
  const server = await replicas(99);
  expect(await call(server.url, strict)).toMatchObject({ code: "OUTCOME_UNKNOWN" });
  expect([server.gets, server.runs]).toEqual([gets, 1]);
});
