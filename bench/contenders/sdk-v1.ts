// The official SDK, version 1, as its documentation shows it.

import { Client as SdkClient } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";
import { ARGUMENTS, CLIENT_INFO, textOf } from "./contender.ts";
import type { Client, Target } from "./contender.ts";

export async function connectSdkV1(target: Target): Promise<Client> {
  const client = new SdkClient(CLIENT_INFO);
  const transport =
    target.kind === "http"
      ? new StreamableHTTPClientTransport(new URL(target.url))
      : new StdioClientTransport({ command: target.command, args: [...target.args] });
  // Its own classes do not fit its own interface under exactOptionalPropertyTypes.
  await client.connect(transport as Transport);
  return {
    call: async () => textOf(await client.callTool({ name: "echo", arguments: ARGUMENTS })),
    close: () => client.close(),
  };
}
