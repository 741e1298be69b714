// The sockets of one server: those for calls, and one of its own for each stream that stays open.
// https://undici.nodejs.org
// Hot path: `acquireCall`.

import { Socket } from "node:net";
import { buildConnector, Client, EnvHttpProxyAgent, errors, type Dispatcher } from "undici";
import { CallSocket, CallSockets } from "./call-sockets.ts";
import type { Sender } from "./call-sockets.ts";
import { namesProxy } from "./proxy-environment.ts";

/** Sockets beyond those for calls: what cancels a call, or answers for it, must not wait for one to end. */
const SPARE_SOCKETS = 16;

/**
 * Behind a proxy each of undici's clients is two agents and what they hold: two take turns, so that a call that follows
 * the last at once has another socket, and all beyond them share one agent.
 */
const PROXIED_SOCKETS = 2;

/** A socket is closed after being idle for so long, unless the server says how long it keeps it. Milliseconds. */
const IDLE_MS = 4_000;

/** At the longest, whatever the server says: routers and firewalls on the way forget earlier than they tell. */
const MAX_IDLE_MS = 60_000;

export interface SocketOptions {
  readonly url: URL;
  /** The user's: used for everything and never closed. */
  readonly dispatcher: Dispatcher | undefined;
  readonly connectMs: number;
  /** Calls under way at once. Streams have no bound here. */
  readonly callCount: number;
}

export class Sockets {
  readonly #options: SocketOptions;
  readonly #connect: buildConnector.connector;
  readonly #sockets = new Set<Socket>();
  #opened = 0;
  readonly #streams = new Set<Dispatcher>();
  /** Replaced, and closed when what is under way there has ended. */
  readonly #retired = new Set<Dispatcher>();
  readonly #calls: CallSockets;
  /** The user's, for every call. */
  readonly #given: CallSocket | undefined;
  /** Nothing stands between us and the server. */
  readonly #isDirect: boolean;
  /** What comes later than that would open sockets that nobody closes. */
  #isDestroyed = false;

  constructor(options: SocketOptions) {
    this.#options = options;
    // One for all, so that a new stream resumes the TLS session of the calls.
    const connector = buildConnector({ timeout: options.connectMs });
    this.#connect = (target, callback) => {
      const socket: unknown = connector(target, callback);
      if (!(socket instanceof Socket)) return;
      this.#sockets.add(socket);
      this.#opened += 1;
      socket.once("close", () => this.#sockets.delete(socket));
    };
    const { dispatcher, url, callCount } = options;
    if (dispatcher !== undefined) this.#given = new CallSocket(dispatcher, "shared");
    this.#isDirect = isLoopback(url.hostname) || !namesProxy();
    const count = callCount + SPARE_SOCKETS;
    const create = (): Dispatcher => this.#create();
    this.#calls = new CallSockets(
      this.#isDirect
        ? { count, create }
        : {
            count: PROXIED_SOCKETS,
            create,
            createShared: () => this.#createProxied(count - PROXIED_SOCKETS),
          },
    );
  }

  /**
   * For one call; `releaseCall` or `discardCall` when it is over. Undefined: there is none, and `sender` is told to send
   * when there is.
   *
   * @throws if the proxy environment holds no valid URL.
   */
  acquireCall(sender: Sender): CallSocket | undefined {
    if (this.#given !== undefined) return this.#given;
    if (this.#isDestroyed) throw new errors.ClientDestroyedError();
    return this.#calls.acquire(sender);
  }

  /** The call has ended in good order. */
  releaseCall(socket: CallSocket): void {
    this.#calls.release(socket);
  }

  /** The call failed, or was aborted. */
  discardCall(socket: CallSocket): void {
    this.#calls.discard(socket);
  }

  /** The call was refused because its server does not know the session. */
  holdCall(socket: CallSocket): void {
    this.#calls.hold(socket);
  }

  releaseHeld(verdict: "keep" | "drop"): void {
    this.#calls.releaseHeld(verdict);
  }

  /** Connections that were opened so far, of all kinds. */
  get openedCount(): number {
    return this.#opened;
  }

  /** See {@link CallSockets}. */
  markAnswered(socket: CallSocket): void {
    this.#calls.markAnswered(socket);
  }

  takePause(): boolean {
    return this.#calls.takePause();
  }

  /**
   * For one stream; `release` it when the stream is over. A pool of streams would open a socket anew for
   * each that is aborted: undici connects before it looks whether what waits was aborted.
   *
   * @throws if the proxy environment holds no valid URL.
   */
  acquireStream(): Dispatcher {
    const { dispatcher } = this.#options;
    if (dispatcher !== undefined) return dispatcher;
    if (this.#isDestroyed) throw new errors.ClientDestroyedError();
    const own = this.#create();
    this.#streams.add(own);
    return own;
  }

  release(stream: Dispatcher): void {
    // Destroys in the background; it never rejects, and `destroy` waits for its socket.
    if (this.#streams.delete(stream)) stream.destroy(null, () => {});
  }

  /** What is idle may be dead without having ended: calls get new sockets from here on. */
  renewCalls(): void {
    const old = this.#calls.retire();
    for (const one of old) {
      this.#retired.add(one);
      void one.close().finally(() => this.#retired.delete(one));
    }
  }

  /** The same for streams that stay open: they end with an error, now. */
  dropStreams(): void {
    for (const stream of Array.from(this.#streams)) this.release(stream);
  }

  /** Resolves when every socket that was made here is closed. */
  async destroy(): Promise<void> {
    if (this.#options.dispatcher !== undefined) return;
    this.#isDestroyed = true;
    this.dropStreams();
    const calls = [...this.#retired, ...this.#calls.retire()];
    await Promise.all(calls.map((one) => one.destroy()));
    // undici forgets a socket that is still connecting: without this it would outlive us by `connectMs`.
    await Promise.all(Array.from(this.#sockets, destroySocket));
  }

  /** One socket. */
  #create(): Dispatcher {
    if (!this.#isDirect) return this.#createProxied(1);
    return new Client(this.#options.url.origin, this.#clientOptions());
  }

  #createProxied(connections: number): Dispatcher {
    const { connectMs } = this.#options;
    return new EnvHttpProxyAgent({
      ...this.#clientOptions(),
      connections,
      proxyTls: { timeout: connectMs },
      requestTls: { timeout: connectMs },
    });
  }

  #clientOptions(): Client.Options {
    return {
      pipelining: 1,
      headersTimeout: 0,
      bodyTimeout: 0,
      keepAliveTimeout: IDLE_MS,
      keepAliveMaxTimeout: MAX_IDLE_MS,
      connect: this.#connect,
    };
  }
}

/** The hosts that no proxy can reach for us; the rule of Go's net/http. */
export function isLoopback(hostname: string): boolean {
  return hostname === "localhost" || hostname === "[::1]" || /^127\.\d+\.\d+\.\d+$/.test(hostname);
}

function destroySocket(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    if (socket.closed) {
      resolve();
      return;
    }
    socket.once("close", () => resolve());
    // With an error, so that undici's connector takes its timeout back.
    socket.destroy(new Error("closed"));
  });
}
