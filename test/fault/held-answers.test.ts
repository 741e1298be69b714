// Answers that come while their server's turn is over: they are read in its next turn, whatever they came in.

import { McpClientPool } from "mcp-client-pool";
import { expect, onTestFinished, test } from "vitest";
import { sseEvent, startHttpServer } from "../support/http-server.ts";

/** More than a slice, and less than what is read from a socket at once. */
const NOTICES = Array.from({ length: 800 }, () =>
  sseEvent({ jsonrpc: "2.0", method: "notifications/x" }),
).join("");

test("a stream that comes whole in one piece, with more than one turn can take, and stays open", async () => {
  const server = await startHttpServer({
    writeAnswer({ res, body }, answer, headers) {
      res.writeHead(200, { ...headers, "content-type": "text/event-stream" });
      if (body?.method === "tools/call") res.write(NOTICES + sseEvent(answer));
      else res.end(sseEvent(answer));
    },
  });
  const pool = new McpClientPool({ servers: { s: { url: server.url, protocol: "legacy" } } });
  onTestFinished(async () => {
    await pool.closeAll({ drainMs: 0 });
    await server.close();
  });
  await pool.connect();
  for (let key = 0; key < 10; key++) {
    const { content } = await pool.callTool("s__echo", { key: `k${key}` }, { timeoutMs: 5_000 });
    expect(content).toEqual([{ type: "text", text: `{"key":"k${key}"}` }]);
  }
});
