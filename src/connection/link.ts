// A live link to one server: transport, peer and session, made together and ended together.

import { adaptSdkTransport } from "../transport/custom/sdk-adapter.ts";
import { createHttpTransport } from "../transport/http/http.ts";
import { createSseTransport } from "../transport/sse-legacy/sse.ts";
import { createStdioTransport } from "../transport/stdio/stdio.ts";
import { delay } from "../core/clock.ts";
import type { Clock } from "../core/clock.ts";
import { McpClosedError, McpHttpError, McpResponseError, McpTimeoutError } from "../core/errors.ts";
import type { McpError } from "../core/errors.ts";
import { withLimit } from "../core/limit.ts";
import type { ClientHandlers } from "../eras/handlers.ts";
import type { EraEvents, EraHost, EraSession } from "../eras/era.ts";
import { sessionEra } from "../eras/2025-11-25/session.ts";
import { Peer } from "../jsonrpc/peer.ts";
import type { Transport } from "../jsonrpc/transport.ts";
import type { Implementation } from "../spec/types.ts";
import type { ResolvedServer, ResolvedTarget } from "./options.ts";

export interface LinkDependencies {
  readonly clock: Clock;
  readonly clientInfo: Implementation;
  readonly handlers: ClientHandlers;
}

/** Which way of speaking over HTTP has worked before: the other is not tried again. */
export interface HttpMemory {
  known: "http" | "sse" | undefined;
}

export interface LinkEvents extends EraEvents {
  /** The channel broke; the link is dead. Not called after `close()`. */
  onLost(link: Link, reason: McpError): void;
}

export class Link {
  readonly transport: Transport;
  readonly #host: EraHost;
  #session: EraSession | undefined;
  #lost: McpError | undefined;

  private constructor(host: EraHost) {
    this.#host = host;
    this.transport = host.transport;
  }

  /** The agreement that holds now; another one after `renew()`. */
  get session(): EraSession {
    if (this.#session === undefined) throw new Error("a link without a session was used");
    return this.#session;
  }

  /** Why the channel is gone, if it is: nothing can be sent over this link any more. */
  get lost(): McpError | undefined {
    return this.#lost;
  }

  /**
   * Connects and shakes hands, within `handshakeMs` in all; on any failure everything is taken down again.
   *
   * @throws {McpError} what went wrong, or the signal's reason.
   */
  static async open(
    server: ResolvedServer,
    dependencies: LinkDependencies,
    memory: HttpMemory,
    events: LinkEvents,
    signal: AbortSignal,
  ): Promise<Link> {
    const { target } = server;
    if (target.kind !== "http") {
      return Link.#openOver(
        createDuplex(server, target, dependencies.clock),
        server,
        dependencies,
        events,
        signal,
      );
    }
    const options = httpOptions(server, target, dependencies.clock);
    const wanted = target.transport === "auto" ? memory.known : target.transport;
    if (wanted === "sse") {
      return Link.#openOver(createSseTransport(options), server, dependencies, events, signal);
    }
    try {
      const http = createHttpTransport(options);
      const link = await Link.#openOver(http, server, dependencies, events, signal);
      memory.known = "http";
      return link;
    } catch (error) {
      if (wanted !== undefined || !suggestsHttpSse(error)) throw error;
      const sse = createSseTransport(options);
      const link = await Link.#openOver(sse, server, dependencies, events, signal).catch(() => {
        // Neither way works: what the endpoint said first is what its owner can act on.
        signal.throwIfAborted();
        throw error;
      });
      memory.known = "sse";
      return link;
    }
  }

  static async #openOver(
    transport: Transport,
    server: ResolvedServer,
    dependencies: LinkDependencies,
    events: LinkEvents,
    signal: AbortSignal,
  ): Promise<Link> {
    const { clock } = dependencies;
    let opening: Link | undefined;
    let isOpen = false;
    let stray: string | undefined;
    const peer = new Peer({
      server: server.name,
      clock,
      transport,
      onStray: (what, cause) => {
        stray = what;
        events.onWarning(what, cause);
      },
      onClose: (reason) => {
        if (opening === undefined) return;
        opening.#lost = reason;
        if (isOpen) events.onLost(opening, reason);
      },
    });
    const host: EraHost = {
      server: server.name,
      clock,
      transport,
      peer,
      clientInfo: dependencies.clientInfo,
      protocol: server.protocol,
      handlers: dependencies.handlers,
      listen: server.listen,
      limits: { silenceMs: server.timeouts.timeoutMs, totalMs: server.timeouts.timeoutMs },
      handshakeMs: server.timeouts.handshakeMs,
      events,
    };
    const link = new Link(host);
    opening = link;
    try {
      await within(
        host,
        signal,
        () => stray,
        async (both) => {
          await transport.start(peer, both);
          link.#session = await sessionEra.connect(host, both);
        },
      );
    } catch (error) {
      await link.#takeDown();
      throw error;
    }
    isOpen = true;
    return link;
  }

  /** A new session over the same channel, after the server forgot the old one. */
  async renew(reason: McpError, signal: AbortSignal): Promise<void> {
    this.session.abandon(reason);
    this.#session = await within(
      this.#host,
      signal,
      () => undefined,
      (both) => sessionEra.connect(this.#host, both),
    );
  }

  /** Asks for a sign of life; any answer is one. */
  async ping(signal: AbortSignal): Promise<void> {
    const { peer, handshakeMs } = this.#host;
    await peer
      .request({
        method: "ping",
        limits: { silenceMs: handshakeMs, totalMs: handshakeMs },
        signal,
        cancel: "close",
      })
      .catch((error: unknown) => {
        const answered = error instanceof McpResponseError && !this.session.isSessionLost(error);
        if (!answered) throw error;
      });
  }

  /** Ends it in good order. Never rejects. */
  async close(): Promise<void> {
    await this.#session?.close();
    await this.#takeDown();
  }

  async #takeDown(): Promise<void> {
    const { peer, server, transport, clock } = this.#host;
    peer.close(
      new McpClosedError(
        `the connection to server "${server}" was closed while this was under way; "sent" says whether it may have run`,
        { server },
      ),
    );
    // One that is not ours may hang or reject.
    const done = new AbortController();
    const patience = delay(clock, CLOSE_MS, { signal: done.signal }).catch(() => {});
    await Promise.race([transport.close().catch(() => {}), patience]);
    done.abort();
  }
}

/** How long a transport may take to close, milliseconds: a stubborn child takes three steps of `closeStepMs`. */
const CLOSE_MS = 30_000;

/** How long an aborted handshake may take to end what it began: a session's DELETE, above all. */
const TIDY_UP_MS = 3_000;

/** HTTP statuses with which a server of 2024-11-05 answers a POST to its SSE address (table L2). */
function suggestsHttpSse(error: unknown): boolean {
  if (!(error instanceof McpHttpError || error instanceof McpResponseError)) return false;
  return [400, 404, 405].includes(error.status ?? 0);
}

/** Runs `work` under the handshake's limit; the limit aborts it, and is reported as what it is. */
function within<T>(
  host: EraHost,
  signal: AbortSignal,
  heard: () => string | undefined,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const { clock, server, handshakeMs, transport } = host;
  const onLimit = (): McpTimeoutError => {
    const noise = heard();
    return new McpTimeoutError(
      `server "${server}" (${transport.address}) did not complete the handshake within ${handshakeMs} ms. Is it an MCP server, and is it up? Raise timeouts.handshakeMs for a slow start${noise === undefined ? "" : ` (last heard: ${noise})`}`,
      { server, method: "initialize", limit: "handshake", timeoutMs: handshakeMs, retryable: true },
    );
  };
  return withLimit({ clock, limitMs: handshakeMs, onLimit, signal, graceMs: TIDY_UP_MS }, work);
}

function httpOptions(
  server: ResolvedServer,
  target: ResolvedTarget & { kind: "http" },
  clock: Clock,
): Parameters<typeof createHttpTransport>[0] & Parameters<typeof createSseTransport>[0] {
  const { connectMs, handshakeMs } = server.timeouts;
  return {
    server: server.name,
    url: target.url,
    headers: target.headers,
    ...(target.dispatcher === undefined ? {} : { dispatcher: target.dispatcher }),
    clock,
    limits: { messageBytes: server.limits.messageBytes },
    timeouts: { connectMs, handshakeMs },
    resume: { attempts: 5, backoff: { initialMs: 1_000, factor: 1.5, maxMs: 30_000, jitter: 0.1 } },
  };
}

function createDuplex(
  server: ResolvedServer,
  target: Exclude<ResolvedTarget, { kind: "http" }>,
  clock: Clock,
): Transport {
  if (target.kind === "custom") {
    const { transport } = target;
    return "channel" in transport
      ? transport
      : adaptSdkTransport(transport, { server: server.name });
  }
  return createStdioTransport({
    server: server.name,
    command: target.command,
    args: target.args,
    env: target.env,
    cwd: target.cwd,
    clock,
    limits: server.limits,
    timeouts: { closeStepMs: server.timeouts.closeStepMs },
  });
}
