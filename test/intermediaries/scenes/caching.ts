// A cache in front of a server: does one client's refused stream for changes become everybody's?

import { randomUUID } from "node:crypto";
import { startIntermediary } from "../programs/start.ts";
import type { ProgramName } from "../programs/programs.ts";
import { Replicas } from "../servers/replicas.ts";
import { valuesOf } from "./replica-values.ts";

export interface Caching {
  readonly program: ProgramName;
  readonly config: string;
  /** What a client with a session gets after another client's 404. */
  readonly status: 200 | 404;
}

export const CACHINGS: readonly Caching[] = [
  { program: "Varnish", config: "caching.vcl", status: 404 },
  { program: "Varnish", config: "recommended.vcl", status: 200 },
];

const VERSION = "2025-11-25";

/** The status of the stream for changes, of a session that the server knows. */
export async function measureCaching({ program, config }: Caching): Promise<number> {
  await using replicas = await Replicas.start(1);
  await using proxy = await startIntermediary(program, config, valuesOf(replicas));
  const ending = new AbortController();
  try {
    const stream = async (session: string): Promise<number> => {
      const headers = {
        accept: "text/event-stream",
        "mcp-session-id": session,
        "mcp-protocol-version": VERSION,
      };
      const response = await fetch(proxy.url, { headers, signal: ending.signal });
      return response.status;
    };
    const refused = await stream(randomUUID());
    if (refused !== 404) throw new Error(`a session that nobody knows gets ${refused}`);
    const response = await fetch(proxy.url, {
      method: "POST",
      headers: {
        accept: "application/json, text/event-stream",
        "content-type": "application/json",
      },
      body: JSON.stringify({
        jsonrpc: "2.0",
        id: 1,
        method: "initialize",
        params: {
          protocolVersion: VERSION,
          capabilities: {},
          clientInfo: { name: "test", version: "1.0.0" },
        },
      }),
      signal: ending.signal,
    });
    await response.text();
    return await stream(response.headers.get("mcp-session-id") ?? "");
  } finally {
    ending.abort();
  }
}
