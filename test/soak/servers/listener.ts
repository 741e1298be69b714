// One address of a soak server: its port stays the same over restarts, its sockets are known.

import { createServer } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";

export type Handler = (req: IncomingMessage, res: ServerResponse) => void;

export class Listener {
  readonly #handler: Handler;
  /** How many requests are under way on each. */
  readonly #sockets = new Map<Socket, number>();
  #server: Server | undefined;
  #changing: Promise<void> = Promise.resolve();
  #port = 0;
  /** Another one after every stop: what began before belongs to a process that is gone. */
  epoch = 0;

  constructor(handler: Handler) {
    this.#handler = handler;
  }

  get port(): number {
    return this.#port;
  }

  get openSockets(): number {
    return this.#sockets.size;
  }

  listen(): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#server !== undefined) return;
      const server = createServer((req, res) => {
        const { socket } = req;
        // One that was read before its socket was dropped may be told of afterwards.
        const before = this.#sockets.get(socket);
        if (before !== undefined) this.#sockets.set(socket, before + 1);
        res.once("close", () => {
          const count = this.#sockets.get(socket);
          if (count !== undefined) this.#sockets.set(socket, count - 1);
        });
        this.#handler(req, res);
      });
      server.keepAliveTimeout = 0;
      server.on("connection", (socket) => {
        this.#sockets.set(socket, 0);
        socket.on("error", () => {});
        socket.once("close", () => this.#sockets.delete(socket));
      });
      await new Promise<void>((resolve, reject) => {
        server.once("error", reject);
        server.listen(this.#port, "127.0.0.1", resolve);
      });
      this.#server = server;
      this.#port = (server.address() as AddressInfo).port;
    });
  }

  /** Nobody listens, and every socket is gone. */
  stop(): Promise<void> {
    return this.#inTurn(async () => {
      const server = this.#server;
      if (server === undefined) return;
      this.#server = undefined;
      this.epoch += 1;
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      this.drop();
      await closed;
    });
  }

  drop(): void {
    for (const socket of this.#sockets.keys()) socket.destroy();
  }

  /** Those on which nothing is under way, as a server does that has waited long enough; by FIN, or by RST. */
  dropIdle(reset: boolean): void {
    for (const [socket, busy] of this.#sockets) {
      if (busy > 0) continue;
      // Behind a FIN that is on its way the system refuses the RST, and Node then neither closes such a socket nor says
      // that it is gone.
      if (reset && socket.writable) socket.resetAndDestroy();
      else socket.destroy();
    }
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    this.#changing = this.#changing.then(work);
    return this.#changing;
  }
}

export async function readBody(req: IncomingMessage): Promise<string | undefined> {
  let text = "";
  req.setEncoding("utf8");
  try {
    for await (const chunk of req) text += String(chunk);
  } catch {
    return undefined;
  }
  return text;
}

export function sendJson(
  res: ServerResponse,
  status: number,
  body: object,
  headers: Readonly<Record<string, string>> = {},
): void {
  const text = JSON.stringify(body);
  const length = String(Buffer.byteLength(text));
  res.writeHead(status, {
    ...headers,
    "content-type": "application/json",
    "content-length": length,
  });
  res.end(text);
}

export function eventText(message: object | undefined, id?: string): string {
  const data = message === undefined ? "" : JSON.stringify(message);
  return `${id === undefined ? "" : `id: ${id}\nretry: 40\n`}data: ${data}\n\n`;
}
