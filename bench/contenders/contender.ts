// What is measured, how it is reached, and what the floors send.

/** Where the server is: its URL, or the command of a child process that each client starts for itself. */
export type Target =
  | { readonly kind: "http"; readonly url: string }
  | { readonly kind: "stdio"; readonly command: string; readonly args: readonly string[] };

/** With a handshake and a session (up to 2025-11-25), or with all that matters in each request (2026-07-28). */
export type Era = "session" | "stateless";

export interface Client {
  /** One call of the tool `echo`; gives the text of the result. */
  call(): Promise<string>;
  close(): Promise<void>;
}

export const SESSION_VERSION = "2025-11-25";
export const STATELESS_VERSION = "2026-07-28";

/** What every contender says that it is. */
export const CLIENT_INFO: { readonly name: string; readonly version: string } = {
  name: "bench",
  version: "1.0.0",
};

/** The arguments of every call. */
export const ARGUMENTS: { readonly text: string; readonly count: number } = {
  text: "the quick brown fox jumps over the lazy dog",
  count: 7,
};

/** The text of a tool's result, or an error that ends the benchmark. */
export function textOf(result: unknown): string {
  const { content } = result as { content?: { text?: unknown }[] };
  const text = content?.[0]?.text;
  if (typeof text !== "string") throw new Error(`no result of echo: ${JSON.stringify(result)}`);
  return text;
}

/** What the pool says of itself in each request of the stateless era. */
const ENVELOPE: object = {
  "io.modelcontextprotocol/protocolVersion": STATELESS_VERSION,
  "io.modelcontextprotocol/clientInfo": CLIENT_INFO,
  "io.modelcontextprotocol/clientCapabilities": {
    extensions: { "io.modelcontextprotocol/tasks": {} },
  },
};

/** What the floors send: the very bytes that the pool sends. */
export function toolCall(id: number, era: Era): object {
  return {
    jsonrpc: "2.0",
    id,
    method: "tools/call",
    params:
      era === "session"
        ? { name: "echo", arguments: ARGUMENTS }
        : { name: "echo", arguments: ARGUMENTS, _meta: ENVELOPE },
  };
}
