// What the servers of the wire families answer where nothing hostile was asked for.

export interface Asked {
  readonly id?: string | number;
  readonly method?: string;
  readonly params?: { readonly arguments?: { readonly [key: string]: unknown } };
}

const TOOL = { name: "t", inputSchema: { type: "object" } };

/** The result of a request of a session; a call gives back its argument `token`. */
export function resultOf({ method, params }: Asked): object {
  switch (method) {
    case "initialize":
      return {
        protocolVersion: "2025-11-25",
        capabilities: { tools: { listChanged: true }, logging: {} },
        serverInfo: { name: "fuzz", version: "1" },
      };
    case "tools/list":
      return { tools: [TOOL] };
    case "tools/call":
      return { content: [{ type: "text", text: String(params?.arguments?.["token"]) }] };
    default:
      return {};
  }
}

export function answerTo(asked: Asked): object {
  if (asked.method === "server/discover") {
    return { jsonrpc: "2.0", id: asked.id, error: { code: -32601, message: "unknown" } };
  }
  return { jsonrpc: "2.0", id: asked.id, result: resultOf(asked) };
}
