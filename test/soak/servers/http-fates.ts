// How a Streamable HTTP server of the soak answers one request, or does not.

import type { ServerResponse } from "node:http";
import type { Era, HttpSpec } from "../fleet.ts";
import type { Log } from "../log.ts";
import type { Fate, Plan } from "../plan.ts";
import { eventText, sendJson } from "./listener.ts";
import type { Listener } from "./listener.ts";
import { answerTo, errorMessage, isStateless, orderOf, progress } from "./protocol.mjs";
import type { Message } from "./protocol.mjs";

/** The server, as far as an answer concerns it. */
export interface HttpScope {
  readonly spec: HttpSpec;
  readonly log: Log;
  readonly listener: Listener;
  readonly era: Era;
  /** How often the tools have changed. */
  readonly version: number;
  /** What shall happen to the call this time. */
  nextFate(key: string, fates: readonly Fate[]): Fate;
  /** All sessions. */
  forget(): void;
  storm(count: number): void;
  /** Makes a stream that can be resumed; gives its id. */
  openResumable(): string;
  /** What is still to come on a stream that broke; sent when the client asks for it. */
  keepAnswer(id: string, answer: Message): void;
}

interface Request {
  readonly res: ServerResponse;
  readonly message: Message;
  /** Of a session that begins with this answer. */
  readonly session: string | undefined;
}

export function answerHttp(server: HttpScope, request: Request): void {
  const order = orderOf(request.message);
  const key = order?.key ?? "";
  const fate = order === undefined ? "ok" : server.nextFate(key, order.fates);
  if (order !== undefined) server.log("got", key, fate);
  const exchange = new HttpExchange(server, request, key);
  exchange.meet(fate, order?.delayMs ?? 0);
}

class HttpExchange {
  readonly #server: HttpScope;
  readonly #request: Request;
  readonly #key: string;
  readonly #answer: Message;
  readonly #epoch: number;

  constructor(server: HttpScope, request: Request, key: string) {
    const { name } = server.spec;
    this.#server = server;
    this.#request = request;
    this.#key = key;
    this.#epoch = server.listener.epoch;
    const { era, version } = server;
    this.#answer = answerTo(request.message, { name, era, version });
  }

  meet(fate: Fate, delayMs: Plan["delayMs"]): void {
    const { res, message } = this.#request;
    switch (fate) {
      case "slow-run":
        return this.#later(delayMs, () => (this.#run(), this.#finish()));
      case "slow-answer":
        this.#run();
        return this.#later(delayMs, () => this.#finish());
      case "reset-before":
        return this.#reset();
      case "reset-after":
        this.#run();
        return this.#reset();
      case "cut-body":
        this.#run();
        return this.#cutBody();
      case "throttled":
        return this.#refuse(429);
      case "throttled-later":
        return this.#refuse(429, { "retry-after": "1" });
      case "busy":
        return this.#refuse(503);
      case "busy-later":
        return this.#refuse(503, { "retry-after": "1" });
      case "busy-after":
        this.#run();
        return this.#refuse(503);
      case "gateway":
        this.#run();
        return this.#refuse(502);
      case "hang-before":
        return;
      case "hang-after":
        return this.#run();
      case "foreign":
        this.#run();
        sendJson(res, 200, { ...this.#answer, id: `foreign-${this.#key}` });
        return;
      case "foreign-then-own":
        this.#run();
        return this.#stream(eventText({ ...this.#answer, id: `foreign-${this.#key}` }));
      case "stream-cut":
        this.#run();
        return this.#cutStream(": cut\n\n");
      case "stream-cut-id":
        return this.#cutResumable(delayMs);
      case "double":
        this.#run();
        return this.#stream(eventText(this.#answer));
      case "html":
        this.#run();
        res.writeHead(200, { "content-type": "text/html" }).end("<p>hello</p>");
        return;
      case "empty":
        this.#run();
        res.writeHead(200, { "content-type": "application/json", "content-length": "0" }).end();
        return;
      case "garbage":
        this.#run();
        res.writeHead(200, { "content-type": "application/json" }).end('{"jsonrpc":');
        return;
      case "forget":
        return this.#forget();
      case "close-after":
        this.#run();
        this.#finish();
        // Soon enough that the client may be writing its next request at this moment.
        res.once("finish", () => setTimeout(() => res.socket?.destroy(), delayMs % 4));
        return;
      case "tool-error":
        this.#run();
        return this.#send(
          message.method === "tools/call"
            ? { ...this.#answer, result: { ...(this.#answer.result as object), isError: true } }
            : this.#answer,
        );
      case "rpc-error":
        this.#run();
        sendJson(res, 200, errorMessage(message.id, -32000, "told to fail"));
        return;
      case "progress": {
        this.#run();
        const reports = [1, 2, 3].map((step) => progress(message, step));
        return this.#stream(reports.map((one) => (one ? eventText(one) : "")).join(""));
      }
      case "storm":
        this.#run();
        this.#server.storm(100);
        return this.#finish();
      default:
        this.#run();
        return this.#finish();
    }
  }

  /** Recorded before one byte of the answer is written. */
  #run(): void {
    if (this.#key !== "") this.#server.log("ran", this.#key);
  }

  #finish(): void {
    this.#send(this.#answer);
  }

  #send(answer: Message): void {
    const { res, session } = this.#request;
    if (res.destroyed) return;
    if (this.#key !== "") this.#server.log("answered", this.#key);
    const headers: Record<string, string> =
      session === undefined ? {} : { "mcp-session-id": session };
    if (this.#server.spec.replies === "json") return sendJson(res, 200, answer, headers);
    res.writeHead(200, { ...headers, "content-type": "text/event-stream" });
    res.end(eventText(answer));
  }

  /** An event stream with the answer at its end, whatever the server's own form is. */
  #stream(before: string): void {
    const { res } = this.#request;
    this.#server.log("answered", this.#key);
    res.writeHead(200, { "content-type": "text/event-stream" });
    res.end(`${before}${eventText(this.#answer)}`);
  }

  #reset(): void {
    this.#server.log("cut", this.#key);
    this.#request.res.destroy();
  }

  #refuse(status: number, headers: Readonly<Record<string, string>> = {}): void {
    this.#server.log("refused", this.#key, String(status));
    this.#request.res.writeHead(status, headers).end();
  }

  #cutBody(): void {
    const { res } = this.#request;
    const text = JSON.stringify(this.#answer);
    const length = String(Buffer.byteLength(text));
    this.#server.log("cut", this.#key);
    res.writeHead(200, { "content-type": "application/json", "content-length": length });
    res.write(text.slice(0, text.length / 2), () => res.destroy());
  }

  #cutStream(text: string): void {
    const { res } = this.#request;
    this.#server.log("cut", this.#key);
    res.writeHead(200, { "content-type": "text/event-stream" });
    // Only the callback says that these bytes are out.
    res.write(text, () => res.destroy());
  }

  /** With event ids the stream can be taken up again; without, or in the era that has none, it is lost. */
  #cutResumable(delayMs: number): void {
    const { ids } = this.#server.spec;
    this.#run();
    if (ids === "none" || isStateless(this.#request.message)) return this.#cutStream(": cut\n\n");
    const id = this.#server.openResumable();
    this.#cutStream(eventText(undefined, id));
    if (ids === "kept") this.#later(delayMs, () => this.#server.keepAnswer(id, this.#answer));
  }

  /** The server forgets all sessions with this request; without sessions there is nothing to forget. */
  #forget(): void {
    const { spec } = this.#server;
    if (isStateless(this.#request.message) || !spec.sessionIds) {
      this.#run();
      return this.#finish();
    }
    this.#server.forget();
    this.#server.log("refused", this.#key, "session forgotten");
    sendJson(this.#request.res, 404, errorMessage(null, -32001, "Session not found"));
  }

  #later(delayMs: number, work: () => void): void {
    setTimeout(() => {
      if (this.#epoch === this.#server.listener.epoch) work();
    }, delayMs).unref();
  }
}
