// The session era, 2024-11-05 to 2025-11-25: a handshake, and a session that lasts until somebody forgets it.
// Hot path: `request`.
// https://modelcontextprotocol.io/specification/2025-11-25/basic

import { untilAborted } from "../../core/abort.ts";
import type { McpError } from "../../core/errors.ts";
import type { ExchangeTransport, HeaderList } from "../../jsonrpc/transport.ts";
import type { Implementation, LogLevel, ServerCapabilities } from "../../spec/types.ts";
import type { SessionVersion } from "../../spec/versions.ts";
import { PING_MS } from "../change-pace.ts";
import type {
  Agreement,
  EraHost,
  EraRequest,
  EraSession,
  ListKind,
  PingAnswer,
  PingOptions,
  Refusal,
} from "../era.ts";
import { pingAnswerOf } from "../ping.ts";
import { ChangeStream } from "./changes.ts";
import { initialize } from "./handshake.ts";
import type { Handshake } from "./handshake.ts";
import { createInbound } from "./inbound.ts";
import { announce } from "./initialized.ts";
import { refusalOf } from "./refusal.ts";
import { callAsTask, needsTask } from "./tasks.ts";
import { UrlElicitation } from "./url-elicitation.ts";

/** How long the DELETE that ends a session may take (3.11). */
const END_SESSION_MS = 2_000;

/** A DELETE is sent so often, as long as replicas answer that they do not know the session. */
const MAX_ENDINGS = 8;

/** Offers a revision with `initialize`; the session begins when the server's answer is accepted. */
export async function offerSession(
  host: EraHost,
  version: SessionVersion,
  signal: AbortSignal,
): Promise<Agreement> {
  let contentArrays = false;
  const urls = new UrlElicitation(host);
  const inbound = createInbound(host, () => contentArrays);
  inbound.onElicitationComplete = (id) => urls.complete(id);
  host.peer.handlers = inbound;
  const { transport } = host;
  const routes = transport.channel === "exchange" ? transport.routes : undefined;
  routes?.begin();
  let handshake: Handshake;
  try {
    handshake = await initialize(host, version, signal);
  } finally {
    // Also when it fails: the stateless era may follow, which looks at no cookies.
    await routes?.settled();
  }
  return {
    async begin(beginSignal) {
      contentArrays = handshake.version === "2025-11-25";
      host.peer.handlers = inbound;
      const session = new SessionEraSession(host, handshake, urls);
      inbound.onUnanswered = () => session.openChanges();
      try {
        await untilAborted(beginSignal, session.begin(beginSignal));
      } catch (error) {
        await session.close();
        throw error;
      }
      return session;
    },
  };
}

class SessionEraSession implements EraSession {
  readonly era = "session";
  readonly protocolVersion: string;
  readonly serverInfo: Implementation;
  readonly capabilities: ServerCapabilities;
  readonly instructions: string | undefined;
  readonly #host: EraHost;
  readonly #headers: HeaderList;
  readonly hasSessionId: boolean;
  readonly #urls: UrlElicitation | undefined;
  #changes: ChangeStream | undefined;
  #opening: Promise<void> | undefined;
  #isOver = false;

  constructor(host: EraHost, handshake: Handshake, urls: UrlElicitation) {
    const { result, version, sessionId } = handshake;
    this.#host = host;
    this.protocolVersion = result.protocolVersion;
    this.serverInfo = result.serverInfo;
    this.capabilities = result.capabilities;
    this.instructions = result.instructions;
    this.hasSessionId = sessionId !== undefined;
    this.#headers = [
      "mcp-protocol-version",
      result.protocolVersion,
      ...(sessionId === undefined ? [] : ["mcp-session-id", sessionId]),
    ];
    const canVisit = version === "2025-11-25" && host.handlers.elicitUrl !== undefined;
    this.#urls = canVisit ? urls : undefined;
  }

  /** From here on every message carries the session's headers (3.5, 3.8). */
  async begin(signal: AbortSignal): Promise<void> {
    const { peer, transport } = this.#host;
    peer.outbound = { headers: this.#headers, resume: { headers: this.#headers } };
    if (transport.channel === "duplex") transport.negotiated?.(this.protocolVersion);
    await announce(this.#host, this.hasSessionId, signal);
    if (this.#wantsChanges()) await this.openChanges();
  }

  /** Opens the change stream, unless that was done before; resolves when it is open, or refused, or late. */
  async openChanges(): Promise<void> {
    const { transport, listen } = this.#host;
    if (transport.channel !== "exchange" || listen === false || this.#isOver) return;
    this.#opening ??= this.#listen(transport);
    await this.#opening;
  }

  #listen(transport: ExchangeTransport): Promise<void> {
    this.#changes = new ChangeStream({
      host: this.#host,
      transport,
      headers: this.#headers,
      onMissed: () => this.#reportMissed(),
    });
    return this.#changes.open();
  }

  request(call: EraRequest): Promise<object> {
    const urls = this.#urls;
    return urls === undefined ? this.#send(call) : urls.run(call, (again) => this.#send(again));
  }

  notify(method: string, params?: object): Promise<void> {
    return this.#host.peer.notify(method, params);
  }

  async subscribe(uri: string): Promise<void> {
    await this.#ask("resources/subscribe", { uri });
  }

  async setLogLevel(level: LogLevel): Promise<void> {
    await this.#ask("logging/setLevel", { level });
  }

  async ping({ signal, route, method = "ping" }: PingOptions): Promise<PingAnswer> {
    const { peer, handshakeMs } = this.#host;
    const limitMs = Math.min(handshakeMs, PING_MS);
    const limits = { silenceMs: limitMs, totalMs: limitMs };
    return pingAnswerOf(peer.request({ method, limits, signal, route, cancel: "close" }));
  }

  refusalOf(error: unknown): Refusal {
    return refusalOf(error, this.hasSessionId);
  }

  async close(): Promise<void> {
    this.#isOver = true;
    this.#changes?.close();
    if (this.hasSessionId) await this.#end();
  }

  /** Tells the server that the session is over; of several replicas, the one that knows it. */
  async #end(): Promise<void> {
    const { transport, clock } = this.#host;
    if (transport.channel !== "exchange") return;
    const endsAt = clock.now() + END_SESSION_MS;
    const attempts = this.#host.hasReplicas() ? MAX_ENDINGS : 1;
    for (let attempt = 0; attempt < attempts; attempt++) {
      const leftMs = endsAt - clock.now();
      if (leftMs <= 0) return;
      const status = await transport.endSession(this.#headers, leftMs);
      if (status !== 404) return;
    }
  }

  abandon(reason: McpError): void {
    this.#isOver = true;
    this.#changes?.close();
    this.#host.peer.inbound.abortAll(reason);
  }

  #send(call: EraRequest): Promise<object> {
    if (needsTask(this.capabilities, call.tool)) return callAsTask(this.#host, call);
    return this.#host.peer.request(call);
  }

  #ask(method: string, params: object): Promise<object> {
    return this.#host.peer.request({ method, params, limits: this.#host.limits, cancel: "notify" });
  }

  /** Whether the server has anything to say without being asked (3.14). */
  #wantsChanges(): boolean {
    const { listen, handlers } = this.#host;
    if (listen !== "auto") return listen;
    const { tools, resources, prompts, logging } = this.capabilities;
    return (
      tools?.listChanged === true ||
      resources?.listChanged === true ||
      resources?.subscribe === true ||
      prompts?.listChanged === true ||
      logging !== undefined ||
      handlers.elicitForm !== undefined ||
      handlers.elicitUrl !== undefined ||
      handlers.sample !== undefined ||
      handlers.roots !== undefined
    );
  }

  #reportMissed(): void {
    const kinds: ListKind[] = ["tools", "resources", "prompts"];
    for (const kind of kinds) {
      if (this.capabilities[kind]?.listChanged === true) this.#host.events.onListChanged(kind);
    }
  }
}
