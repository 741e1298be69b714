// `initialize`, over the four session revisions.
// https://modelcontextprotocol.io/specification/2025-11-25/basic/lifecycle

import { McpProtocolError, McpResponseError } from "../../core/errors.ts";
import type { ResponseHead } from "../../jsonrpc/transport.ts";
import type { InitializeResult } from "../../spec/types.ts";
import { isSessionVersion, SESSION_VERSIONS } from "../../spec/versions.ts";
import type { SessionVersion } from "../../spec/versions.ts";
import type { EraHost } from "../era.ts";
import { supportedOf } from "../classify.ts";
import { clientCapabilities } from "../handlers.ts";

export interface Handshake {
  readonly result: InitializeResult;
  readonly version: SessionVersion;
  /** A secret (3.12); absent if the server keeps no sessions, or the channel is no HTTP. */
  readonly sessionId: string | undefined;
}

/**
 * Asks for a session. Before the answer nothing else is sent, and it is never cancelled (2.11).
 *
 * @throws {McpProtocolError} if the answer is no InitializeResult, or names a revision that we do not speak.
 */
export async function initialize(
  host: EraHost,
  wanted: SessionVersion,
  signal: AbortSignal,
): Promise<Handshake> {
  try {
    return await offer(host, wanted, signal);
  } catch (error) {
    const mutual = mutualVersion(error, wanted);
    if (mutual === undefined) throw error;
    return offer(host, mutual, signal);
  }
}

async function offer(
  host: EraHost,
  protocolVersion: SessionVersion,
  signal: AbortSignal,
): Promise<Handshake> {
  let sessionId: string | undefined;
  const result = (await host.peer.request({
    method: "initialize",
    params: {
      protocolVersion,
      capabilities: clientCapabilities(host.handlers, { listChanged: true }),
      clientInfo: host.clientInfo,
    },
    limits: { silenceMs: host.handshakeMs, totalMs: host.handshakeMs },
    signal,
    cancel: "close",
    // A session id never goes out with `initialize` (3.8).
    outbound: {},
    onHead(head: ResponseHead) {
      sessionId = head.header("mcp-session-id") || undefined;
    },
  })) as Partial<InitializeResult>;
  const { server } = host;
  const version = result.protocolVersion;
  if (
    typeof version !== "string" ||
    typeof result.capabilities !== "object" ||
    result.capabilities === null
  ) {
    throw new McpProtocolError(
      `server "${server}" answered initialize with something that is no InitializeResult (protocolVersion and capabilities are required)`,
      { server, method: "initialize", sent: "yes" },
    );
  }
  if (!isSessionVersion(version)) {
    throw new McpProtocolError(
      `server "${server}" speaks protocol ${JSON.stringify(version).slice(0, 40)}, this client ${SESSION_VERSIONS.join(", ")}`,
      { server, method: "initialize", sent: "yes" },
    );
  }
  if (sessionId !== undefined && !/^[\x21-\x7e]+$/.test(sessionId)) {
    throw new McpProtocolError(
      `server "${server}" assigned a session id with characters outside 0x21-0x7E`,
      { server, method: "initialize", sent: "yes" },
    );
  }
  const serverInfo = result.serverInfo ?? { name: "unknown", version: "unknown" };
  return {
    result: { ...result, serverInfo } as InitializeResult,
    version,
    sessionId,
  };
}

/** A server that refuses the revision says which it has (2.13): the newest that both know, if it is another. */
function mutualVersion(error: unknown, refused: SessionVersion): SessionVersion | undefined {
  if (!(error instanceof McpResponseError)) return undefined;
  const supported = supportedOf(error.data);
  return SESSION_VERSIONS.findLast((version) => version !== refused && supported.includes(version));
}
