// A raw HTTP server with sessions that is there to be killed: it listens when and where its parent says, forgets every
// session with its process, and knows which calls it has run. It ends with its parent.

import { randomUUID } from "node:crypto";
import { createServer } from "node:http";

const JSON_HEAD = { "content-type": "application/json" };

/** `repeatable` says of itself that running it again does no harm. */
const TOOLS = ["work", "repeatable"].map((name) => ({
  name,
  description: "Gives back the id of the call.",
  inputSchema: { type: "object", properties: { id: { type: "string" } }, required: ["id"] },
  annotations: { idempotentHint: name === "repeatable" },
}));

const sessions = new Set();
/** The ids of all calls that have run here, in order. */
const ran = [];
/** Calls that get no answer any more; `undefined` before that. */
let held;
let reportAt = Infinity;

const server = createServer((request, response) => {
  if (request.method !== "POST") {
    response.writeHead(request.method === "DELETE" ? 200 : 405).end();
    return;
  }
  let body = "";
  request.setEncoding("utf8");
  request.on("data", (chunk) => (body += chunk));
  request.on("end", () => answer(request, response, JSON.parse(body)));
});

function answer(request, response, { id, method, params }) {
  if (method === "initialize") {
    const session = randomUUID();
    sessions.add(session);
    response.setHeader("mcp-session-id", session);
  } else if (!sessions.has(request.headers["mcp-session-id"])) {
    const error = { code: -32001, message: "Session not found" };
    response.writeHead(404, JSON_HEAD).end(JSON.stringify({ jsonrpc: "2.0", id: null, error }));
    return;
  }
  if (id === undefined) {
    response.writeHead(202).end();
    return;
  }
  if (method === "tools/call") {
    ran.push(params.arguments.id);
    if (held !== undefined) {
      held += 1;
      if (held === reportAt) process.send({ ran });
      return;
    }
  }
  const result = resultOf(method, params);
  response.writeHead(200, JSON_HEAD).end(JSON.stringify({ jsonrpc: "2.0", id, result }));
}

function resultOf(method, params) {
  switch (method) {
    case "initialize": {
      const { protocolVersion } = params;
      const serverInfo = { name: "mortal", version: "1.0.0" };
      return { protocolVersion, capabilities: { tools: {} }, serverInfo };
    }
    case "tools/list":
      return { tools: TOOLS };
    case "tools/call":
      return { content: [{ type: "text", text: params.arguments.id }] };
    default:
      return {};
  }
}

/** Milliseconds on the monotonic clock, which is the same in all processes. */
const now = () => Number(process.hrtime.bigint()) / 1e6;

process.on("message", (order) => {
  if (order === "report") {
    process.send({ ran });
  } else if (order.hold !== undefined) {
    held = 0;
    reportAt = order.hold;
  } else {
    server.listen(order.port, "127.0.0.1", 1024, () => {
      process.send({ at: now(), port: server.address().port });
    });
  }
});
server.on("error", ({ code }) => process.send({ error: code }));
// A client that waits for its turn keeps its sockets.
server.keepAliveTimeout = 600_000;
process.on("disconnect", () => process.exit());
