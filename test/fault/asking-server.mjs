// A server over stdio that asks for input once it is initialized, and says nothing any more from then on.

import { createInterface } from "node:readline";

let isSilent = false;

function say(message) {
  process.stdout.write(`${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`);
}

createInterface({ input: process.stdin }).on("line", (line) => {
  const { id, method } = JSON.parse(line);
  if (method === "initialize") {
    const serverInfo = { name: "asking", version: "1" };
    say({ id, result: { protocolVersion: "2025-11-25", capabilities: { tools: {} }, serverInfo } });
  } else if (method === "tools/list") {
    say({ id, result: { tools: [] } });
    const params = { message: "?", requestedSchema: { type: "object", properties: {} } };
    say({ id: "question", method: "elicitation/create", params });
    isSilent = true;
  } else if (id !== undefined && !isSilent) say({ id, result: {} });
});
