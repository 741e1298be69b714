// The sockets of one server: two for a call at a time, a pool for those beyond it, and one of its own for each stream
// that stays open. https://undici.nodejs.org
// Hot path: `acquireCall`, `markAnswered` and `releaseCall`.

import { Socket } from "node:net";
import { buildConnector, Client, EnvHttpProxyAgent, errors, Pool, type Dispatcher } from "undici";

/** Sockets beyond those for calls: what cancels a call, or answers for it, must not wait for one to end. */
const SPARE_SOCKETS = 16;

/**
 * With two, a call that follows the last at once takes the other socket: that the server closes the one it has just
 * answered on may not be known yet, and the call would be lost there.
 */
const MAX_SINGLES = 2;

/**
 * So often in all a call that follows the last at once waits for its socket instead of opening the second: as often as
 * a handshake and the first list need it. Of very many servers most are never asked anything else.
 */
const MAX_PAUSES = 3;

/** A socket is closed after being idle for so long, unless the server says how long it keeps it. Milliseconds. */
const IDLE_MS = 4_000;

/** At the longest, whatever the server says: routers and firewalls on the way forget earlier than they tell. */
const MAX_IDLE_MS = 60_000;

export interface SocketOptions {
  readonly url: URL;
  /** The user's: used for everything and never closed. */
  readonly dispatcher: Dispatcher | undefined;
  readonly connectMs: number;
  /** Calls under way at once; one more waits for a socket. Streams have no bound here. */
  readonly callCount: number;
}

/** One socket. */
interface Single {
  readonly dispatcher: Dispatcher;
  /** `answered`: the call there has its answer, and ends at once, or has ended in this turn of the event loop. */
  state: "free" | "busy" | "answered";
}

export class Sockets {
  readonly #options: SocketOptions;
  readonly #connect: buildConnector.connector;
  readonly #sockets = new Set<Socket>();
  readonly #streams = new Set<Dispatcher>();
  /** Replaced, and closed when what is under way there has ended. */
  readonly #retired = new Set<Dispatcher>();
  /** Most servers never need more, and a pool takes 16 KB before its first socket. */
  #singles: Single[] = [];
  #more: Dispatcher | undefined;
  #pauses = 0;
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
      socket.once("close", () => this.#sockets.delete(socket));
    };
  }

  /**
   * For one call; `releaseCall` when it is over.
   *
   * @throws if the proxy environment holds no valid URL.
   */
  acquireCall(): Dispatcher {
    const { dispatcher, callCount } = this.#options;
    if (dispatcher !== undefined) return dispatcher;
    if (this.#isDestroyed) throw new errors.ClientDestroyedError();
    for (const single of this.#singles) {
      if (single.state !== "free") continue;
      single.state = "busy";
      return single.dispatcher;
    }
    if (this.#singles.length === MAX_SINGLES)
      return (this.#more ??= this.#create(callCount + SPARE_SOCKETS - MAX_SINGLES));
    const single: Single = { dispatcher: this.#create(1), state: "busy" };
    this.#singles.push(single);
    return single.dispatcher;
  }

  /** The call has its answer, and will soon be over. */
  markAnswered(dispatcher: Dispatcher): void {
    for (const single of this.#singles) {
      if (single.dispatcher === dispatcher) single.state = "answered";
    }
  }

  releaseCall(dispatcher: Dispatcher): void {
    for (const single of this.#singles) {
      if (single.dispatcher !== dispatcher) continue;
      single.state = "answered";
      setImmediate(free, single);
    }
  }

  /** Whether a call had better wait a moment for the only socket that is open. */
  takePause(): boolean {
    if (this.#singles.length !== 1 || this.#pauses === MAX_PAUSES) return false;
    if (this.#singles[0]?.state !== "answered") return false;
    this.#pauses += 1;
    return true;
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
    const own = this.#create(1);
    this.#streams.add(own);
    return own;
  }

  release(stream: Dispatcher): void {
    // Destroys in the background; it never rejects, and `destroy` waits for its socket.
    if (this.#streams.delete(stream)) stream.destroy(null, () => {});
  }

  /** What is idle may be dead without having ended: calls get new sockets from here on. */
  renewCalls(): void {
    const old = this.#takeCalls();
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
    const calls = [...this.#retired, ...this.#takeCalls()];
    await Promise.all(calls.map((one) => one.destroy()));
    // undici forgets a socket that is still connecting: without this it would outlive us by `connectMs`.
    await Promise.all(Array.from(this.#sockets, destroySocket));
  }

  #takeCalls(): Dispatcher[] {
    const calls = this.#singles.map(({ dispatcher }) => dispatcher);
    if (this.#more !== undefined) calls.push(this.#more);
    this.#singles = [];
    this.#more = undefined;
    return calls;
  }

  #create(connections: number): Dispatcher {
    const { url, connectMs } = this.#options;
    const options = {
      pipelining: 1,
      headersTimeout: 0,
      bodyTimeout: 0,
      keepAliveTimeout: IDLE_MS,
      keepAliveMaxTimeout: MAX_IDLE_MS,
      connect: this.#connect,
    };
    if (isLoopback(url.hostname)) {
      if (connections === 1) return new Client(url.origin, options);
      return new Pool(url.origin, { ...options, connections });
    }
    return new EnvHttpProxyAgent({
      ...options,
      connections,
      proxyTls: { timeout: connectMs },
      requestTls: { timeout: connectMs },
    });
  }
}

/** One function for all calls: a closure for each would be garbage on the hot path. */
function free(single: Single): void {
  single.state = "free";
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
