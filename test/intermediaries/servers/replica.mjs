// A server of the official SDK, version 1, that keeps its sessions in memory, as most deployed servers do.
// Its parent says when it listens, and on which port; a ledger that outlives the process keeps what it ran.

import { AsyncLocalStorage } from "node:async_hooks";
import { randomUUID } from "node:crypto";
import { appendFileSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { StreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/streamableHttp.js";
import { z } from "zod";

const { name, ledger, json, allowBuffering, refusal } = JSON.parse(process.argv[2]);
const sessions = new Map();
/** The HTTP request that a tool was called by. */
const current = new AsyncLocalStorage();

function note(what, details = {}) {
  appendFileSync(ledger, `${JSON.stringify({ what, replica: name, ...details })}\n`);
}

/** Whether any replica has run it: a call meets its fault once. */
function hasRun(key) {
  const lines = readFileSync(ledger, "utf8").split("\n");
  return lines.some((line) => line !== "" && JSON.parse(line).key === key);
}

/** How a session that is not known is refused: as the SDK does it, and as the SDK's example does it. */
const REFUSALS = {
  404: { code: -32001, message: "Session not found" },
  400: { code: -32000, message: "Bad Request: No valid session ID provided" },
};

/** How the connection ends instead of carrying the result. */
const FAULTS = {
  reset: (socket) => socket.resetAndDestroy(),
  close: (socket) => socket.destroy(),
  exit: () => process.exit(1),
  hang: () => {},
};

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const text = (value) => ({ content: [{ type: "text", text: value }] });

function createMcpServer() {
  const info = { name: "replica", version: "1.0.0" };
  const server = new McpServer(info, { capabilities: { tools: { listChanged: true } } });
  const work = { key: z.string(), ms: z.number().optional(), fault: z.string().optional() };
  server.registerTool("work", { inputSchema: work }, async ({ key, ms = 0, fault }) => {
    const { socket, headers } = current.getStore();
    const breaks = fault !== undefined && !hasRun(key);
    note("ran", { key, request: headers["x-request-id"] });
    if (ms > 0) await pause(ms);
    if (!breaks) return text(`${key} by ${name}`);
    FAULTS[fault](socket);
    return new Promise(() => {});
  });
  const count = { steps: z.number(), everyMs: z.number() };
  server.registerTool("count", { inputSchema: count }, async ({ steps, everyMs }, extra) => {
    const progressToken = extra._meta?.progressToken;
    for (let progress = 1; progress <= steps; progress += 1) {
      const params = { progressToken, progress, total: steps };
      await extra.sendNotification({ method: "notifications/progress", params });
      await pause(everyMs);
    }
    note("counted");
    return text("counted");
  });
  let grown = 0;
  server.registerTool("grow", {}, () => {
    grown += 1;
    server.registerTool(`grown-${grown}`, {}, () => text(""));
    return text(`grown-${grown}`);
  });
  return server;
}

async function openSession() {
  const transport = new StreamableHTTPServerTransport({
    sessionIdGenerator: () => `${name}-${randomUUID()}`,
    onsessioninitialized: (id) => void sessions.set(id, transport),
    onsessionclosed: (id) => void sessions.delete(id),
    enableJsonResponse: json,
  });
  await createMcpServer().connect(transport);
  return transport;
}

async function handle(req, res) {
  // Servers of other SDKs, and older ones of this, do not ask proxies to let streams through.
  if (allowBuffering) hideFrom(res, "x-accel-buffering");
  const id = req.headers["mcp-session-id"];
  const session = id === undefined ? undefined : sessions.get(id);
  if (id !== undefined && session === undefined) {
    note("refused", { method: req.method });
    res.writeHead(refusal, { "content-type": "application/json" });
    res.end(JSON.stringify({ jsonrpc: "2.0", id: null, error: REFUSALS[refusal] }));
    return;
  }
  if (req.method === "GET") note("listening");
  const body = req.method === "POST" ? await bodyOf(req) : undefined;
  if (body?.method === "initialize") note("initialize");
  const transport = session ?? (await openSession());
  await current.run(req, () => transport.handleRequest(req, res, body));
}

function hideFrom(res, hidden) {
  const writeHead = res.writeHead.bind(res);
  res.writeHead = (status, headers = {}) => {
    const kept = Object.entries(headers).filter(([header]) => header.toLowerCase() !== hidden);
    return writeHead(status, Object.fromEntries(kept));
  };
}

async function bodyOf(req) {
  const chunks = [];
  for await (const chunk of req) chunks.push(chunk);
  return JSON.parse(Buffer.concat(chunks).toString("utf8"));
}

const server = createServer((req, res) => {
  handle(req, res).catch(() => res.destroy());
});
// Longer than a proxy keeps its connections, so that none is closed while a request is on its way.
server.keepAliveTimeout = 600_000;
process.on("message", ({ port }) => {
  server.listen(port, "127.0.0.1", () => process.send({ port: server.address().port }));
});
process.on("disconnect", () => process.exit());
process.send({ ready: true });
