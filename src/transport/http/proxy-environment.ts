// Whether the environment names a proxy: only then does one stand between a call and its socket.
// https://undici.nodejs.org/#/docs/api/EnvHttpProxyAgent

const NAMES = ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY"];

/** As it is now; which hosts are excepted (`no_proxy`) is for undici to say. */
export function namesProxy(environment: NodeJS.ProcessEnv = process.env): boolean {
  return NAMES.some((name) => (environment[name] ?? "") !== "");
}
