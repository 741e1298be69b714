// The official SDK, version 2: a client for each server, as its documentation shows it.

import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { CLIENT_INFO } from "../../contenders/contender.ts";
import { inLanes } from "./fleet-client.ts";
import type { ConnectFleet } from "./fleet-client.ts";

export function loadSdkV2(): ConnectFleet {
  // Node loads its fetch with the first use of any part of it.
  void new Headers();
  return connectSdkV2;
}

const connectSdkV2: ConnectFleet = async (urls) => {
  const fleet = await inLanes(urls, async (url) => {
    const client = new Client(CLIENT_INFO);
    const transport = new StreamableHTTPClientTransport(new URL(url));
    await client.connect(transport);
    // Every page, and kept by the client as well.
    const { tools } = await client.listTools();
    return { client, transport, tools };
  });
  return {
    countTools: () => fleet.reduce((sum, { tools }) => sum + tools.length, 0),
    async close() {
      await inLanes(fleet, async ({ client, transport }) => {
        await transport.terminateSession();
        await client.close();
      });
    },
  };
};
