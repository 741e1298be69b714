// A server in the process under test, behind a pair in memory; used once, as such a transport is.

import { createMemoryPair } from "mcp-client-pool";
import type { JsonRpcMessage, Transport } from "mcp-client-pool";
import type { MemorySpec } from "../fleet.ts";
import type { Log } from "../log.ts";
import { createDuplexServer } from "./duplex.mjs";
import type { Message } from "./protocol.mjs";

export interface MemoryServer {
  readonly transport: Transport;
  storm(count: number): void;
  /** The client's end breaks. */
  drop(): void;
}

export function startMemoryServer({ name, era }: MemorySpec, log: Log): MemoryServer {
  const pair = createMemoryPair();
  const send = (message: object): void => pair.server.send(message as JsonRpcMessage);
  const server = createDuplexServer({ name, era, send, log });
  pair.server.onMessage((message) => server.onMessage(message as Message));
  return {
    transport: pair.client,
    storm: (count) => server.storm(count),
    drop: () => {
      server.close();
      pair.server.close();
    },
  };
}
