// Whether somebody listens where nobody did. Asked far more often than a connection is attempted, while callers wait:
// it costs a few packets and none of the server's work.

import { connect, type Socket } from "node:net";
import type { Clock, Timer } from "../core/clock.ts";

/** From one refusal to the next try, milliseconds: half of it at least, so that many clients do not knock in step. */
const EVERY_MS = 100;

/** Whoever neither opens nor refuses is left alone, milliseconds. */
const PATIENCE_MS = 1_000;

/** A door that opened to an attempt that failed all the same is no sign: then the attempts keep their own pace. */
const MIN_SUCCESS_MS = 1_000;

/** Where a connection was refused: what the name resolved to, or the proxy. */
export interface RefusedAddress {
  readonly host: string;
  readonly port: number;
}

export interface KnockerOptions {
  readonly clock: Clock;
  /** Whether it is still worth it. */
  readonly isWanted: () => boolean;
}

export class Knocker {
  readonly #options: KnockerOptions;
  #addresses: readonly RefusedAddress[] = [];
  #onOpen: (() => void) | undefined;
  #timer: Timer | undefined;
  readonly #sockets: Set<Socket> = new Set();
  /** On the clock. */
  #openedAt = -Infinity;

  constructor(options: KnockerOptions) {
    this.#options = options;
  }

  /** From here on `start()` knocks where `error` says that a connection was refused; nowhere, if it does not say so. */
  aim(error: unknown, onOpen: () => void): void {
    this.stop();
    if (this.#options.clock.now() - this.#openedAt < MIN_SUCCESS_MS) return;
    this.#addresses = refusedAddresses(error);
    this.#onOpen = onOpen;
  }

  /** Knocks until somebody opens, or nobody wants it any more. */
  start(): void {
    if (this.#addresses.length === 0 || this.#isKnocking) return;
    this.#wait();
  }

  /** Leaves nothing behind, and knocks no more until it is aimed anew. */
  stop(): void {
    this.#addresses = [];
    this.#pause();
  }

  get #isKnocking(): boolean {
    return this.#timer !== undefined || this.#sockets.size > 0;
  }

  #pause(): void {
    if (this.#timer !== undefined) this.#options.clock.clearTimer(this.#timer);
    this.#timer = undefined;
    for (const socket of this.#sockets) socket.destroy();
    this.#sockets.clear();
  }

  #wait(): void {
    const { clock } = this.#options;
    const delayMs = EVERY_MS * (0.5 + clock.random() / 2);
    this.#timer = clock.setTimer(
      () => {
        this.#timer = undefined;
        if (this.#options.isWanted()) for (const address of this.#addresses) this.#knock(address);
      },
      delayMs,
      true,
    );
  }

  #knock(address: RefusedAddress): void {
    const socket = connect(address);
    this.#sockets.add(socket);
    socket.unref();
    socket.setTimeout(PATIENCE_MS, () => socket.destroy());
    socket.once("connect", () => {
      const onOpen = this.#onOpen;
      this.#openedAt = this.#options.clock.now();
      this.stop();
      onOpen?.();
    });
    socket.on("error", () => {});
    socket.once("close", () => {
      // Stopped meanwhile, or one of several that goes on.
      if (this.#sockets.delete(socket) && this.#sockets.size === 0) this.#wait();
    });
  }
}

/** Node tells it of each address that it tried. */
export function refusedAddresses(error: unknown): RefusedAddress[] {
  if (!(error instanceof Error)) return [];
  if (error instanceof AggregateError) return error.errors.flatMap(refusedAddresses);
  const { code, address, port } = error as { code?: unknown; address?: unknown; port?: unknown };
  if (code === "ECONNREFUSED" && typeof address === "string" && typeof port === "number") {
    return [{ host: address, port }];
  }
  return refusedAddresses(error.cause);
}
