// A raw Streamable HTTP server of the session era, for long runs: `echo` answers with JSON, or with a stream if it is
// asked for progress; `fail` answers that it failed; `silent` never answers. Reports its port to the parent process and
// ends with it.

import { createServer } from "node:http";
import { CONTENT, responseTo, resultOf } from "./tool.mjs";

const JSON_HEAD = { "content-type": "application/json" };
const SSE_HEAD = { "content-type": "text/event-stream", "cache-control": "no-cache" };

const TOOLS = ["echo", "fail", "silent"].map((name) => ({
  name,
  inputSchema: { type: "object" },
}));
const FAILED = { content: [{ type: "text", text: "no such file" }], isError: true };

const server = createServer((request, response) => {
  if (request.method !== "POST") {
    response.writeHead(request.method === "DELETE" ? 200 : 405).end();
    return;
  }
  let body = "";
  request.setEncoding("utf8");
  request.on("data", (chunk) => (body += chunk));
  request.on("end", () => {
    const message = JSON.parse(body);
    if (message.id === undefined || message.method === undefined) response.writeHead(202).end();
    else if (message.method === "tools/call") call(response, message);
    else respond(response, message, answerTo(message));
  });
});

function answerTo(message) {
  return message.method === "tools/list" ? { tools: TOOLS } : resultOf(message);
}

function call(response, message) {
  const { name, _meta } = message.params;
  const progressToken = _meta?.progressToken;
  const isStream = progressToken !== undefined;
  if (isStream) {
    response.writeHead(200, SSE_HEAD);
    const params = { progressToken, progress: 1, total: 2 };
    response.write(eventOf({ jsonrpc: "2.0", method: "notifications/progress", params }));
  }
  if (name === "silent") return;
  const result = name === "fail" ? FAILED : { content: CONTENT };
  if (isStream) response.end(eventOf({ jsonrpc: "2.0", id: message.id, result }));
  else respond(response, message, result);
}

function respond(response, message, result) {
  if (message.method === "initialize") response.setHeader("mcp-session-id", "endurance-session");
  response.writeHead(200, JSON_HEAD).end(responseTo(message, result));
}

function eventOf(message) {
  return `event: message\ndata: ${JSON.stringify(message)}\n\n`;
}

// A client that waits for its turn keeps its sockets.
server.keepAliveTimeout = 600_000;
server.listen(0, "127.0.0.1", 1024, () => process.send({ port: server.address().port }));
process.on("disconnect", () => process.exit());
