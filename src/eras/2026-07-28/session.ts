// The stateless era, 2026-07-28: no handshake, no session; every request stands for itself. Hot path: `request`.
// https://modelcontextprotocol.io/specification/2026-07-28/basic

import { untilAborted } from "../../core/abort.ts";
import {
  McpAuthError,
  McpConfigError,
  McpHttpError,
  McpProtocolError,
  McpResponseError,
  McpTimeoutError,
} from "../../core/errors.ts";
import { excerpt } from "../../core/redact.ts";
import { withLimit } from "../../core/limit.ts";
import {
  HEADER_MISMATCH,
  MISSING_CAPABILITY,
  UNSUPPORTED_VERSION,
} from "../../jsonrpc/messages.ts";
import { LOG_LEVELS } from "../../spec/types.ts";
import { PING_MS } from "../change-pace.ts";
import type { RequestId } from "../../jsonrpc/messages.ts";
import type { Finisher } from "../../jsonrpc/pending.ts";
import type { CallLimits } from "../../jsonrpc/running-call.ts";
import type {
  DiscoverResult,
  Implementation,
  LogLevel,
  Progress,
  ServerCapabilities,
} from "../../spec/types.ts";
import type { StatelessVersion } from "../../spec/versions.ts";
import { isDiscoverResult } from "../classify.ts";
import type {
  EraHost,
  EraRequest,
  EraSession,
  ListKind,
  PingAnswer,
  PingOptions,
  Refusal,
} from "../era.ts";
import { pingAnswerOf } from "../ping.ts";
import { CallRequest, FirstAnswer } from "./call-request.ts";
import { ChangeSubscription } from "./changes.ts";
import type { Line } from "./conversation.ts";
import { isRejection, isSessionsOnly } from "./corrections.ts";
import { Envelope } from "./envelope.ts";
import { discover, readDiscovered } from "./handshake.ts";
import type { Discovered } from "./handshake.ts";
import { createInbound } from "./inbound.ts";
import { ToolHeaders } from "./tool-headers.ts";

/** Codes with which a server of this era rejects a request; whoever sends one speaks it. */
const ERA_CODES: ReadonlySet<number> = new Set([
  HEADER_MISMATCH,
  MISSING_CAPABILITY,
  UNSUPPORTED_VERSION,
]);

/** Statuses with which servers of another era, or of none, answer what they do not understand (2.7). */
const NOT_UNDERSTOOD: ReadonlySet<number> = new Set([400, 404, 405, 406, 410, 415]);

/** Begins to speak with a server that is known to understand. Without a DiscoverResult its first answer is the proof. */
export async function beginStateless(
  host: EraHost,
  version: StatelessVersion,
  discovered: DiscoverResult | undefined,
  signal: AbortSignal,
): Promise<EraSession> {
  const session = new StatelessSession(host, version, discovered);
  try {
    if (discovered === undefined) await session.prove(signal);
    await untilAborted(signal, session.begin());
  } catch (error) {
    await session.close();
    throw error;
  }
  return session;
}

class StatelessSession implements EraSession, Line {
  readonly era = "stateless";
  readonly hasSessionId = false;
  readonly host: EraHost;
  readonly tools: ToolHeaders | undefined;
  readonly #changes: ChangeSubscription;
  /** It did not say what it offers: a list that it does not know is an empty one. */
  readonly isAssumed: boolean;
  #envelope: Envelope;
  #known: Discovered;

  constructor(host: EraHost, version: StatelessVersion, discovered: DiscoverResult | undefined) {
    this.host = host;
    this.#envelope = new Envelope(host, version);
    this.#known = readDiscovered(discovered);
    this.isAssumed = discovered === undefined;
    // Elsewhere nobody looks at headers, and no tool need be left out (10.1).
    this.tools = host.transport.channel === "exchange" ? new ToolHeaders(host) : undefined;
    this.#changes = new ChangeSubscription({
      host,
      envelope: () => this.#envelope,
      capabilities: () => this.capabilities,
      isLost: (error) => this.#isNotUnderstood(error),
      onMissed: () => this.#reportMissed(),
    });
    host.peer.outbound = {};
    host.peer.handlers = createInbound(host, this.#changes);
  }

  get protocolVersion(): string {
    return this.#envelope.version;
  }

  get serverInfo(): Implementation {
    return this.#known.serverInfo;
  }

  get capabilities(): ServerCapabilities {
    return this.#known.capabilities;
  }

  get instructions(): string | undefined {
    return this.#known.instructions;
  }

  /** The first request: whether the server takes it (2.16). */
  async prove(signal: AbortSignal): Promise<void> {
    const { handshakeMs } = this.host;
    const limits = { silenceMs: handshakeMs, totalMs: handshakeMs };
    const method = "tools/list";
    const result = await this.request({ method, params: {}, limits, signal });
    // Where no header can refuse it, a server with sessions answers as if it had been asked in its own way.
    if (this.host.transport.channel === "exchange" || "resultType" in result) return;
    const { server, protocol } = this.host;
    const advice = protocol === "auto" ? "" : '; set protocol: "auto" to let it speak an older one';
    throw new McpProtocolError(
      `server "${server}" does not speak ${this.protocolVersion}: its first answer has no resultType${advice}`,
      { server, method, sent: "yes" },
    );
  }

  async begin(): Promise<void> {
    await this.#changes.open();
  }

  request(call: EraRequest): Promise<object> {
    const translated = this.#translate(call);
    if (translated !== undefined) return translated;
    const steady = call.onProgress === undefined ? call : withSteadyProgress(call, call.onProgress);
    return this.send(steady, steady.id, steady.limits, new FirstAnswer(this, steady));
  }

  async notify(method: string, params?: object): Promise<void> {
    // Roots are asked for when they are needed (7.8).
    if (method === "notifications/roots/list_changed") return;
    const headers = this.#envelope.headers(method, params, []);
    await this.host.peer.notify(method, this.#envelope.params(params), { headers });
  }

  subscribe(uri: string): Promise<void> {
    return this.#changes.subscribe(uri);
  }

  async setLogLevel(level: LogLevel): Promise<void> {
    this.#envelope.logLevel = level;
  }

  async ping({ signal }: PingOptions): Promise<PingAnswer> {
    const { handshakeMs } = this.host;
    const limitMs = Math.min(handshakeMs, PING_MS);
    const limits = { silenceMs: limitMs, totalMs: limitMs };
    const answer = await pingAnswerOf(
      discover(this.host, this.#envelope, { limits, signal }).then((result) => {
        if (isDiscoverResult(result)) this.#known = readDiscovered(result);
        return result;
      }),
    );
    if (answer.kind !== "refused") this.#changes.resume();
    return answer;
  }

  refusalOf(error: unknown): Refusal {
    if (error instanceof McpAuthError) return error.code === "AUTH_REQUIRED" ? "suspect" : "none";
    return this.#isNotUnderstood(error) ? "unknown" : "none";
  }

  #isNotUnderstood(error: unknown): boolean {
    if (error instanceof McpHttpError) return NOT_UNDERSTOOD.has(error.status);
    if (!(error instanceof McpResponseError)) return false;
    if (isSessionsOnly(error) && isRejection(error, this.host.transport.channel)) return true;
    // Rejected unread, by something that does not know this era: SDK servers with sessions answer so.
    return (
      error.isUnattributed &&
      error.status !== undefined &&
      NOT_UNDERSTOOD.has(error.status) &&
      !ERA_CODES.has(error.rpcCode)
    );
  }

  async close(): Promise<void> {
    this.#changes.close();
  }

  abandon(): void {
    this.#changes.close();
  }

  /** What the other era has methods for, and this one has not (method inventory of the checklist). */
  #translate(call: EraRequest): Promise<object> | undefined {
    switch (call.method) {
      case "resources/subscribe":
        return this.#subscribeWithin(call);
      case "resources/unsubscribe":
        return this.#unsubscribeOf(call);
      case "logging/setLevel":
        return this.#setLevelOf(call);
      case "ping":
        return this.request({ ...call, method: "server/discover", params: {} }).then(() => ({}));
    }
    return undefined;
  }

  async #unsubscribeOf(call: EraRequest): Promise<object> {
    this.#changes.unsubscribe(uriOf(call));
    return {};
  }

  async #setLevelOf({ params }: EraRequest): Promise<object> {
    const { level } = (params ?? {}) as { level?: LogLevel };
    if (level === undefined || !LOG_LEVELS.includes(level)) throw invalid("level", "a log level");
    this.#envelope.logLevel = level;
    return {};
  }

  async #subscribeWithin(call: EraRequest): Promise<object> {
    const uri = uriOf(call);
    const { clock } = this.host;
    const limitMs = Math.min(call.limits.silenceMs, call.limits.totalMs);
    const onLimit = (): Error =>
      new McpTimeoutError(
        `server "${this.host.server}" did not agree to report changes of ${excerpt(uri, 200)} within ${limitMs} ms`,
        {
          server: this.host.server,
          method: call.method,
          sent: "unknown",
          limit: "silence",
          timeoutMs: limitMs,
        },
      );
    try {
      await withLimit({ clock, limitMs, signal: call.signal, onLimit }, () =>
        this.#changes.subscribe(uri),
      );
    } catch (error) {
      this.#changes.unsubscribe(uri);
      throw error;
    }
    return {};
  }

  /** One request, with what the server has asked for so far. */
  send(
    call: EraRequest,
    id: RequestId | undefined,
    limits: CallLimits,
    finisher?: Finisher,
  ): Promise<object> {
    const { peer, transport } = this.host;
    const { method, frame } = call;
    const params =
      frame?.continuation === undefined ? call.params : { ...call.params, ...frame.continuation };
    let headers;
    try {
      headers = this.#envelope.headers(method, params, this.tools?.of(call) ?? []);
    } catch (error) {
      return Promise.reject(error as Error);
    }
    const framed = this.#envelope.params(params);
    // Over HTTP the end of the stream says it (4.10).
    const cancel = transport.channel === "exchange" ? "close" : "notify";
    return peer.request(new CallRequest(call, framed, id, limits, cancel, { headers }, finisher));
  }

  /** A result that is one; of a list, what can be used of it. */
  accept(call: EraRequest, result: object): object {
    if (call.frame !== undefined) call.frame.continuation = undefined;
    return call.method === "tools/list" && this.tools !== undefined
      ? this.tools.screen(result)
      : result;
  }

  /** The server wants another revision of this era. */
  adopt(version: StatelessVersion): void {
    if (version !== this.protocolVersion) this.#envelope = new Envelope(this.host, version);
  }

  #reportMissed(): void {
    const { events } = this.host;
    events.onMissed();
    const kinds: ListKind[] = ["tools", "resources", "prompts"];
    for (const kind of kinds) {
      if (this.capabilities[kind]?.listChanged === true) events.onListChanged(kind);
    }
  }
}

/** Each leg of a call counts from its own beginning: only what goes beyond all before is reported (8.21). */
function withSteadyProgress(call: EraRequest, report: (progress: Progress) => void): EraRequest {
  let highest = -Infinity;
  return {
    ...call,
    onProgress(progress) {
      if (progress.progress <= highest) return;
      highest = progress.progress;
      report(progress);
    },
  };
}

/** @throws {McpConfigError} */
function uriOf({ params }: EraRequest): string {
  const { uri } = (params ?? {}) as { uri?: unknown };
  if (typeof uri !== "string") throw invalid("uri", "a string");
  return uri;
}

function invalid(name: string, what: string): McpConfigError {
  return new McpConfigError(`params.${name} must be ${what}`, { path: `params.${name}` });
}
