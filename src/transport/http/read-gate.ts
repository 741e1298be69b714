// Whether the sockets of a server are read from. undici's own way to pause an answer ends the process where the server
// closes a paused connection: its parser then asserts that it is not paused, inside of an event of the socket.

import type { Socket } from "node:net";

export class ReadGate {
  #holds = 0;
  /** Sockets that would have been read from meanwhile. */
  readonly #unread: Set<Socket> = new Set();

  /** From here on the socket gives nothing while the gate is held. It reads on until its own buffer is full. */
  guard(socket: Socket): void {
    const read = socket.read.bind(socket);
    socket.read = (size?: number): unknown => {
      if (this.#holds === 0 || size === 0) return read(size);
      this.#unread.add(socket);
      return null;
    };
    socket.once("close", () => this.#unread.delete(socket));
  }

  /** {@link release} must follow. */
  hold(): void {
    this.#holds += 1;
  }

  release(): void {
    this.#holds -= 1;
    if (this.#holds > 0) return;
    const sockets = [...this.#unread];
    this.#unread.clear();
    for (const socket of sockets) {
      // One of them may have had the gate held again.
      if (this.#holds > 0) this.#unread.add(socket);
      else if (!socket.destroyed) socket.emit("readable");
    }
  }
}
