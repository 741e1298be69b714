// The one response to a POST: JSON, or an SSE stream as soon as something is sent before the answer.

import type { ServerResponse } from "node:http";
import { json, sseEvent } from "../http-server.ts";

export class Reply {
  readonly res: ServerResponse;
  /** Sent with the head, whatever its form. */
  readonly headers: Record<string, string> = {};
  readonly #abort = new AbortController();
  readonly #ends: Array<(how: ReplyEnd) => void> = [];
  #end: ReplyEnd | undefined;

  constructor(res: ServerResponse, wasDropped: () => boolean) {
    this.res = res;
    res.once("close", () => {
      if (res.writableFinished) this.#close("finished");
      else this.#close(wasDropped() ? "cut" : "closed by the client");
    });
  }

  /** Aborted if the response ends before it is complete. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  get isOpen(): boolean {
    return this.#end === undefined && !this.res.destroyed && !this.res.writableEnded;
  }

  onEnd(listener: (how: ReplyEnd) => void): void {
    if (this.#end === undefined) this.#ends.push(listener);
    else listener(this.#end);
  }

  openStream(): void {
    if (this.res.headersSent || !this.isOpen) return;
    this.res.writeHead(200, {
      ...this.headers,
      "content-type": "text/event-stream",
      "cache-control": "no-cache",
      "x-accel-buffering": "no",
    });
    this.res.flushHeaders();
  }

  send(message: object): void {
    this.openStream();
    if (this.isOpen) this.res.write(sseEvent(message));
  }

  comment(text: string): void {
    this.openStream();
    if (this.isOpen) this.res.write(`: ${text}\n\n`);
  }

  /** The answer: an event if the stream is open or `stream` is wanted, else JSON with `status`. */
  finish(message: object, stream: boolean, status = 200): void {
    if (!this.isOpen) return;
    if (!this.res.headersSent && (!stream || status !== 200)) {
      json(this.res, status, message, this.headers);
    } else {
      this.send(message);
      this.res.end();
    }
    this.#close("finished");
  }

  /** No answer, in good order: an empty body, or the end of the stream. */
  end(status = 202): void {
    if (!this.isOpen) return;
    if (!this.res.headersSent) this.res.writeHead(status, this.headers);
    this.res.end();
    this.#close("finished");
  }

  /** Destroys the socket. `head`: after an SSE head; an event: after the first half of it. */
  cut(after: "nothing" | "head" | { readonly event: object } = "nothing"): void {
    if (this.#end !== undefined) return;
    this.#close("cut");
    if (after === "nothing" || this.res.destroyed) {
      this.res.destroy();
      return;
    }
    if (!this.res.headersSent) {
      this.res.writeHead(200, { ...this.headers, "content-type": "text/event-stream" });
    }
    const text = after === "head" ? ": cut\n\n" : half(sseEvent(after.event));
    // Only the callback says that these bytes are out; destroying at once would take them back.
    this.res.write(text, () => this.res.destroy());
  }

  #close(how: ReplyEnd): void {
    if (this.#end !== undefined) return;
    this.#end = how;
    if (how !== "finished") this.#abort.abort(new Error(`Response ${how}`));
    for (const listener of this.#ends) listener(how);
  }
}

export type ReplyEnd = "finished" | "cut" | "closed by the client";

function half(text: string): string {
  return text.slice(0, Math.ceil(text.length / 2));
}
