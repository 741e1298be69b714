// An MCP server with sessions in a process of its own, which closes idle sockets when it is told to, or by a rule.
// argv[2], JSON: { keepAliveMs?, requestsPerSocket? }. Over IPC it says { url }; then, asked
//   { end: "fin" | "rst", file }    it closes all idle sockets so, and then makes that file;
//   { count: true }                 it says { ran: { [key]: times }, sockets } (all that were ever accepted);
//   { stop: true }                  it ends.

import { writeFileSync } from "node:fs";
import { createServer } from "node:http";

const { keepAliveMs, requestsPerSocket = Infinity } = JSON.parse(process.argv[2] ?? "{}");
const TOOLS = [
  { name: "work", inputSchema: { type: "object" } },
  { name: "read", inputSchema: { type: "object" }, annotations: { readOnlyHint: true } },
];

const ran = {};
const idle = new Set();
const counts = new WeakMap();
const timers = new WeakMap();
let sockets = 0;

const server = createServer((req, res) => void answer(req, res));

async function answer(req, res) {
  const { socket } = req;
  idle.delete(socket);
  clearTimeout(timers.get(socket));
  let text = "";
  for await (const chunk of req) text += chunk;
  const count = (counts.get(socket) ?? 0) + 1;
  counts.set(socket, count);
  res.once("finish", () => {
    idle.add(socket);
    // Nothing announces it: what follows on this socket is lost.
    if (count >= requestsPerSocket) socket.end();
    if (keepAliveMs !== undefined)
      timers.set(
        socket,
        setTimeout(() => socket.end(), keepAliveMs),
      );
  });
  // With this of its own, Node adds no Keep-Alive header, which would say how long it lasts.
  res.setHeader("connection", "keep-alive");
  if (req.method !== "POST") return void res.writeHead(req.method === "DELETE" ? 204 : 405).end();
  const { id, method, params } = JSON.parse(text);
  if (id === undefined) return void res.writeHead(202).end();
  const headers = { "content-type": "application/json" };
  if (method === "initialize") headers["mcp-session-id"] = "s";
  const body = JSON.stringify({ jsonrpc: "2.0", id, result: resultOf(method, params) });
  res.writeHead(200, { ...headers, "content-length": Buffer.byteLength(body) }).end(body);
}
// Node's own adds a second in some versions.
server.keepAliveTimeout = 0;
server.on("connection", (socket) => {
  sockets += 1;
  socket.on("error", () => {});
  socket.once("close", () => idle.delete(socket));
});
server.listen(0, "127.0.0.1", () => {
  process.send({ url: `http://127.0.0.1:${server.address().port}/mcp` });
});

function resultOf(method, params) {
  if (method === "tools/list") return { tools: TOOLS };
  if (method === "tools/call") {
    const { key } = params.arguments;
    ran[key] = (ran[key] ?? 0) + 1;
    return { content: [{ type: "text", text: key }] };
  }
  const serverInfo = { name: "keep-alive", version: "1" };
  return method === "initialize"
    ? { protocolVersion: "2025-11-25", capabilities: { tools: {} }, serverInfo }
    : {};
}

process.on("message", ({ end, file, count, stop }) => {
  if (count === true) process.send({ ran, sockets });
  if (stop === true) process.exit();
  if (end === undefined) return;
  const all = [...idle];
  idle.clear();
  let left = all.length;
  const done = () => {
    if (--left <= 0) writeFileSync(file, String(all.length));
  };
  if (left === 0) done();
  for (const socket of all) {
    if (end === "rst") {
      socket.once("close", done);
      socket.resetAndDestroy();
    } else socket.end(done);
  }
});
process.on("disconnect", () => process.exit());
