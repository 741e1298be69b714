// `initialize`, over the four session revisions.
// https://modelcontextprotocol.io/specification/2025-11-25/basic/lifecycle

import { McpHttpError, McpProtocolError, McpResponseError } from "../../core/errors.ts";
import { printable } from "../../core/printable.ts";
import {
  HEADER_MISMATCH,
  METHOD_NOT_FOUND,
  MISSING_CAPABILITY,
  UNSUPPORTED_VERSION,
} from "../../jsonrpc/messages.ts";
import type { ResponseHead } from "../../jsonrpc/transport.ts";
import type { InitializeResult } from "../../spec/types.ts";
import { isSessionVersion, SESSION_VERSIONS } from "../../spec/versions.ts";
import type { SessionVersion } from "../../spec/versions.ts";
import type { EraHost } from "../era.ts";
import { supportedOf } from "../classify.ts";
import { clientCapabilities } from "../handlers.ts";
import { readInitializeResult } from "./initialize-result.ts";
import type { ReadResult } from "./initialize-result.ts";

export interface Handshake {
  /** `protocolVersion` is the server's own name for the revision: it goes into the header. */
  readonly result: InitializeResult;
  /** The revision whose rules hold. */
  readonly version: SessionVersion;
  /** A secret (3.12); absent if the server keeps no sessions, or the channel is no HTTP. */
  readonly sessionId: string | undefined;
}

/** Offered in turn to a server that refuses a revision and does not say which it has. */
const OLDER_OFFERS: readonly SessionVersion[] = ["2025-03-26", "2024-11-05"];

const PARSE_ERROR = -32700;

/** Errors that are about something else than the revision that was offered. */
const OTHER_CAUSES: ReadonlySet<number> = new Set([
  PARSE_ERROR,
  METHOD_NOT_FOUND,
  HEADER_MISMATCH,
  MISSING_CAPABILITY,
  UNSUPPORTED_VERSION,
]);

/** A session id as a header can carry it. The specification allows no spaces. */
const SESSION_ID = /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/;

/**
 * Asks for a session. Before the answer nothing else is sent, and it is never cancelled (2.11).
 *
 * @throws {McpProtocolError} if the answer is no InitializeResult.
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
    if (mutual !== undefined) return offer(host, mutual, signal);
    // A revision that the user asked for is that one and no other.
    const isFree = !isSessionVersion(host.protocol) && !host.quirks.strict;
    const older = isFree && isPerhapsOfVersion(error) ? OLDER_OFFERS : [];
    for (const version of older.filter((one) => one < wanted)) {
      const handshake = await offer(host, version, signal).catch(() => undefined);
      signal.throwIfAborted();
      if (handshake === undefined) continue;
      host.quirks.repair("version-refused", wanted);
      return handshake;
    }
    throw error;
  }
}

/** Whether a refusal that names no revisions may be one of the revision. Its text is not read. */
export function isPerhapsOfVersion(error: unknown): boolean {
  if (error instanceof McpHttpError) return error.status === 400;
  if (!(error instanceof McpResponseError)) return false;
  const { status = 200, rpcCode, data } = error;
  if (status >= 300 && status !== 400) return false;
  return supportedOf(data).length === 0 && !OTHER_CAUSES.has(rpcCode);
}

async function offer(
  host: EraHost,
  protocolVersion: SessionVersion,
  signal: AbortSignal,
): Promise<Handshake> {
  let sessionId: string | undefined;
  const answer = await host.peer.request({
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
      if (sessionId !== undefined) host.events.onSecret(sessionId);
    },
  });
  const { result, version, deviations } = accept(
    host,
    readInitializeResult(answer, protocolVersion),
  );
  if (sessionId !== undefined) checkSessionId(host, sessionId);
  for (const { code, detail } of deviations) host.quirks.note(code, detail);
  return { result, version, sessionId };
}

/** The answer, if it is good enough: by the letter of the specification, or for a server as it is. */
function accept({ server, quirks }: EraHost, read: ReadResult | undefined): ReadResult {
  const common = { server, method: "initialize", sent: "yes" } as const;
  const grave = read?.deviations.filter(({ isHarmless }) => !isHarmless) ?? [];
  const isKnown = !grave.some(({ code }) => code === "version-unknown");
  if (read === undefined || (quirks.strict && grave.length > 0 && isKnown)) {
    throw new McpProtocolError(
      `server "${server}" answered initialize with something that is no InitializeResult (protocolVersion and capabilities are required)`,
      common,
    );
  }
  if (quirks.strict && !isKnown) {
    throw new McpProtocolError(
      `server "${server}" speaks protocol ${printable(JSON.stringify(read.result.protocolVersion), 40)}, this client ${SESSION_VERSIONS.join(", ")}`,
      common,
    );
  }
  return read;
}

function checkSessionId({ server, quirks }: EraHost, sessionId: string): void {
  const hasSpaces = sessionId.includes(" ");
  if (SESSION_ID.test(sessionId) && (!hasSpaces || quirks.repair("session-id-spaces"))) return;
  throw new McpProtocolError(
    `server "${server}" assigned a session id with characters outside 0x21-0x7E`,
    { server, method: "initialize", sent: "yes" },
  );
}

/** A server that refuses the revision says which it has (2.13): the newest that both know, if it is another. */
function mutualVersion(error: unknown, refused: SessionVersion): SessionVersion | undefined {
  if (!(error instanceof McpResponseError)) return undefined;
  const supported = supportedOf(error.data);
  return SESSION_VERSIONS.findLast((version) => version !== refused && supported.includes(version));
}
