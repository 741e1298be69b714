// A server of 2024-11-05 over HTTP+SSE: one stream for all that it says, a POST for each message.

import type { IncomingMessage, ServerResponse } from "node:http";
import type { LegacySpec } from "../fleet.ts";
import type { Log } from "../log.ts";
import type { Fate } from "../plan.ts";
import { createDuplexServer } from "./duplex.mjs";
import type { DuplexServer, Served } from "./duplex.mjs";
import { eventText, Listener, readBody } from "./listener.ts";
import type { Message } from "./protocol.mjs";
import type { SoakServer } from "./soak-server.ts";
import { orderOf } from "./protocol.mjs";

interface Session {
  readonly stream: ServerResponse;
  readonly server: DuplexServer;
}

type Post = (served: Served) => void;

export class SoakLegacyServer implements SoakServer {
  readonly listener: Listener;
  readonly path: string = "/sse";
  readonly #spec: LegacySpec;
  readonly #log: Log;
  readonly #sessions = new Map<string, Session>();
  /** Responses to POSTs whose message is being served right now. */
  readonly #posts = new Map<Message["id"], ServerResponse>();
  readonly #seen = new Map<string, number>();
  #isFrozen = false;
  readonly #frozen: (() => void)[] = [];
  #count = 0;

  constructor(spec: LegacySpec, log: Log) {
    this.#spec = spec;
    this.#log = log;
    this.listener = new Listener((req, res) => void this.#receive(req, res));
  }

  async order(name: string, detail = ""): Promise<void> {
    switch (name) {
      case "restart":
        await this.#stop();
        return this.listener.listen();
      case "stop":
        return this.#stop();
      case "forget":
      case "end-streams":
        for (const { stream } of this.#sessions.values()) stream.end();
        return;
      case "drop":
        return this.listener.drop();
      case "drop-idle":
        return this.listener.dropIdle(detail === "reset");
      case "freeze":
        this.#isFrozen = true;
        return;
      case "storm":
        for (const { server } of this.#sessions.values()) server.storm(Number(detail));
        return;
      case "heal":
        this.#isFrozen = false;
        for (const serve of this.#frozen.splice(0)) serve();
        return this.listener.listen();
    }
  }

  async #stop(): Promise<void> {
    this.#isFrozen = false;
    this.#frozen.length = 0;
    await this.listener.stop();
  }

  async #receive(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const { epoch } = this.listener;
    const text = await readBody(req);
    if (text === undefined) return;
    const serve = (): void => {
      if (epoch !== this.listener.epoch || res.destroyed) return;
      const url = new URL(req.url ?? "", "http://localhost");
      if (req.method === "GET" && url.pathname === this.path) this.#open(res);
      else if (req.method === "POST" && url.pathname === "/messages") {
        this.#post(res, url.searchParams.get("session") ?? "", JSON.parse(text) as Message);
      } else res.writeHead(405).end();
    };
    if (this.#isFrozen) this.#frozen.push(serve);
    else serve();
  }

  #open(stream: ServerResponse): void {
    const id = String(this.#count++);
    const { name, era } = this.#spec;
    const server = createDuplexServer({
      name,
      era,
      log: this.#log,
      send: (message) => {
        if (!stream.writableEnded) stream.write(eventText(message));
      },
      special: this.#special(stream),
    });
    this.#sessions.set(id, { stream, server });
    stream.once("close", () => {
      this.#sessions.delete(id);
      server.close();
    });
    stream.writeHead(200, { "content-type": "text/event-stream" });
    stream.write(`event: endpoint\ndata: /messages?session=${id}\n\n`);
  }

  #post(res: ServerResponse, sessionId: string, message: Message): void {
    const session = this.#sessions.get(sessionId);
    if (session === undefined) {
      this.#log("refused", orderOf(message)?.key ?? "", "no such session");
      res.writeHead(404).end();
      return;
    }
    this.#posts.set(message.id, res);
    session.server.onMessage(message);
    this.#posts.delete(message.id);
    if (!res.destroyed && !res.writableEnded) res.writeHead(202).end();
  }

  #special(stream: ServerResponse): Partial<Record<Fate, Post>> {
    const refuse =
      (status: number, headers: Readonly<Record<string, string>>, runs = false): Post =>
      ({ message, order, run }) => {
        if (runs) run();
        this.#log("refused", order.key, String(status));
        this.#posts.get(message.id)?.writeHead(status, headers).end();
      };
    const later = { "retry-after": "1" };
    return {
      "reset-before": ({ message }) => void this.#posts.get(message.id)?.destroy(),
      // Its answer comes on the stream all the same.
      "reset-after": ({ message, run, finish }) => {
        run();
        this.#posts.get(message.id)?.destroy();
        finish();
      },
      "stream-cut": ({ order, run, finish }) => {
        if (this.#isAgain(order.key)) return (run(), finish());
        run();
        stream.destroy();
      },
      garbage: ({ run, finish }) => {
        run();
        stream.write("data: {\n\n");
        finish();
      },
      throttled: this.#once(refuse(429, {})),
      "throttled-later": this.#once(refuse(429, later)),
      busy: this.#once(refuse(503, {})),
      "busy-later": this.#once(refuse(503, later)),
      "busy-after": this.#once(refuse(503, {}, true)),
      "close-after": ({ message, order, run, finish }) => {
        const post = this.#posts.get(message.id);
        run();
        finish();
        post?.once("finish", () => setTimeout(() => post.socket?.destroy(), order.delayMs % 4));
      },
    };
  }

  /** A stream that broke takes the memory of what was seen with it: kept here. */
  #once(post: Post): Post {
    return (served) => {
      if (!this.#isAgain(served.order.key)) return post(served);
      served.run();
      served.finish();
    };
  }

  #isAgain(key: string): boolean {
    const count = this.#seen.get(key) ?? 0;
    this.#seen.set(key, count + 1);
    return count > 0;
  }
}
