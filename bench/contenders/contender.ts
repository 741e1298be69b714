// What is measured, and how it is reached.

/** Where the server is: its URL, or the command of a child process that each client starts for itself. */
export type Target =
  | { readonly kind: "http"; readonly url: string }
  | { readonly kind: "stdio"; readonly command: string; readonly args: readonly string[] };

export interface Client {
  /** One call of the tool `echo`; gives the text of the result. */
  call(): Promise<string>;
  close(): Promise<void>;
}

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

/** What the floors send: the very bytes that the pool sends. */
export function toolCall(id: number): object {
  return {
    jsonrpc: "2.0",
    id,
    method: "tools/call",
    params: { name: "echo", arguments: ARGUMENTS },
  };
}
