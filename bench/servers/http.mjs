// A raw Streamable HTTP server of both eras: `/json` answers with JSON, `/sse` with a stream of one event.
// Reports its port to the parent process and ends with it.

import { createServer } from "node:http";
import { acknowledgement, isStateless, opensStream, responseTo, resultOf } from "./tool.mjs";

const JSON_HEAD = { "content-type": "application/json" };
const SSE_HEAD = { "content-type": "text/event-stream", "cache-control": "no-cache" };

/** Whether the parent wants to see the next call as it came. */
let isRecording = false;

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
    if (isRecording && message.method === "tools/call") record(request, body);
    if (message.id === undefined || message.method === undefined) {
      response.writeHead(202).end();
    } else if (opensStream(message) && isStateless(message)) {
      response.writeHead(200, SSE_HEAD);
      response.write(eventOf(acknowledgement(message)));
    } else {
      respond(request, response, message);
    }
  });
});

function respond(request, response, message) {
  const result = resultOf(message);
  const text = responseTo(message, result);
  if (message.method === "initialize") response.setHeader("mcp-session-id", "bench-session");
  if (result === undefined && isStateless(message)) {
    response.writeHead(404, JSON_HEAD).end(text);
  } else if (request.url === "/sse") {
    response.writeHead(200, SSE_HEAD);
    response.write(eventOf(text));
    response.end();
  } else {
    response.writeHead(200, JSON_HEAD).end(text);
  }
}

function eventOf(text) {
  return `event: message\ndata: ${text}\n\n`;
}

function record({ rawHeaders }, body) {
  isRecording = false;
  process.send({ rawHeaders, body });
}

// A client that waits for its turn keeps its sockets.
server.keepAliveTimeout = 600_000;
server.listen(0, "127.0.0.1", 1024, () => process.send({ port: server.address().port }));
process.on("message", () => (isRecording = true));
process.on("disconnect", () => process.exit());
