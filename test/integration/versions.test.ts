// Every session revision, offered or answered, and what differs between them.

import { McpClientPool, McpProtocolError, SESSION_VERSIONS } from "mcp-client-pool";
import type { SessionVersion } from "mcp-client-pool";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { json, startHttpServer } from "../support/http-server.ts";
import type { TestHttpServerOptions } from "../support/http-server.ts";
import { jsonOf, KINDS, startBench } from "./kinds.ts";

const STDIO_SERVER = fileURLToPath(new URL("../support/stdio-server.mjs", import.meta.url));

/** Those in which a sampling result may have several blocks. */
const MANY_BLOCKS: readonly SessionVersion[] = ["2025-11-25"];

describe.each(KINDS)("$name", (kind) => {
  test.each(SESSION_VERSIONS)("%s is pinned, and spoken (2.6, 2.10, 7.14)", async (protocol) => {
    await using bench = await startBench(kind, {
      protocol,
      onSampling: () => ({
        role: "assistant",
        model: "test",
        content: [
          { type: "text", text: "one" },
          { type: "text", text: "two" },
        ],
      }),
    });
    const { pool, running } = bench;
    expect(pool.status()).toMatchObject([{ protocolVersion: protocol, state: "ready" }]);
    expect(jsonOf(await pool.callTool("s__echo", { key: "a" }))).toEqual({ key: "a" });
    const { result } = jsonOf(await pool.callTool("s__sample")) as {
      result: { content: unknown };
    };
    const one = { type: "text", text: "one" };
    expect(result.content).toEqual(
      MANY_BLOCKS.includes(protocol) ? [one, { type: "text", text: "two" }] : one,
    );
    const requests = running.host?.requests ?? [];
    const versions = new Set(requests.map(({ headers }) => headers["mcp-protocol-version"]));
    versions.delete(undefined);
    for (const version of versions) expect(version).toBe(protocol);
    // Before 2025-06-18 the header was not defined: to send it is harmless (3.5).
    if (requests.length > 0 && protocol >= "2025-06-18") expect(versions.size).toBe(1);
  });
});

async function withServer(
  options: TestHttpServerOptions,
  body: (pool: McpClientPool, server: Awaited<ReturnType<typeof startHttpServer>>) => Promise<void>,
): Promise<void> {
  const server = await startHttpServer(options);
  try {
    await using pool = new McpClientPool();
    await body(pool, server);
  } finally {
    await server.close();
  }
}

const offers = (server: Awaited<ReturnType<typeof startHttpServer>>): unknown[] =>
  server.requestsOf("initialize").map(({ body }) => body?.params?.["protocolVersion"]);

test.each(SESSION_VERSIONS)(
  "the newest is offered, and %s accepted over HTTP (2.10, 3.5)",
  (version) =>
    withServer({ protocolVersion: version }, async (pool, server) => {
      await pool.addClient("s", server.url);
      await pool.callTool("s__echo");
      expect(offers(server)).toEqual(["2025-11-25"]);
      expect(pool.status()).toMatchObject([{ protocolVersion: version }]);
      const [call] = server.requestsOf("tools/call");
      if (version >= "2025-06-18") expect(call?.headers["mcp-protocol-version"]).toBe(version);
      const [initialize] = server.requestsOf("initialize");
      expect(initialize?.headers).not.toHaveProperty("mcp-protocol-version");
    }),
);

test.each(SESSION_VERSIONS)(
  "the newest is offered, and %s accepted over stdio (2.10)",
  async (version) => {
    await using pool = new McpClientPool();
    const script = JSON.stringify({ protocolVersion: version });
    await pool.addClient("s", { command: process.execPath, args: [STDIO_SERVER, script] });
    expect(pool.status()).toMatchObject([{ protocolVersion: version }]);
    const { content } = await pool.callTool("s__echo", { text: "hello" });
    expect(content).toEqual([{ type: "text", text: "hello" }]);
  },
);

const STRANGE = ["2026-07-28", "1999-01-01", "2024-10-07", "DRAFT-2026-v1"];

test.each(STRANGE)("a server that answers %j is spoken to by that name (2.10)", (protocolVersion) =>
  withServer({ protocolVersion }, async (pool, server) => {
    await pool.addClient("s", server.url);
    expect(pool.status()).toMatchObject([{ protocolVersion, quirks: { "version-unknown": 1 } }]);
    const [initialized] = server.requestsOf("notifications/initialized");
    expect(initialized?.headers["mcp-protocol-version"]).toBe(protocolVersion);
    expect(server.initializeCount).toBe(1);
  }),
);

test.each([...STRANGE, ""])(
  "a server that answers %j is not spoken to, if strict (2.10)",
  (protocolVersion) =>
    withServer({ protocolVersion }, async (pool, server) => {
      const config = { url: server.url, strict: true };
      const error = await pool.addClient("s", config).catch((cause: unknown) => cause);
      expect(error).toBeInstanceOf(McpProtocolError);
      expect(error).toMatchObject({ server: "s" });
      expect(server.requestsOf("notifications/initialized")).toEqual([]);
      expect(server.initializeCount).toBe(1);
    }),
);

test("a server that refuses the offer is offered, once, the newest that it names (2.13)", () =>
  withServer(
    {
      protocolVersion: "2025-03-26",
      onRequest({ body, res }) {
        if (body?.method !== "initialize") return false;
        const requested = body.params?.["protocolVersion"];
        if (requested === "2025-03-26") return false;
        const data = { supported: ["2024-11-05", "2025-03-26"], requested };
        const error = { code: -32602, message: "Unsupported protocol version", data };
        json(res, 400, { jsonrpc: "2.0", id: body.id ?? null, error });
        return true;
      },
    },
    async (pool, server) => {
      await pool.addClient("s", server.url);
      expect(offers(server)).toEqual(["2025-11-25", "2025-03-26"]);
      expect(pool.status()).toMatchObject([{ protocolVersion: "2025-03-26" }]);
    },
  ));

test("a server that refuses every offer is not asked for ever (2.13)", () =>
  withServer(
    {
      onRequest({ body, res }) {
        if (body?.method !== "initialize") return false;
        const data = { supported: ["2025-06-18"], requested: body.params?.["protocolVersion"] };
        const error = { code: -32602, message: "Unsupported protocol version", data };
        json(res, 400, { jsonrpc: "2.0", id: body.id ?? null, error });
        return true;
      },
    },
    async (pool, server) => {
      await expect(pool.addClient("s", server.url, { transport: "http" })).rejects.toMatchObject({
        rpcCode: -32602,
      });
      expect(offers(server)).toEqual(["2025-11-25", "2025-06-18"]);
    },
  ));
