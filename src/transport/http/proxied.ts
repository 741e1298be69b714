// Clients that reach a server through a forward proxy: `http:` in absolute form, `https:` by CONNECT.
// https://www.rfc-editor.org/rfc/rfc9112#section-3.2.2 https://www.rfc-editor.org/rfc/rfc9110#section-9.3.6

import { isIP } from "node:net";
import { Client, Pool, ProxyAgent, type buildConnector, type Dispatcher } from "undici";
import { excerpt } from "../../core/redact.ts";
import type { Proxy } from "./proxy-environment.ts";

/** The proxy could not be reached, or did not open the way to the server: nothing was sent there. Holds no secret. */
export class ProxyError extends Error {
  readonly proxy: Proxy["name"];
  readonly variable: string;
  /** What it answered to CONNECT; undefined: it was not reached, or did not answer. */
  readonly status: number | undefined;
  /** What it said of that in its headers: short, or empty. */
  readonly detail: string;

  constructor(proxy: Proxy, reason: { status?: number; detail?: string; cause?: unknown }) {
    const { status, detail = "", cause } = reason;
    const what = status === undefined ? "could not be reached" : `answered with ${status}`;
    super(`the proxy ${proxy.name} ${what}`, cause === undefined ? undefined : { cause });
    this.name = "ProxyError";
    this.proxy = proxy.name;
    this.variable = proxy.variable;
    this.status = status;
    this.detail = detail;
  }
}

export interface ProxiedOptions {
  readonly proxy: Proxy;
  /** Of the server. */
  readonly origin: string;
  /** Makes connections to the proxy. */
  readonly connect: buildConnector.connector;
  /** A connection, and the proxy's answer to CONNECT. Milliseconds. */
  readonly connectMs: number;
  readonly client: Client.Options;
}

/** One socket to a proxy that is told the whole URL of each request. */
export class ForwardClient extends Client {
  readonly #headers: readonly string[];

  constructor({ proxy, origin, connect, client }: ProxiedOptions) {
    super(originOf(proxy), { ...client, connect: throughProxy(proxy, connect) });
    const { authorization } = proxy;
    this.#headers = [
      ...["host", new URL(origin).host],
      ...(authorization === undefined ? [] : ["proxy-authorization", authorization]),
    ];
  }

  override dispatch(
    options: Dispatcher.DispatchOptions,
    handler: Dispatcher.DispatchHandler,
  ): boolean {
    const { origin, path, headers } = options;
    return super.dispatch(
      {
        ...options,
        path: `${String(origin)}${path}`,
        // Ours only: a list of names and values.
        headers: [...(Array.isArray(headers) ? headers : []), ...this.#headers],
      },
      handler,
    );
  }
}

/** An agent that opens a tunnel through the proxy for each of its connections. */
export function createTunnelAgent(options: ProxiedOptions, connections: number): Dispatcher {
  const { proxy, connect, connectMs, client } = options;
  const tls = { proxyTls: { timeout: connectMs }, requestTls: { timeout: connectMs } };
  // undici speaks SOCKS by itself.
  if (!isHttp(proxy)) {
    return new ProxyAgent({ ...client, ...tls, connections, uri: proxy.url.href });
  }
  return new ProxyAgent({
    ...client,
    ...tls,
    connections,
    uri: originOf(proxy),
    ...(proxy.authorization === undefined ? {} : { token: proxy.authorization }),
    clientFactory: () =>
      new TunnelPool(proxy, {
        connect: throughProxy(proxy, connect),
        headersTimeout: connectMs,
      }),
  });
}

/** Whether the proxy is spoken to in HTTP. */
export function isHttp({ url }: Proxy): boolean {
  return url.protocol === "http:" || url.protocol === "https:";
}

type ConnectOptions = Parameters<Pool["connect"]>[0];
type ConnectCallback = Parameters<Pool["connect"]>[1];

/** Sends nothing but CONNECT. Its errors say that it was the proxy, and undici's say so in their text alone. */
class TunnelPool extends Pool {
  readonly #proxy: Proxy;

  constructor(proxy: Proxy, options: Pool.Options) {
    super(originOf(proxy), options);
    this.#proxy = proxy;
  }

  override connect(options: ConnectOptions): Promise<Dispatcher.ConnectData>;
  override connect(options: ConnectOptions, callback: ConnectCallback): void;
  override connect(
    options: ConnectOptions,
    callback?: ConnectCallback,
  ): Promise<Dispatcher.ConnectData> | void {
    if (callback !== undefined) return super.connect(options, callback);
    return this.#open(super.connect(options));
  }

  async #open(opening: Promise<Dispatcher.ConnectData>): Promise<Dispatcher.ConnectData> {
    let data: Dispatcher.ConnectData;
    try {
      data = await opening;
    } catch (cause) {
      throw cause instanceof ProxyError ? cause : new ProxyError(this.#proxy, { cause });
    }
    const { statusCode, headers, socket } = data;
    if (statusCode === 200) return data;
    socket.on("error", () => {}).destroy();
    throw new ProxyError(this.#proxy, { status: statusCode, detail: detailOf(headers) });
  }
}

/** What proxies say in headers of their own. */
const TELLING_HEADERS = ["proxy-status", "x-squid-error", "proxy-authenticate"];

function detailOf(headers: { readonly [name: string]: string | string[] | undefined }): string {
  return TELLING_HEADERS.flatMap((name) => {
    const value = headers[name];
    return value === undefined ? [] : [`${name}: ${excerpt(String(value), 100)}`];
  }).join("; ");
}

/** Without credentials: undici shows the URL of a client here and there. */
function originOf({ url }: Proxy): string {
  return `${url.protocol}//${url.host}`;
}

function throughProxy(proxy: Proxy, connect: buildConnector.connector): buildConnector.connector {
  const { hostname } = proxy.url;
  // The certificate is the proxy's; an address has no server name.
  const servername = isIP(hostname.replace(/^\[|\]$/g, "")) === 0 ? hostname : undefined;
  return ({ servername: _servername, ...target }, callback) => {
    connect({ ...target, ...(servername === undefined ? {} : { servername }) }, (...result) => {
      const [error] = result;
      if (error === null) callback(...result);
      else callback(new ProxyError(proxy, { cause: error }), null);
    });
  };
}
