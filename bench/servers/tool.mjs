// The one tool that both benchmark servers offer, and their answers: session era, as little work as possible.

const TOOL = {
  name: "echo",
  description: "Gives a text of a fixed size.",
  inputSchema: {
    type: "object",
    properties: { text: { type: "string" }, count: { type: "integer" } },
    required: ["text"],
  },
};
const CONTENT = [{ type: "text", text: "All work and no play makes a dull benchmark. ".repeat(5) }];

/** The response to a request as JSON text, or `undefined` for what asks for none. */
export function answer(message) {
  const { id, method } = message;
  if (id === undefined || method === undefined) return undefined;
  switch (method) {
    case "tools/call":
      return success(id, { content: CONTENT });
    case "tools/list":
      return success(id, { tools: [TOOL] });
    case "ping":
      return success(id, {});
    case "initialize":
      return success(id, {
        protocolVersion: message.params.protocolVersion,
        capabilities: { tools: {} },
        serverInfo: { name: "bench", version: "1.0.0" },
      });
    default: {
      const error = { code: -32601, message: `no method ${method}` };
      return JSON.stringify({ jsonrpc: "2.0", id, error });
    }
  }
}

function success(id, result) {
  return JSON.stringify({ jsonrpc: "2.0", id, result });
}
