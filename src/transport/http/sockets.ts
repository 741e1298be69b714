// The sockets of one server: those for calls, and one of its own for each stream that stays open.
// https://undici.nodejs.org
// Hot path: `acquireCall`.

import { Socket } from "node:net";
import { buildConnector, Client, errors, type Dispatcher } from "undici";
import { CallSocket, CallSockets } from "./call-sockets.ts";
import type { Sender } from "./call-sockets.ts";
import { ReadGate } from "./read-gate.ts";
import { createTunnelAgent, ForwardClient, isHttp } from "./proxied.ts";
import { proxyFor, ProxySettingError, type Proxy } from "./proxy-environment.ts";

/** Sockets beyond those for calls: what cancels a call, or answers for it, must not wait for one to end. */
const SPARE_SOCKETS = 16;

/**
 * With tunnels through a proxy each of undici's clients is two agents and what they hold: two take turns, so that a call
 * that follows the last at once has another socket, and all beyond them share one agent.
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
  /** Of all that are not the user's, and not inside of a tunnel. */
  readonly gate: ReadGate = new ReadGate();
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
  /** What stands between us and the server, by the environment; an error: what stands there is no proxy. */
  readonly #proxy: Proxy | ProxySettingError | undefined;
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
      this.gate.guard(socket);
      this.#opened += 1;
      socket.once("close", () => this.#sockets.delete(socket));
    };
    const { dispatcher, url, callCount } = options;
    if (dispatcher !== undefined) this.#given = new CallSocket(dispatcher, "shared");
    this.#proxy = dispatcher === undefined ? findProxy(url) : undefined;
    const proxy = this.#proxy;
    const count = callCount + SPARE_SOCKETS;
    const create = (): Dispatcher => this.#create();
    this.#calls = new CallSockets(
      proxy === undefined || !this.#hasTunnels
        ? { count, create }
        : {
            count: PROXIED_SOCKETS,
            create,
            createShared: () => this.#createProxied(proxy, count - PROXIED_SOCKETS),
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

  /** Of the proxy that is told each request, and answers it itself where it cannot pass it on. */
  get forwardProxy(): string | undefined {
    const proxy = this.#proxy;
    if (proxy === undefined || proxy instanceof ProxySettingError) return undefined;
    return this.#hasTunnels ? undefined : proxy.name;
  }

  /** The sockets of an `http:` server are TCP itself: what is written is the request and nothing else. */
  get isPlain(): boolean {
    const proxy = this.#proxy;
    return proxy instanceof ProxySettingError || proxy?.url.protocol !== "https:";
  }

  /** Reading can be stopped: see {@link gate}. */
  get canHold(): boolean {
    return this.#given === undefined && !this.#hasTunnels;
  }

  get #hasTunnels(): boolean {
    const proxy = this.#proxy;
    if (proxy === undefined || proxy instanceof ProxySettingError) return false;
    return this.#options.url.protocol === "https:" || !isHttp(proxy);
  }

  /** One socket. */
  #create(): Dispatcher {
    return this.#proxy === undefined
      ? new Client(this.#options.url.origin, this.#clientOptions())
      : this.#createProxied(this.#proxy, 1);
  }

  #createProxied(proxy: Proxy | ProxySettingError, connections: number): Dispatcher {
    if (proxy instanceof ProxySettingError) throw proxy;
    const { url, connectMs } = this.#options;
    const { origin } = url;
    const client = this.#clientOptions();
    const options = { proxy, origin, connect: this.#connect, connectMs, client };
    return this.#hasTunnels ? createTunnelAgent(options, connections) : new ForwardClient(options);
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

/** Thrown when it is needed, so that it is the error of an attempt to connect. */
function findProxy(url: URL): Proxy | ProxySettingError | undefined {
  try {
    return proxyFor(url);
  } catch (error) {
    if (error instanceof ProxySettingError) return error;
    throw error;
  }
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
