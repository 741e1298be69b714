// A raw Streamable HTTP server: `/json` answers with JSON, `/sse` with a stream of one event. Reports its port
// to the parent process and ends with it.

import { createServer } from "node:http";
import { answer } from "./tool.mjs";

const JSON_HEAD = { "content-type": "application/json" };
const SSE_HEAD = { "content-type": "text/event-stream", "cache-control": "no-cache" };

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
    const text = answer(message);
    if (text === undefined) {
      response.writeHead(202).end();
      return;
    }
    if (message.method === "initialize") response.setHeader("mcp-session-id", "bench-session");
    if (request.url === "/sse") {
      response.writeHead(200, SSE_HEAD);
      response.write(`event: message\ndata: ${text}\n\n`);
      response.end();
    } else {
      response.writeHead(200, JSON_HEAD).end(text);
    }
  });
});

// A client that waits for its turn keeps its sockets.
server.keepAliveTimeout = 600_000;
server.listen(0, "127.0.0.1", 1024, () => process.send({ port: server.address().port }));
process.on("disconnect", () => process.exit());
