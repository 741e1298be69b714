// Sockets, the port and the waiting of a scripted server: what has nothing to do with a protocol.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";

/** Conditions that are looked at again whenever something happens. */
export class Watchers {
  readonly #watchers = new Set<() => void>();

  readonly notify = (): void => {
    for (const watcher of Array.from(this.#watchers)) watcher();
  };

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      await new Promise<void>((resolve) => {
        const watcher = (): void => {
          this.#watchers.delete(watcher);
          resolve();
        };
        this.#watchers.add(watcher);
      });
    }
  }
}

export class Listener {
  /** Sockets ever accepted. */
  connectionCount = 0;
  readonly #sockets = new Set<Socket>();
  readonly #dropped = new WeakSet<Socket>();
  readonly #receive: (req: IncomingMessage, res: ServerResponse) => void;
  readonly #changed: () => void;
  #server: Server | undefined;
  #port = 0;

  constructor(receive: (req: IncomingMessage, res: ServerResponse) => void, changed: () => void) {
    this.#receive = receive;
    this.#changed = changed;
  }

  get port(): number {
    return this.#port;
  }

  get openSockets(): number {
    return this.#sockets.size;
  }

  /** Whether it was this side that destroyed the socket. */
  wasDropped(socket: Socket): boolean {
    return this.#dropped.has(socket);
  }

  dropSockets(): void {
    for (const socket of this.#sockets) {
      this.#dropped.add(socket);
      socket.destroy();
    }
  }

  /** Any free port the first time, the same one ever after. */
  async listen(): Promise<void> {
    const server = createServer(this.#receive);
    // A test's silence is no reason to close a socket under it.
    server.keepAliveTimeout = 0;
    server.on("connection", (socket) => {
      this.connectionCount += 1;
      this.#sockets.add(socket);
      socket.on("error", () => {});
      socket.once("close", () => {
        this.#sockets.delete(socket);
        this.#changed();
      });
      this.#changed();
    });
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(this.#port, "127.0.0.1", resolve);
    });
    this.#server = server;
    this.#port = (server.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined) return;
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    this.dropSockets();
    await closed;
  }
}
