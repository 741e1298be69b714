// Proxies that the environment names: used for every host but this machine's own.

import { connect } from "node:net";
import type { AddressInfo } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { inspect } from "node:util";
import { McpClientPool } from "mcp-client-pool";
import type { McpError } from "mcp-client-pool";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { CERTIFICATE, PRIVATE_KEY } from "../fault/rows/certificate.ts";
import { startHttpServer } from "../support/http-server.ts";
import type { TestHttpServer } from "../support/http-server.ts";
import { startProxy } from "./servers/proxy.ts";
import type { Proxy } from "./servers/proxy.ts";

const VARIABLES = [
  "http_proxy",
  "HTTP_PROXY",
  "https_proxy",
  "HTTPS_PROXY",
  "no_proxy",
  "NO_PROXY",
];

let server: TestHttpServer;
let proxy: Proxy;

beforeEach(async () => {
  server = await startHttpServer({ replies: "sse", getStream: true });
  proxy = await startProxy(Number(server.url.port));
  for (const variable of VARIABLES) vi.stubEnv(variable, undefined);
});

afterEach(async () => {
  vi.unstubAllEnvs();
  await proxy.close();
  await server.close();
});

test.each(["http_proxy", "HTTP_PROXY"])(
  "calls, the GET stream and the DELETE go through the proxy that %s names",
  async (variable) => {
    vi.stubEnv(variable, proxy.url);
    await using pool = new McpClientPool();
    await pool.addClient("s", "http://mcp.example.test/mcp");
    await pool.callTool("s__echo", { key: "a" });
    await server.until(({ openStreams }) => openStreams === 1);
    await pool.closeAll();
    expect(server.executionCount("echo", "a")).toBe(1);
    expect(new Set(server.requests.map(({ method }) => method))).toEqual(
      new Set(["POST", "GET", "DELETE"]),
    );
    expect(new Set(server.requests.map(({ headers }) => headers.host))).toEqual(
      new Set(["mcp.example.test"]),
    );
    expect(proxy.asked.length).toBeGreaterThan(0);
    // A default Squid allows CONNECT to 443 only.
    for (const asked of proxy.asked) {
      expect(asked).toMatch(/^(?:POST|GET|DELETE) http:\/\/mcp\.example\.test\/mcp$/);
    }
    await server.until(({ openSockets }) => openSockets === 0);
  },
);

test("a session that is lost is renewed through the proxy (3.9)", async () => {
  vi.stubEnv("http_proxy", proxy.url);
  await using pool = new McpClientPool();
  await pool.addClient("s", "http://mcp.example.test/mcp");
  server.forgetSessions();
  await pool.callTool("s__echo", { key: "a" });
  expect(server.executionCount("echo", "a")).toBe(1);
  expect(server.initializeCount).toBe(2);
});

test("this machine is reached without the proxy", async () => {
  vi.stubEnv("http_proxy", proxy.url);
  await using pool = new McpClientPool();
  await pool.addClient("s", server.url);
  await pool.callTool("s__echo", { key: "a" });
  expect(server.executionCount("echo", "a")).toBe(1);
  expect(proxy.asked).toEqual([]);
});

test("a host that no_proxy names is not asked of the proxy", async () => {
  vi.stubEnv("http_proxy", proxy.url);
  vi.stubEnv("no_proxy", "mcp.example.test");
  await using pool = new McpClientPool({ timeouts: { connectMs: 500 } });
  await expect(pool.addClient("s", "http://mcp.example.test/mcp")).rejects.toMatchObject({
    server: "s",
  });
  expect(proxy.asked).toEqual([]);
});

test("many calls at once go through the proxy, and nothing is left open", async () => {
  vi.stubEnv("http_proxy", proxy.url);
  await using pool = new McpClientPool();
  await pool.addClient("s", "http://mcp.example.test/mcp");
  const keys = Array.from({ length: 100 }, (_, n) => String(n));
  await Promise.all(keys.map((key) => pool.callTool("s__echo", { key })));
  for (const key of keys) expect(server.executionCount("echo", key)).toBe(1);
  await pool.closeAll();
  await server.until(({ openSockets }) => openSockets === 0);
});

test("credentials go to the proxy, and to nobody else", async () => {
  const { host } = new URL(proxy.url);
  vi.stubEnv("http_proxy", `http://user:s%40cret@${host}`);
  await using pool = new McpClientPool();
  await pool.addClient("s", "http://mcp.example.test/mcp");
  await pool.callTool("s__echo", { key: "a" });
  const expected = `Basic ${Buffer.from("user:s@cret").toString("base64")}`;
  for (const headers of proxy.headers) expect(headers["proxy-authorization"]).toBe(expected);
  for (const { headers } of server.requests) expect(headers["proxy-authorization"]).toBeUndefined();
});

test("a proxy without a scheme is one that speaks HTTP", async () => {
  vi.stubEnv("http_proxy", proxy.name);
  await using pool = new McpClientPool();
  await pool.addClient("s", "http://mcp.example.test/mcp");
  expect(proxy.asked.length).toBeGreaterThan(0);
});

/** What a user sees of the error, and all that a logger might print. */
function everythingOf(error: unknown): string {
  const seen = new Set<unknown>();
  const texts: string[] = [];
  const visit = (value: unknown): void => {
    if (typeof value === "string") texts.push(value);
    if (typeof value !== "object" || value === null || seen.has(value)) return;
    seen.add(value);
    for (const key of Reflect.ownKeys(value)) visit(Reflect.get(value, key));
  };
  visit(error);
  texts.push(inspect(error, { depth: 10, showHidden: true }), JSON.stringify(error));
  return texts.join("\n");
}

const TARGETS = [
  ["CONNECT", "https_proxy", "https://mcp.example.test/mcp"],
  ["the absolute form", "http_proxy", "http://mcp.example.test/mcp"],
] as const;

/** The error of a server that cannot be connected to through `address`. */
async function failureThrough(
  variable: string,
  url: string,
  address: string,
  options: object = {},
): Promise<McpError> {
  vi.stubEnv(variable, address);
  await using pool = new McpClientPool({ servers: { s: { url } }, ...options });
  const { failed } = await pool.connect();
  const error = failed["s"];
  if (error === undefined) throw new Error("it is connected");
  const [status] = pool.status();
  expect(status?.state).toBe(error.retryable ? "backoff" : "failed");
  return error;
}

function withCredentials(): string {
  return `http://user:s3cret@${proxy.name}`;
}

test.each(TARGETS)(
  "407 to %s is final, names the proxy and what to do, and shows no credentials",
  async (_name, variable, url) => {
    proxy.refusal = { status: 407, headers: { "proxy-authenticate": 'Basic realm="squid"' } };
    const error = await failureThrough(variable, url, withCredentials());
    expect(error).toMatchObject({ code: "CONNECTION_FAILED", sent: "no", retryable: false });
    for (const words of [proxy.name, "407", variable]) expect(error.message).toContain(words);
    expect(everythingOf(error)).not.toContain("s3cret");
    expect(everythingOf(error)).not.toContain(Buffer.from("user:s3cret").toString("base64"));
    expect(proxy.asked.length).toBe(1);
    expect(server.requests).toEqual([]);
  },
);

test("403 to CONNECT is final, and names the proxy and what to do", async () => {
  proxy.refusal = { status: 403, headers: { "x-squid-error": "ERR_ACCESS_DENIED 0" } };
  const [, variable, url] = TARGETS[0];
  const error = await failureThrough(variable, url, withCredentials());
  expect(error).toMatchObject({ code: "CONNECTION_FAILED", sent: "no", retryable: false });
  for (const words of [proxy.name, "403", "owner", "no_proxy", "ERR_ACCESS_DENIED"]) {
    expect(error.message).toContain(words);
  }
  expect(everythingOf(error)).not.toContain("s3cret");
  expect(proxy.asked.length).toBe(1);
});

test.each([405, 404, 400, 501])("%d to CONNECT is final: that is no proxy", async (status) => {
  proxy.refusal = { status };
  const error = await failureThrough("https_proxy", "https://mcp.example.test/mcp", proxy.url);
  expect(error).toMatchObject({ code: "CONNECTION_FAILED", retryable: false });
  for (const words of [proxy.name, String(status), "https_proxy"]) {
    expect(error.message).toContain(words);
  }
});

test.each([502, 503, 504])("%d to CONNECT may pass, and names the proxy", async (status) => {
  proxy.refusal = { status };
  const error = await failureThrough("https_proxy", "https://mcp.example.test/mcp", proxy.url);
  expect(error).toMatchObject({ code: "CONNECTION_FAILED", sent: "no", retryable: true });
  for (const words of [proxy.name, String(status)]) expect(error.message).toContain(words);
});

test.each([403, 502, 503, 504])(
  "%d to the absolute form may be the server's: the message names the proxy, and what it says of itself",
  async (status) => {
    proxy.refusal = { status, headers: { via: "1.1 squid", "x-squid-error": "ERR_DNS_FAIL 0" } };
    vi.stubEnv("http_proxy", withCredentials());
    await using pool = new McpClientPool({ reconnect: { budgetMs: 300 } });
    const adding = pool.addClient("s", "http://mcp.example.test/mcp");
    const error: unknown = await adding.catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: "HTTP_ERROR", status });
    for (const words of [proxy.name, "1.1 squid", "ERR_DNS_FAIL"]) {
      expect(String(error)).toContain(words);
    }
    expect(everythingOf(error)).not.toContain("s3cret");
  },
);

test("a 407 after the server has worked fails the call, which was not sent", async () => {
  vi.stubEnv("http_proxy", proxy.url);
  await using pool = new McpClientPool();
  await pool.addClient("s", "http://mcp.example.test/mcp");
  proxy.refusal = { status: 407, headers: { "proxy-authenticate": "Basic" } };
  const calling = pool.callTool("s__echo", { key: "a" });
  await expect(calling).rejects.toMatchObject({ code: "CONNECTION_FAILED", sent: "no" });
  proxy.refusal = undefined;
  await pool.callTool("s__echo", { key: "b" });
  expect(server.executionCount("echo", "a")).toBe(0);
  expect(server.executionCount("echo", "b")).toBe(1);
});

test("a proxy that does not answer CONNECT is named after timeouts.connectMs", async () => {
  proxy.refusal = "hang";
  const url = "https://mcp.example.test/mcp";
  const options = { timeouts: { connectMs: 300 } };
  const error = await failureThrough("https_proxy", url, withCredentials(), options);
  expect(error).toMatchObject({ code: "CONNECTION_FAILED", sent: "no", retryable: true });
  expect(error.message).toContain(proxy.name);
  expect(everythingOf(error)).not.toContain("s3cret");
});

test("a proxy that closes the connection instead of answering CONNECT is named", async () => {
  proxy.refusal = "close";
  const error = await failureThrough("https_proxy", "https://mcp.example.test/mcp", proxy.url);
  expect(error).toMatchObject({ code: "CONNECTION_FAILED", sent: "no", retryable: true });
  expect(error.message).toContain(proxy.name);
});

test.each(TARGETS)("a proxy that is not there is named: %s", async (_name, variable, url) => {
  const address = withCredentials();
  await proxy.close();
  const error = await failureThrough(variable, url, address);
  expect(error).toMatchObject({ code: "CONNECTION_FAILED", sent: "no", retryable: true });
  for (const words of [proxy.name, "ECONNREFUSED", variable]) {
    expect(error.message).toContain(words);
  }
  expect(everythingOf(error)).not.toContain("s3cret");
  expect(server.requests).toEqual([]);
  proxy = await startProxy(Number(server.url.port));
});

test("calls, the GET stream and the DELETE of an https server go through tunnels", async () => {
  // Node trusts no certificate that is made for a test; what is tested here is the way.
  vi.stubEnv("NODE_TLS_REJECT_UNAUTHORIZED", "0");
  const front = createTlsServer({ cert: CERTIFICATE, key: PRIVATE_KEY }, (socket) => {
    const inner = connect(Number(server.url.port), "127.0.0.1");
    socket.on("error", () => inner.destroy());
    inner.on("error", () => socket.destroy());
    socket.once("close", () => inner.destroy());
    inner.once("close", () => socket.destroy());
    socket.pipe(inner).pipe(socket);
  });
  await new Promise<void>((resolve) => front.listen(0, "127.0.0.1", resolve));
  const tunnels = await startProxy((front.address() as AddressInfo).port);
  try {
    vi.stubEnv("https_proxy", `http://user:pass@${tunnels.name}`);
    await using pool = new McpClientPool();
    await pool.addClient("s", "https://elsewhere.test:8443/mcp");
    const keys = Array.from({ length: 20 }, (_, n) => String(n));
    await Promise.all(keys.map((key) => pool.callTool("s__echo", { key })));
    for (const key of keys) expect(server.executionCount("echo", key)).toBe(1);
    await server.until(({ openStreams }) => openStreams === 1);
    await pool.closeAll();
    await server.until(({ openSockets }) => openSockets === 0);
    expect(new Set(tunnels.asked)).toEqual(new Set(["CONNECT elsewhere.test:8443"]));
    const expected = `Basic ${Buffer.from("user:pass").toString("base64")}`;
    for (const headers of tunnels.headers) expect(headers["proxy-authorization"]).toBe(expected);
    for (const { headers } of server.requests) {
      expect([headers.host, headers["proxy-authorization"]]).toEqual([
        "elsewhere.test:8443",
        undefined,
      ]);
    }
  } finally {
    await tunnels.close();
    await new Promise((resolve) => front.close(resolve));
  }
});

test("a tunnel is opened to the server's own port, and what speaks there is the server", async () => {
  // The server behind it does not speak TLS: the error is its own, not the proxy's.
  const error = await failureThrough("https_proxy", "https://mcp.example.test/mcp", proxy.url);
  expect(new Set(proxy.asked)).toEqual(new Set(["CONNECT mcp.example.test:443"]));
  expect(error.message).not.toContain(proxy.name);
});

test("https_proxy is not asked for http servers, and http_proxy is for https servers without one", async () => {
  await failureThrough("http_proxy", "https://mcp.example.test/mcp", proxy.url);
  expect(proxy.asked[0]).toBe("CONNECT mcp.example.test:443");
});

test.each(["http://[", "ftp://proxy.example", "http://user:s3cret@:3128"])(
  "%s is no proxy: the option is named, its value is not shown",
  async (address) => {
    const error = await failureThrough("http_proxy", "http://mcp.example.test/mcp", address);
    expect(error).toMatchObject({ code: "INVALID_CONFIG", retryable: false });
    expect(error.message).toContain("http_proxy");
    expect(everythingOf(error)).not.toContain("s3cret");
  },
);
