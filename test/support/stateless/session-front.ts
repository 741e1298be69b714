// The session era of the scripted stateless server: `initialize`, session ids, the GET stream.

import { randomUUID } from "node:crypto";
import type { ServerResponse } from "node:http";
import { json, sseEvent } from "../http-server.ts";
import { errorMessage, isRpcId, paramsOf, RpcError, SESSION_VERSIONS } from "./protocol.ts";
import type { JsonObject } from "./protocol.ts";
import { serverCapabilities, serverInfoOf } from "./methods.ts";
import type { Reply } from "./reply.ts";
import type { Notification } from "./subscriptions.ts";
import { covers } from "./subscriptions.ts";
import type { StatelessRecord, StatelessRequest, StatelessServerOptions } from "./types.ts";

interface Session {
  readonly version: string;
  readonly subscribed: Set<string>;
  readonly streams: Set<ServerResponse>;
}

export class SessionFront {
  /** How often `initialize` was answered. */
  initializeCount = 0;
  readonly #sessions = new Map<string, Session>();
  readonly #options: StatelessServerOptions;
  readonly #report: (record: StatelessRecord, violation: string) => void;
  readonly #changed: () => void;

  constructor(
    options: StatelessServerOptions,
    report: (record: StatelessRecord, violation: string) => void,
    changed: () => void,
  ) {
    this.#options = options;
    this.#report = report;
    this.#changed = changed;
  }

  get ids(): string[] {
    return [...this.#sessions.keys()];
  }

  get streamCount(): number {
    let count = 0;
    for (const { streams } of this.#sessions.values()) count += streams.size;
    return count;
  }

  /** Every session id is unknown now, and every GET stream ends. */
  forget(): void {
    for (const { streams } of this.#sessions.values()) for (const stream of streams) stream.end();
    this.#sessions.clear();
  }

  /** To the GET streams of the sessions that it concerns; how many. */
  push(notification: Notification): number {
    let count = 0;
    for (const { streams, subscribed } of this.#sessions.values()) {
      const uri = notification.params?.["uri"];
      const concerns =
        notification.method !== "notifications/resources/updated" ||
        [...subscribed].some((one) => covers(one, uri));
      if (!concerns) continue;
      for (const stream of streams) stream.write(sseEvent({ jsonrpc: "2.0", ...notification }));
      count += streams.size;
    }
    return count;
  }

  /** GET and DELETE. */
  other(request: StatelessRequest): void {
    const { method, res } = request;
    if (method === "GET" && this.#options.getStream !== true) {
      res.writeHead(405, { allow: "POST" }).end();
      return;
    }
    const session = this.#find(request);
    if (session instanceof RpcError) json(res, session.status, errorMessage(null, session));
    else if (method === "DELETE") {
      this.#sessions.delete(idOf(request));
      res.writeHead(204).end();
      this.#changed();
    } else this.#open(session, res);
  }

  /** What a POST is answered with at once; undefined: it is a request of a living session. */
  check(request: StatelessRequest, reply: Reply): "request" | "answered" {
    const { body } = request;
    if (body?.method === "initialize") {
      this.#initialize(request, reply);
      return "answered";
    }
    const session = this.#find(request);
    if (session instanceof RpcError) {
      reply.finish(errorMessage(null, session), false, session.status);
      return "answered";
    }
    if (session.version >= "2025-06-18" && !("mcp-protocol-version" in request.headers)) {
      this.#report(request, "MCP-Protocol-Version is missing in a session (3.5)");
    }
    if (body?.method !== undefined && isRpcId(body.id)) return "request";
    reply.end(202);
    return "answered";
  }

  /** The methods that belong to sessions alone; undefined: some other method. */
  answer(request: StatelessRequest): JsonObject | undefined {
    const uri = String(paramsOf(request.body)["uri"]);
    const subscribed = this.#sessions.get(idOf(request))?.subscribed;
    switch (request.body?.method) {
      case "resources/subscribe":
        subscribed?.add(uri);
        return {};
      case "resources/unsubscribe":
        subscribed?.delete(uri);
        return {};
      case "logging/setLevel":
        return {};
      default:
        return undefined;
    }
  }

  #initialize(request: StatelessRequest, reply: Reply): void {
    const { body, headers } = request;
    const offered = paramsOf(body)["protocolVersion"];
    if (!SESSION_VERSIONS.includes(String(offered))) {
      this.#report(request, `initialize offers ${String(offered)} (2.6)`);
    }
    if ("mcp-session-id" in headers) this.#report(request, "initialize has a session id (3.8)");
    const id = randomUUID();
    const version = this.#options.sessionVersion ?? "2025-11-25";
    this.#sessions.set(id, { version, subscribed: new Set(), streams: new Set() });
    this.initializeCount += 1;
    const { extensions: _extensions, ...capabilities } = serverCapabilities(this.#options);
    const { instructions } = this.#options;
    const result = {
      protocolVersion: version,
      capabilities,
      serverInfo: serverInfoOf(this.#options) ?? { name: "anonymous", version: "0" },
      ...(instructions === undefined ? {} : { instructions }),
    };
    reply.headers["mcp-session-id"] = id;
    reply.finish({ jsonrpc: "2.0", id: body?.id, result }, this.#options.replies === "sse");
    this.#changed();
  }

  #open(session: Session, res: ServerResponse): void {
    res.writeHead(200, { "content-type": "text/event-stream" }).flushHeaders();
    session.streams.add(res);
    res.once("close", () => {
      session.streams.delete(res);
      this.#changed();
    });
    this.#changed();
  }

  #find(request: StatelessRequest): Session | RpcError {
    const id = idOf(request);
    if (id === "") return new RpcError(-32000, "Bad Request: Session id required", undefined, 400);
    return this.#sessions.get(id) ?? new RpcError(-32001, "Session not found", undefined, 404);
  }
}

function idOf({ headers }: StatelessRecord): string {
  return String(headers["mcp-session-id"] ?? "");
}
