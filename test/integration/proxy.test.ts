// Proxies that the environment names: used for every host but this machine's own.

import { McpClientPool } from "mcp-client-pool";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
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
    for (const asked of proxy.asked) expect(asked).toContain("mcp.example.test");
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

test("a proxy that is not there is said to be why, and nothing reaches the server", async () => {
  vi.stubEnv("http_proxy", proxy.url);
  await proxy.close();
  await using pool = new McpClientPool();
  await expect(pool.addClient("s", "http://mcp.example.test/mcp")).rejects.toMatchObject({
    code: "CONNECTION_FAILED",
    sent: "no",
  });
  expect(server.requests).toEqual([]);
  proxy = await startProxy(Number(server.url.port));
});
