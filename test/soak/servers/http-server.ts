// A Streamable HTTP server of the soak, in any era: takes requests, keeps sessions and streams, obeys orders.

import { randomUUID } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Era, HttpSpec } from "../fleet.ts";
import type { Log } from "../log.ts";
import type { Fate } from "../plan.ts";
import { answerHttp } from "./http-fates.ts";
import type { HttpScope } from "./http-fates.ts";
import { eventText, Listener, readBody, sendJson } from "./listener.ts";
import type { SoakServer } from "./soak-server.ts";
import {
  acknowledged,
  errorMessage,
  isStateless,
  listChanged,
  noSessions,
  orderOf,
} from "./protocol.mjs";
import type { Message } from "./protocol.mjs";

/** A stream that broke after an event id, and what was to come on it. */
interface Broken {
  answer: string | undefined;
  waiting: ServerResponse | undefined;
}

/** The longest a stream can be resumed, milliseconds. */
const RESUMABLE_MS = 10_000;

export class SoakHttpServer implements SoakServer, HttpScope {
  readonly spec: HttpSpec;
  readonly log: Log;
  readonly listener: Listener;
  era: Era;
  version = 0;
  #mode: "up" | "frozen" | "throttled" | "unavailable" = "up";
  readonly #sessions = new Set<string>();
  /** Change streams, by the id of their subscription; GET streams have none. */
  readonly #streams = new Map<ServerResponse, Message["id"]>();
  readonly #broken = new Map<string, Broken>();
  readonly #seen = new Map<string, number>();
  readonly #frozen: (() => void)[] = [];
  #streamCount = 0;

  constructor(spec: HttpSpec, log: Log) {
    this.spec = spec;
    this.log = log;
    this.era = spec.era;
    this.listener = new Listener((req, res) => void this.#receive(req, res));
  }

  get path(): string {
    return "/mcp";
  }

  async order(name: string, detail = ""): Promise<void> {
    switch (name) {
      case "restart":
        await this.stop();
        return this.listener.listen();
      case "stop":
        return this.stop();
      case "forget":
        return this.forget();
      case "drop":
        return this.listener.drop();
      case "drop-idle":
        return this.listener.dropIdle(detail === "reset");
      case "freeze":
        this.#mode = "frozen";
        return;
      case "throttle":
        this.#mode = "throttled";
        return;
      case "refuse":
        this.#mode = "unavailable";
        return;
      case "storm":
        return this.storm(Number(detail));
      case "end-streams":
        for (const stream of this.#streams.keys()) stream.end();
        return;
      case "era":
        this.#changeEra(detail as Era);
        return;
      case "heal":
        this.#thaw();
        return this.listener.listen();
    }
  }

  async stop(): Promise<void> {
    await this.listener.stop();
    this.#sessions.clear();
    this.#broken.clear();
    this.#frozen.length = 0;
    this.#mode = "up";
  }

  forget(): void {
    this.#sessions.clear();
    for (const [stream, id] of this.#streams) if (id === undefined) stream.end();
  }

  storm(count: number): void {
    this.version += 1;
    for (let sent = 0; sent < count; sent++) {
      for (const [stream, id] of this.#streams) {
        if (!stream.writableEnded) stream.write(eventText(listChanged(id)));
      }
    }
  }

  openResumable(): string {
    const id = `${this.spec.name}-${this.#streamCount++}`;
    this.#broken.set(id, { answer: undefined, waiting: undefined });
    setTimeout(() => this.#broken.delete(id), RESUMABLE_MS).unref();
    return id;
  }

  keepAnswer(id: string, answer: Message): void {
    const broken = this.#broken.get(id);
    if (broken === undefined) return;
    broken.answer = eventText(answer, id);
    if (broken.waiting?.writableEnded === false) broken.waiting.end(broken.answer);
  }

  #changeEra(era: Era): void {
    this.era = era;
    if (era === "stateless") this.forget();
    if (era === "sessions") {
      for (const [stream, id] of this.#streams) if (id !== undefined) stream.destroy();
    }
  }

  #thaw(): void {
    this.#mode = "up";
    for (const serve of this.#frozen.splice(0)) serve();
  }

  async #receive(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const { epoch } = this.listener;
    const text = await readBody(req);
    if (text === undefined || epoch !== this.listener.epoch) return;
    const serve = (): void => {
      if (epoch === this.listener.epoch && !res.destroyed) this.#serve(req, res, text);
    };
    if (this.#mode === "frozen") this.#frozen.push(serve);
    else serve();
  }

  #serve(req: IncomingMessage, res: ServerResponse, text: string): void {
    if (req.method === "GET") return this.#get(req, res);
    if (req.method === "DELETE") {
      this.#sessions.delete(sessionOf(req));
      res.writeHead(204).end();
      return;
    }
    const message = JSON.parse(text) as Message;
    const key = orderOf(message)?.key ?? "";
    if (this.#mode !== "up") {
      this.log("refused", key, this.#mode);
      const isThrottled = this.#mode === "throttled";
      res.writeHead(isThrottled ? 429 : 503, isThrottled ? { "retry-after": "1" } : {}).end();
      return;
    }
    this.#post(req, res, message, key);
  }

  #post(req: IncomingMessage, res: ServerResponse, message: Message, key: string): void {
    const { id, method } = message;
    const stateless = isStateless(message);
    if (stateless && this.era === "sessions") {
      this.log("refused", key, "stateless");
      sendJson(res, 400, errorMessage(null, -32000, "Bad Request: Server not initialized"));
      return;
    }
    if (id === undefined || method === undefined) {
      res.writeHead(202).end();
      return;
    }
    if (!stateless && this.era === "stateless") {
      this.log("refused", key, "session");
      sendJson(res, 400, noSessions(message));
      return;
    }
    const isNew = method === "initialize";
    if (!stateless && !isNew && !this.#hasSession(req, res, key)) return;
    if (method === "subscriptions/listen") {
      this.#openStream(res, id);
      res.write(eventText(acknowledged(message)));
      return;
    }
    answerHttp(this, { res, message, session: isNew ? this.#newSession() : undefined });
  }

  nextFate(key: string, fates: readonly Fate[]): Fate {
    const count = this.#seen.get(key) ?? 0;
    this.#seen.set(key, count + 1);
    return fates[count] ?? "ok";
  }

  #newSession(): string | undefined {
    if (!this.spec.sessionIds) return undefined;
    const session = randomUUID();
    this.#sessions.add(session);
    return session;
  }

  #hasSession(req: IncomingMessage, res: ServerResponse, key: string): boolean {
    if (!this.spec.sessionIds) return true;
    const session = sessionOf(req);
    if (this.#sessions.has(session)) return true;
    this.log("refused", key, "no such session");
    if (session === "") sendJson(res, 400, errorMessage(null, -32000, "Session id required"));
    else sendJson(res, 404, errorMessage(null, -32001, "Session not found"));
    return false;
  }

  #get(req: IncomingMessage, res: ServerResponse): void {
    const cursor = req.headers["last-event-id"];
    const isResumption = typeof cursor === "string" && cursor !== "";
    if (this.era === "stateless" || (isResumption && this.spec.ids === "lost")) {
      res.writeHead(405, { allow: "POST" }).end();
      return;
    }
    if (!this.#hasSession(req, res, "")) return;
    const broken = isResumption ? this.#broken.get(cursor) : undefined;
    if (broken === undefined && isResumption) {
      res.writeHead(404).end();
      return;
    }
    if (broken === undefined) return this.#openStream(res, undefined);
    res.writeHead(200, { "content-type": "text/event-stream" }).flushHeaders();
    if (broken.answer === undefined) broken.waiting = res;
    else res.end(broken.answer);
  }

  #openStream(res: ServerResponse, subscription: Message["id"]): void {
    res.writeHead(200, { "content-type": "text/event-stream" }).flushHeaders();
    this.#streams.set(res, subscription);
    res.once("close", () => this.#streams.delete(res));
  }
}

function sessionOf({ headers }: IncomingMessage): string {
  return String(headers["mcp-session-id"] ?? "");
}
