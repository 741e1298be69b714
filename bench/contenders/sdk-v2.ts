// The official SDK, version 2, as its documentation shows it.

import { Client as SdkClient, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import type { ClientOptions } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { ARGUMENTS, CLIENT_INFO, STATELESS_VERSION, textOf } from "./contender.ts";
import type { Client, Era, Target } from "./contender.ts";

/** Left to itself it speaks the session era. */
const STATELESS: ClientOptions = { versionNegotiation: { mode: { pin: STATELESS_VERSION } } };

export async function connectSdkV2(target: Target, era: Era): Promise<Client> {
  const client = new SdkClient(CLIENT_INFO, era === "session" ? {} : STATELESS);
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
