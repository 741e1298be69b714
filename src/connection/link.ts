// A live link to one server: transport, peer and session, made together and ended together.

import { delay } from "../core/clock.ts";
import type { Clock } from "../core/clock.ts";
import {
  McpClosedError,
  McpConnectionError,
  McpHttpError,
  McpResponseError,
  McpTimeoutError,
} from "../core/errors.ts";
import type { McpError } from "../core/errors.ts";
import type { GuardedStore } from "../core/guarded-store.ts";
import { withLimit } from "../core/limit.ts";
import type { ClientHandlers } from "../eras/handlers.ts";
import type { EraEvents, EraHost, EraSession } from "../eras/era.ts";
import { DiedOnProbe, HandshakeRefused } from "../eras/handshake-failure.ts";
import { negotiate } from "../eras/negotiate.ts";
import type { EraMemory } from "../eras/negotiate.ts";
import { Peer } from "../jsonrpc/peer.ts";
import type { Transport } from "../jsonrpc/transport.ts";
import type { Quirks } from "../jsonrpc/quirks.ts";
import type { Implementation } from "../spec/types.ts";
import { isStatelessVersion } from "../spec/versions.ts";
import { StoredEraMemory } from "./era-memory.ts";
import type { ResolvedServer } from "./options.ts";
import type { SessionSearch } from "./session-search.ts";
import type { ResolvedTarget } from "./target.ts";
import { createChild, createCustom, createHttp, createSse } from "./transports.ts";

export interface LinkDependencies {
  readonly clock: Clock;
  readonly clientInfo: Implementation;
  readonly handlers: ClientHandlers;
  /** Where the server's era is remembered. */
  readonly store: GuardedStore;
  /** The server's repair log. */
  readonly quirks: Quirks;
}

/** What earlier attempts have shown of one server. */
export interface LinkMemory {
  readonly era: EraMemory;
  /** Which way of speaking over HTTP has worked before: the other is not tried again. */
  http: "http" | "sse" | undefined;
  /** Its process ended on the probe: it is started without. */
  diesOnProbe: boolean;
  /** How requests are spread over the replicas of the server. */
  readonly search: SessionSearch;
  /** Aborted when no attempt will follow any more. */
  readonly closed: AbortSignal;
  /** Processes that ended so in the last attempt. */
  probeDeaths: number;
}

/** Nothing is known yet but what the store has. */
export function createLinkMemory(
  { name, cacheKeys }: ResolvedServer,
  { store, clock }: LinkDependencies,
  closed: AbortSignal,
  search: SessionSearch,
): LinkMemory {
  const era = new StoredEraMemory(name, cacheKeys.private, store, clock);
  return { era, closed, search, http: undefined, diesOnProbe: false, probeDeaths: 0 };
}

export interface LinkEvents extends EraEvents {
  /** The channel broke; the link is dead. Not called after `close()`. */
  onLost(link: Link, reason: McpError): void;
}

export class Link {
  readonly transport: Transport;
  readonly #host: EraHost;
  readonly #memory: LinkMemory;
  #session: EraSession | undefined;
  #lost: McpError | undefined;
  #abandoned: McpError | undefined;

  private constructor(host: EraHost, memory: LinkMemory) {
    this.#host = host;
    this.#memory = memory;
    this.transport = host.transport;
  }

  /** The agreement that holds now; another one after `renew()`. */
  get session(): EraSession {
    if (this.#session === undefined) throw new Error("a link without a session was used");
    return this.#session;
  }

  /** Why the agreement was dropped, if no other could be made yet: nothing may be asked under it any more. */
  get abandoned(): McpError | undefined {
    return this.#abandoned;
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
  static open(
    server: ResolvedServer,
    dependencies: LinkDependencies,
    memory: LinkMemory,
    events: LinkEvents,
    signal: AbortSignal,
  ): Promise<Link> {
    return reported(Link.#open(server, dependencies, memory, events, signal));
  }

  static async #open(
    server: ResolvedServer,
    dependencies: LinkDependencies,
    memory: LinkMemory,
    events: LinkEvents,
    signal: AbortSignal,
  ): Promise<Link> {
    const { target } = server;
    const openOver = (transport: Transport): Promise<Link> =>
      Link.#openOver(transport, server, dependencies, memory, events, signal);
    if (target.kind === "custom") {
      return openOver(await createCustom(server, target)).catch((error: unknown) => {
        throw error instanceof DiedOnProbe ? diedForGood(server, error) : error;
      });
    }
    if (target.kind === "stdio")
      return Link.#openChild(server, target, dependencies, memory, openOver);
    const { clock, quirks } = dependencies;
    const made = { clock, quirks, onSecret: (secret: string) => events.onSecret(secret) };
    const wanted = target.transport === "auto" ? memory.http : target.transport;
    if (wanted === "sse") {
      return openOver(await createSse(server, target, made)).catch((error: unknown) => {
        // It may have been replaced by one that speaks otherwise: next time everything is open.
        if (isRefusal(error)) memory.http = undefined;
        throw error;
      });
    }
    try {
      const link = await openOver(await createHttp(server, target, made));
      memory.http = "http";
      return link;
    } catch (error) {
      // Once an InitializeResult has come, the transport is the right one.
      const isOlder = error instanceof HandshakeRefused && error.stage === "initialize";
      if (wanted !== undefined || !isOlder || !allowsSessions(server)) throw error;
      const link = await openOver(await createSse(server, target, made)).catch(() => {
        // Neither way works: what the endpoint said first is what its owner can act on.
        signal.throwIfAborted();
        throw error;
      });
      memory.http = "sse";
      return link;
    }
  }

  /** Twice only if it ended on the probe, as old servers do (S7). */
  static async #openChild(
    server: ResolvedServer,
    target: ResolvedTarget & { kind: "stdio" },
    { clock, quirks }: LinkDependencies,
    memory: LinkMemory,
    openOver: (transport: Transport) => Promise<Link>,
  ): Promise<Link> {
    const open = async (): Promise<Link> => {
      const link = await openOver(await createChild(server, target, { clock, quirks }));
      // It was something else that the last one died of.
      if (link.session.era === "stateless") memory.diesOnProbe = false;
      return link;
    };
    memory.probeDeaths = 0;
    try {
      return await open();
    } catch (error) {
      if (error instanceof DiedOnProbe) {
        memory.diesOnProbe = true;
        memory.probeDeaths = 1;
        return open().catch((cause: unknown) => {
          throw cause instanceof DiedOnProbe ? cause.cause : cause;
        });
      }
      // Whoever answers `initialize` with an error may be another server than the one that died.
      if (error instanceof McpResponseError) memory.diesOnProbe = false;
      throw error;
    }
  }

  static async #openOver(
    transport: Transport,
    server: ResolvedServer,
    dependencies: LinkDependencies,
    memory: LinkMemory,
    events: LinkEvents,
    signal: AbortSignal,
  ): Promise<Link> {
    const { clock, quirks } = dependencies;
    let opening: Link | undefined;
    let isOpen = false;
    let stray: string | undefined;
    const peer = new Peer({
      server: server.name,
      clock,
      quirks,
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
      quirks,
      transport,
      peer,
      clientInfo: dependencies.clientInfo,
      protocol: server.protocol,
      mayProbe: !memory.diesOnProbe,
      handlers: dependencies.handlers,
      listen: server.listen,
      limits: { silenceMs: server.timeouts.timeoutMs, totalMs: server.timeouts.timeoutMs },
      handshakeMs: server.timeouts.handshakeMs,
      hasReplicas: () => memory.search.hasReplicas,
      events,
      closed: memory.closed,
    };
    const link = new Link(host, memory);
    opening = link;
    try {
      // Closed while its transport was being loaded: nothing has been started yet.
      signal.throwIfAborted();
      await within(
        host,
        signal,
        () => stray,
        async (both) => {
          await transport.start(peer, both);
          link.#session = await agree(host, memory, both);
        },
      );
    } catch (error) {
      await link.#takeDown();
      throw error;
    }
    isOpen = true;
    return link;
  }

  /** A new agreement over the same channel, after the server forgot the old one, or the whole era. */
  async renew(reason: McpError, signal: AbortSignal): Promise<void> {
    this.#abandoned = reason;
    this.session.abandon(reason);
    // That a server has sessions is not refuted by its having forgotten one.
    if (this.session.era === "stateless") this.#memory.era.forget();
    this.#session = await reported(
      within(
        this.#host,
        signal,
        () => undefined,
        (both) => agree(this.#host, this.#memory, both),
      ),
    );
    this.#abandoned = undefined;
  }

  /** Ends it in good order. Never rejects. */
  async close(reason?: McpError): Promise<void> {
    // First: a server that ends its streams with the session must not be taken for one that was lost.
    this.#closePeer(reason);
    await this.#session?.close();
    await this.#takeDown();
  }

  #closePeer(reason?: McpError): void {
    const { peer, server } = this.#host;
    peer.close(
      reason ??
        new McpClosedError(
          `the connection to server "${server}" was closed while this was under way; "sent" says whether it may have run`,
          { server },
        ),
    );
  }

  async #takeDown(): Promise<void> {
    const { transport, clock } = this.#host;
    this.#closePeer();
    // One that is not ours may hang or reject.
    const done = new AbortController();
    const patience = delay(clock, CLOSE_MS, { signal: done.signal }).catch(() => {});
    const closing = new Promise<void>((resolve) => resolve(transport.close())).catch(() => {});
    await Promise.race([closing, patience]);
    done.abort();
  }
}

/** How long a transport may take to close, milliseconds: a stubborn child takes three steps of `closeStepMs`. */
const CLOSE_MS = 30_000;

/** How long an aborted handshake may take to end what it began: a session's DELETE, above all. */
const TIDY_UP_MS = 3_000;

/** There is no other where this one came from. */
function diedForGood({ name }: ResolvedServer, { cause }: DiedOnProbe): McpConnectionError {
  return new McpConnectionError(
    "CONNECTION_LOST",
    `the transport of server "${name}" ended when it was asked for its protocol, and cannot be made anew: set protocol: "legacy" for a server that takes initialize only`,
    { server: name, method: "server/discover", sent: "unknown", cause },
  );
}

function allowsSessions({ protocol }: ResolvedServer): boolean {
  return !isStatelessVersion(protocol);
}

/** Runs `work` under the handshake's limit; the limit aborts it, and is reported as what it is. */
function within<T>(
  host: EraHost,
  signal: AbortSignal,
  heard: () => string | undefined,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const { clock, server, handshakeMs, transport, protocol } = host;
  const isAuto = protocol === "auto" && transport.kind !== "sse";
  const advice = isAuto
    ? ', or set protocol: "legacy" if it hangs on requests that it does not know'
    : "";
  const onLimit = (): McpTimeoutError => {
    const noise = heard();
    return new McpTimeoutError(
      `server "${server}" (${transport.address}) did not complete the handshake within ${handshakeMs} ms. Is it an MCP server, and is it up? Raise timeouts.handshakeMs for a slow start${advice}${noise === undefined ? "" : ` (last heard: ${noise})`}`,
      { server, method: "initialize", limit: "handshake", timeoutMs: handshakeMs, retryable: true },
    );
  };
  return withLimit({ clock, limitMs: handshakeMs, onLimit, signal, graceMs: TIDY_UP_MS }, work);
}

/** Handshakes in a row whose session no replica knew. */
const MAX_HANDSHAKES = 8;

/**
 * An agreement that the server keeps. A load balancer that spreads sessions by their id may send all requests of a session
 * to a replica that has not begun it: another handshake gives another id.
 */
async function agree(host: EraHost, { era }: LinkMemory, signal: AbortSignal): Promise<EraSession> {
  const { quirks } = host;
  for (let attempt = 1; ; attempt++) {
    try {
      return await negotiate(host, era, signal);
    } catch (error) {
      const isUnknown = error instanceof HandshakeRefused && error.stage === "initialized";
      if (!isUnknown || attempt === MAX_HANDSHAKES || quirks.strict) throw error;
      quirks.note("replicas-without-affinity", "no replica knows the session that was just given");
    }
  }
}

/** The failure as callers see it, when nothing else is tried. */
function reported<T>(work: Promise<T>): Promise<T> {
  return work.catch((error: unknown) => {
    throw error instanceof HandshakeRefused ? error.error : error;
  });
}

function isRefusal(error: unknown): boolean {
  return error instanceof McpHttpError && error.status >= 400 && error.status < 500;
}
