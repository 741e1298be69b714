// "notes": an MCP server over stdio, written with the official SDK. Run as: node stdio.mjs JOURNAL HOLD
//
// JOURNAL  a file that outlives the process: one line per start, `started <pid>`, and per execution, `ran <key>`
// HOLD     while a file of that name exists, every call that has begun waits
import { appendFileSync, existsSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { McpServer } from "@modelcontextprotocol/server";
import { StdioServerTransport } from "@modelcontextprotocol/server/stdio";
import * as z from "zod";

const [journal, hold] = process.argv.slice(2);
if (journal === undefined || hold === undefined) {
  console.error("usage: node stdio.mjs JOURNAL HOLD");
  process.exit(2);
}

async function work(key, signal) {
  appendFileSync(journal, `ran ${key}\n`);
  while (existsSync(hold)) await delay(5, undefined, { signal });
}

async function reportProgress({ mcpReq }, progress, message) {
  const progressToken = mcpReq._meta?.progressToken;
  if (progressToken === undefined) return;
  const params = { progressToken, progress, total: 2, message };
  await mcpReq.notify({ method: "notifications/progress", params });
}

const server = new McpServer({ name: "notes", version: "1.0.0" });

server.registerTool(
  "save_note",
  {
    description: "Save a note, once per key.",
    inputSchema: z.object({
      key: z.string().describe("Names the note"),
      text: z.string().describe("What it says"),
    }),
    annotations: { idempotentHint: true },
  },
  async ({ key, text: note }, context) => {
    await reportProgress(context, 1, "writing");
    await work(key, context.mcpReq.signal);
    await reportProgress(context, 2, "saved");
    return { content: [{ type: "text", text: `saved: ${note.slice(0, 40)} (${key})` }] };
  },
);

server.registerTool(
  "send_mail",
  {
    description: "Send a mail: one more per call.",
    inputSchema: z.object({
      key: z.string().describe("Names the mail in the journal"),
      to: z.string().describe("Who gets it"),
    }),
  },
  async ({ key, to }, context) => {
    await work(key, context.mcpReq.signal);
    return { content: [{ type: "text", text: `sent: to ${to} (${key})` }] };
  },
);

appendFileSync(journal, `started ${process.pid}\n`);
await server.connect(new StdioServerTransport());
