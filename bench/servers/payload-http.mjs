// A raw Streamable HTTP server whose tool gives a large text: `/json` answers with JSON, `/sse` with a stream of one
// event. Its argument is the size of such a message, bytes. Reports its port to the parent process and ends with it.

import { createServer } from "node:http";
import { HEAD, restOf } from "./payload.mjs";
import { responseTo, resultOf } from "./tool.mjs";

const JSON_HEAD = { "content-type": "application/json" };
const SSE_HEAD = { "content-type": "text/event-stream", "cache-control": "no-cache" };

const rest = restOf(Number(process.argv[2]));
const restOfEvent = Buffer.concat([rest, Buffer.from("\n\n")]);

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
    else if (message.method === "tools/call")
      sendPayload(request.url === "/sse", response, message);
    else sendSmall(response, message);
  });
});

/** In one write; a stream of one event is one chunk. */
function sendPayload(isStream, response, { id }) {
  const start = `${isStream ? "event: message\ndata: " : ""}${HEAD}${JSON.stringify(id)}`;
  const body = Buffer.concat([Buffer.from(start), isStream ? restOfEvent : rest]);
  const head = isStream ? SSE_HEAD : { ...JSON_HEAD, "content-length": body.length };
  response.writeHead(200, head).end(body);
}

function sendSmall(response, message) {
  if (message.method === "initialize") response.setHeader("mcp-session-id", "bench-session");
  response.writeHead(200, JSON_HEAD).end(responseTo(message, resultOf(message)));
}

// A client that waits for its turn keeps its sockets.
server.keepAliveTimeout = 600_000;
server.listen(0, "127.0.0.1", 1024, () => process.send({ port: server.address().port }));
process.on("disconnect", () => process.exit());
