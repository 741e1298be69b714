// The floor over HTTP: undici's bare dispatch, JSON.stringify, JSON.parse (for streams, eventsource-parser), and
// nothing else: no handshake, no ids to match, no limits, no timeouts, no errors told apart.

import { TextDecoder } from "node:util";
import { createParser } from "eventsource-parser";
import type { EventSourceParser } from "eventsource-parser";
import { Pool } from "undici";
import type { Dispatcher } from "undici";
import { SESSION_VERSION, STATELESS_VERSION, textOf, toolCall } from "./contender.ts";
import type { Client, Era, Target } from "./contender.ts";

/** As many as the pool's. */
const SOCKETS = 128;

const LF = 0x0a;

const BASE = [
  ["content-type", "application/json"],
  ["accept", "application/json, text/event-stream"],
  ["accept-encoding", "identity"],
  ["user-agent", `mcp-client-pool/0.1.0 node/${process.versions.node.split(".", 1)[0]}`],
].flat();

/** What the pool sends, in its order. */
const HEADERS: { readonly [era in Era]: string[] } = {
  session: [...BASE, "mcp-protocol-version", SESSION_VERSION, "mcp-session-id", "bench-session"],
  stateless: [
    ...BASE,
    ...["mcp-protocol-version", STATELESS_VERSION],
    ...["mcp-method", "tools/call"],
    ...["mcp-name", "echo"],
  ],
};

export async function connectFloorHttp(
  target: Target & { kind: "http" },
  era: Era,
): Promise<Client> {
  const { origin, pathname: path } = new URL(target.url);
  const headers = HEADERS[era];
  const sockets = new Pool(origin, { connections: SOCKETS, headersTimeout: 0, bodyTimeout: 0 });
  let nextId = 1;
  return {
    async call() {
      const body = JSON.stringify(toolCall(nextId++, era));
      const message = await new Promise<unknown>((resolve, reject) => {
        sockets.dispatch(
          { origin, path, method: "POST", headers, body },
          path === "/sse" ? new EventHandler(resolve, reject) : new BodyHandler(resolve, reject),
        );
      });
      return textOf((message as { result: unknown }).result);
    },
    close: () => sockets.close(),
  };
}

abstract class Handler implements Dispatcher.DispatchHandler {
  protected readonly resolve: (message: unknown) => void;
  readonly #reject: (error: Error) => void;

  constructor(resolve: (message: unknown) => void, reject: (error: Error) => void) {
    this.resolve = resolve;
    this.#reject = reject;
  }

  onRequestStart(): void {}

  onResponseStart(_controller: Dispatcher.DispatchController, status: number): void {
    if (status !== 200) throw new Error(`HTTP ${status}`);
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#reject(error);
  }
}

class BodyHandler extends Handler {
  readonly #chunks: Buffer[] = [];

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#chunks.push(chunk);
  }

  onResponseEnd(): void {
    const [first] = this.#chunks;
    const whole = this.#chunks.length === 1 && first ? first : Buffer.concat(this.#chunks);
    this.resolve(JSON.parse(whole.toString("utf8")));
  }
}

class EventHandler extends Handler {
  readonly #parser: EventSourceParser;
  /** For an event of several chunks: a character may be split between two of them. */
  #decoder: TextDecoder | undefined;

  constructor(resolve: (message: unknown) => void, reject: (error: Error) => void) {
    super(resolve, reject);
    // A method, not an arrow: the loader that strips types would wrap that to keep its name.
    this.#parser = createParser({
      onEvent({ data }) {
        resolve(JSON.parse(data));
      },
    });
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#decoder === undefined && chunk[chunk.length - 1] === LF) {
      this.#parser.feed(chunk.toString("utf8"));
      return;
    }
    this.#decoder ??= new TextDecoder();
    this.#parser.feed(this.#decoder.decode(chunk, { stream: true }));
  }

  onResponseEnd(): void {}
}
