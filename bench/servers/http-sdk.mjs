// The official SDK's server, version 2, over HTTP in the stateless era, as its documentation shows it. Reports its
// port to the parent process and ends with it.

import { createServer } from "node:http";
import { toNodeHandler } from "@modelcontextprotocol/node";
import { createMcpHandler, McpServer } from "@modelcontextprotocol/server";
import { z } from "zod";
import { CONTENT, DESCRIPTION } from "./tool.mjs";

const inputSchema = z.object({ text: z.string(), count: z.number().int().optional() });

function createBenchServer() {
  const mcp = new McpServer({ name: "bench", version: "1.0.0" });
  mcp.registerTool("echo", { description: DESCRIPTION, inputSchema }, () => ({ content: CONTENT }));
  return mcp;
}

const handle = toNodeHandler(createMcpHandler(createBenchServer, { legacy: "reject" }));
const server = createServer((request, response) => void handle(request, response));

// A client that waits for its turn keeps its sockets.
server.keepAliveTimeout = 600_000;
server.listen(0, "127.0.0.1", 1024, () => process.send({ port: server.address().port }));
process.on("disconnect", () => process.exit());
