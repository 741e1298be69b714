// The proxy that the environment names for a server: `http_proxy`, `https_proxy` and `no_proxy`, in either case.
// As undici's EnvHttpProxyAgent reads them, but once for each server. https://undici.nodejs.org/#/docs/api/EnvHttpProxyAgent

/** A forward proxy. */
export interface Proxy {
  /** Host and port, for messages. */
  readonly name: string;
  /** The environment variable that names it. */
  readonly variable: string;
  /** As it was given, credentials included: never for messages. */
  readonly url: URL;
  /** `Proxy-Authorization`, if credentials were given. */
  readonly authorization: string | undefined;
}

/** The environment names a proxy that is none. Does not hold the value: there may be a password in it. */
export class ProxySettingError extends Error {
  readonly code = "ERR_INVALID_URL";

  constructor(variable: string) {
    super(`${variable} must be a URL, such as http://proxy.example:3128`);
    this.name = "ProxySettingError";
  }
}

const DEFAULT_PORTS: { readonly [protocol: string]: string } = {
  "http:": "80",
  "https:": "443",
  "socks5:": "1080",
  "socks:": "1080",
};

/**
 * The proxy for `target`; undefined: it is reached without one.
 *
 * @throws {ProxySettingError}
 */
export function proxyFor(
  target: URL,
  environment: NodeJS.ProcessEnv = process.env,
): Proxy | undefined {
  if (isLoopback(target.hostname) || isExcepted(target, environment)) return undefined;
  const http = setting(environment, "http_proxy");
  const found = target.protocol === "https:" ? (setting(environment, "https_proxy") ?? http) : http;
  if (found === undefined) return undefined;
  const { variable, value } = found;
  // As people write it for curl: without a scheme.
  const address = value.includes("://") ? value : `http://${value}`;
  if (!URL.canParse(address)) throw new ProxySettingError(variable);
  const url = new URL(address);
  const port = url.port === "" ? DEFAULT_PORTS[url.protocol] : url.port;
  if (port === undefined || url.hostname === "") throw new ProxySettingError(variable);
  return { name: `${url.hostname}:${port}`, variable, url, authorization: authorizationOf(url) };
}

/** All values that may name a proxy, credentials included: never for messages. */
export function proxySettings(environment: NodeJS.ProcessEnv = process.env): string[] {
  return ["http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"].flatMap(
    (name) => environment[name] ?? [],
  );
}

/** The hosts that no proxy can reach for us; the rule of Go's net/http. */
export function isLoopback(hostname: string): boolean {
  return hostname === "localhost" || hostname === "[::1]" || /^127\.\d+\.\d+\.\d+$/.test(hostname);
}

/** The lower case first; empty is none. */
function setting(
  environment: NodeJS.ProcessEnv,
  name: string,
): { readonly variable: string; readonly value: string } | undefined {
  for (const variable of [name, name.toUpperCase()]) {
    const value = environment[variable];
    if (value !== undefined) return value === "" ? undefined : { variable, value };
  }
  return undefined;
}

/** Whether `no_proxy` names the host, or a domain that it is in, with this port or without one. */
function isExcepted(target: URL, environment: NodeJS.ProcessEnv): boolean {
  const entries = setting(environment, "no_proxy")?.value.split(/[,\s]+/) ?? [];
  const host = target.hostname.toLowerCase();
  const targetPort = target.port === "" ? DEFAULT_PORTS[target.protocol] : target.port;
  return entries.some((entry) => {
    if (entry === "*") return true;
    const [, name, port] = /^(.+):(\d+)$/.exec(entry) ?? [undefined, entry, undefined];
    const domain = (name ?? "").replace(/^\*?\./, "").toLowerCase();
    if (domain === "" || (port !== undefined && port !== targetPort)) return false;
    return host === domain || host.endsWith(`.${domain}`);
  });
}

function authorizationOf({ username, password }: URL): string | undefined {
  if (username === "" && password === "") return undefined;
  const text = `${decoded(username)}:${decoded(password)}`;
  return `Basic ${Buffer.from(text).toString("base64")}`;
}

/** A `%` that begins no escape stands for itself. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
