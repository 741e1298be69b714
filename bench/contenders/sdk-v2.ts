// The official SDK, version 2, as its documentation shows it.

import { Client as SdkClient, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { ARGUMENTS, textOf } from "./contender.ts";
import type { Client, Target } from "./contender.ts";

export async function connectSdkV2(target: Target): Promise<Client> {
  const client = new SdkClient({ name: "bench", version: "1.0.0" });
  await client.connect(
    target.kind === "http"
      ? new StreamableHTTPClientTransport(new URL(target.url))
      : new StdioClientTransport({ command: target.command, args: [...target.args] }),
  );
  return {
    call: async () => textOf(await client.callTool({ name: "echo", arguments: ARGUMENTS })),
    close: () => client.close(),
  };
}
