// `notifications/initialized`, and what its refusal means.
// https://modelcontextprotocol.io/specification/2025-11-25/basic/lifecycle#initialization

import { delay } from "../../core/clock.ts";
import {
  McpAuthError,
  McpConnectionError,
  McpHttpError,
  McpProtocolError,
  McpResponseError,
  McpTimeoutError,
} from "../../core/errors.ts";
import type { McpError } from "../../core/errors.ts";
import type { Route } from "../../jsonrpc/transport.ts";
import type { EraHost } from "../era.ts";
import { HandshakeRefused } from "../handshake-failure.ts";
import { refusalOf } from "./refusal.ts";

const METHOD = "notifications/initialized";

/** Longest wait for the server to take the notification, milliseconds; there must be time for a first request. */
const PATIENCE_MS = 5_000;

/** Other connections that are tried. Of two replicas, the right one is missed once in 256 handshakes. */
const MAX_ELSEWHERE = 7;

/**
 * - `lost`: the server does not know the session
 * - `again`: some servers refuse a notification without `params`
 * - `go-on`: the server has agreed all the same, and its first answer will tell
 * - `fail`: there is no server to speak with any more
 */
export type InitializedVerdict = "lost" | "again" | "go-on" | "fail";

/** What the failure of `notifications/initialized` means; `hasSession`: it carried a session id. */
export function classifyInitialized(error: unknown, hasSession: boolean): InitializedVerdict {
  if (hasSession && refusalOf(error, true) === "unknown") return "lost";
  if (error instanceof McpHttpError || error instanceof McpResponseError) {
    return error.status === 400 ? "again" : "go-on";
  }
  if (error instanceof McpConnectionError) return error.sent === "no" ? "fail" : "go-on";
  const isRefusal =
    error instanceof McpAuthError ||
    error instanceof McpProtocolError ||
    error instanceof McpTimeoutError;
  return isRefusal ? "go-on" : "fail";
}

/**
 * Says that the session begins. A refusal is a matter for the repair log and no more: the server has agreed.
 *
 * @throws {HandshakeRefused} if the server does not know the session that it has just given; {@link McpError} if it
 *   cannot be reached any more.
 */
export async function announce(
  host: EraHost,
  hasSession: boolean,
  signal: AbortSignal,
): Promise<void> {
  const { peer, quirks } = host;
  let failure = await send(host, undefined, signal);
  if (failure === undefined) return;
  let verdict = classifyInitialized(failure, hasSession);
  if (verdict === "lost") {
    const last = await sendElsewhere(host, failure, signal);
    if (last === undefined) return;
    failure = last;
    verdict = classifyInitialized(failure, hasSession);
  }
  if (verdict === "again" && !quirks.strict) {
    const second = await send(host, {}, signal);
    if (second === undefined) {
      quirks.repair("initialized-params");
      return;
    }
    failure = second;
    verdict = classifyInitialized(failure, hasSession);
  }
  if (verdict === "lost") throw new HandshakeRefused("initialized", notKept(host, failure));
  const isOver = verdict === "fail" || peer.isClosed;
  if (isOver || !quirks.repair("initialized-refused", describe(failure))) throw failure;
}

/**
 * Behind a load balancer the notification may have met a replica that does not know the session: over other connections,
 * one after the other, until it meets the one that does. The last failure, if none did.
 */
async function sendElsewhere(
  host: EraHost,
  first: McpError,
  signal: AbortSignal,
): Promise<McpError | undefined> {
  const { transport, quirks } = host;
  const routes = transport.channel === "exchange" ? transport.routes : undefined;
  if (routes === undefined || quirks.strict) return first;
  let failure: McpError | undefined = first;
  for (let attempt = 0; attempt < MAX_ELSEWHERE && failure !== undefined; attempt++) {
    failure = await send(host, undefined, signal, "other");
    if (failure !== undefined && classifyInitialized(failure, true) !== "lost") break;
  }
  // The right one is kept open, and the next requests go over it.
  routes.releaseRefused("drop");
  return failure;
}

/** The failure, if there was one. */
async function send(
  host: EraHost,
  params: object | undefined,
  signal: AbortSignal,
  route?: Route,
): Promise<McpError | undefined> {
  const { server, peer, transport, clock, handshakeMs, quirks } = host;
  const sending = peer.notify(METHOD, params, undefined, route).then(
    () => undefined,
    (error: McpError) => error,
  );
  // A message that was written to a channel was taken; and the peer itself has a limit, though a longer one.
  if (transport.channel === "duplex" || quirks.strict) return sending;
  const timeoutMs = Math.min(PATIENCE_MS, handshakeMs / 3);
  const over = new AbortController();
  const limit = delay(clock, timeoutMs, { signal: AbortSignal.any([signal, over.signal]) }).then(
    () =>
      new McpTimeoutError(`server "${server}" did not answer ${METHOD} within ${timeoutMs} ms`, {
        server,
        method: METHOD,
        sent: "unknown",
        limit: "silence",
        timeoutMs,
      }),
  );
  // Nobody waits for it when the answer came first.
  limit.catch(() => {});
  try {
    return await Promise.race([sending, limit]);
  } finally {
    over.abort();
  }
}

/** The refusal, in words that name its usual cause. */
function notKept({ server, transport }: EraHost, failure: McpError): McpError {
  return failure.reworded(
    `server "${server}" at ${transport.address} does not know the session that it has just given (${describe(failure)} to ${METHOD}): are there replicas behind a load balancer without session affinity? Give the load balancer session affinity, or the replicas a shared store for their sessions`,
    failure,
  );
}

function describe(failure: McpError): string {
  const status: unknown = Reflect.get(failure, "status");
  return typeof status === "number" ? `HTTP ${status}` : failure.code;
}
