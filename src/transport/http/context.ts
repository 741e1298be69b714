// What all requests to one server share.

import type { Clock } from "../../core/clock.ts";
import { FairShare } from "../../core/fair-share.ts";
import { LinkedList, ListItem } from "../../core/linked-list.ts";
import { redactUrl } from "../../core/redact.ts";
import type { Quirks } from "../../jsonrpc/quirks.ts";
import type { TransportSink } from "../../jsonrpc/transport.ts";
import type { BackoffOptions } from "../../resilience/backoff.ts";
import { RequestHeaders } from "./headers.ts";
import { Linger } from "./linger.ts";
import { Listening } from "./listening.ts";
import { SessionCookies } from "./session-cookies.ts";
import { Sockets, type SocketOptions } from "./sockets.ts";

/** Something under way that `close()` ends, silently. */
export abstract class Closable extends ListItem {
  abstract close(): void;
}

export interface ResumeOptions {
  /** GETs without one event in between, after which a broken stream is given up. */
  readonly attempts: number;
  /** Delays where the server sent no `retry:`. */
  readonly backoff: BackoffOptions;
}

export interface HttpContext {
  readonly server: string;
  /** Redacted. */
  readonly address: string;
  readonly url: URL;
  /** Of `url`. */
  readonly origin: string;
  /** Of `url`, with its query. */
  readonly path: string;
  readonly clock: Clock;
  /** The server's repair log. */
  readonly quirks: Quirks;
  readonly onSecret: ((secret: string) => void) | undefined;
  readonly messageBytes: number;
  readonly headers: RequestHeaders;
  readonly cookies: SessionCookies;
  readonly sockets: Sockets;
  /** They are a dispatcher of the user's. */
  readonly isForeign: boolean;
  readonly linger: Linger;
  readonly open: LinkedList<Closable>;
  readonly listening: Listening;
  readonly resume: ResumeOptions;
  /** Replaced by `start`. */
  sink: TransportSink;
  /** When the server was last heard of, on the clock. */
  heardAt: number;
  /** What its streams may take of the event loop. */
  readonly share: FairShare;
  /** Events that are no messages and were reported one by one. */
  reportedEvents: number;
}

export interface HttpContextOptions {
  readonly server: string;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly dispatcher?: SocketOptions["dispatcher"];
  readonly clock: Clock;
  readonly quirks: Quirks;
  readonly onSecret?: ((secret: string) => void) | undefined;
  readonly limits: { readonly messageBytes: number; readonly inFlight: number };
  readonly timeouts: { readonly connectMs: number };
}

export function createHttpContext(options: HttpContextOptions, resume: ResumeOptions): HttpContext {
  const { server, url, clock, quirks, onSecret, dispatcher, limits, timeouts } = options;
  const headers = new RequestHeaders(options.headers);
  const sockets = new Sockets({
    url,
    dispatcher,
    connectMs: timeouts.connectMs,
    callCount: limits.inFlight,
  });
  const share = new FairShare({
    // Where reading cannot be stopped, what comes is worked on at once: to keep it for later would cost memory.
    clock: sockets.canHold ? clock : { now: () => 0 },
    answeredCount: () => context.sink.answeredCount ?? 0,
    onFlood: () => quirks.note("flood"),
    onPause: () => sockets.gate.hold(),
    onResume: () => sockets.gate.release(),
  });
  const context: HttpContext = {
    server,
    address: redactUrl(url),
    url,
    origin: url.origin,
    path: url.pathname + url.search,
    clock,
    quirks,
    onSecret,
    messageBytes: limits.messageBytes,
    headers,
    cookies: new SessionCookies(url, clock, (header) => {
      headers.cookie = header;
      if (header !== undefined) onSecret?.(header);
    }),
    sockets,
    isForeign: dispatcher !== undefined,
    linger: new Linger(clock),
    open: new LinkedList(),
    listening: new Listening(),
    resume,
    sink: { onMessage: ignore, onInvalid: ignore, onClose: ignore },
    heardAt: -Infinity,
    share,
    reportedEvents: 0,
  };
  return context;
}

/** Ends everything under way without a report, and frees the sockets. */
export async function closeHttpContext(context: HttpContext): Promise<void> {
  context.linger.clear();
  context.listening.clear();
  for (const open of context.open.takeAll()) open.close();
  await context.sockets.destroy();
}

function ignore(_unused: unknown): void {
  // Nothing is delivered before `start`.
}
