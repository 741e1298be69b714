// Servers that echo all that they were given, in every place: none of it shows in anything that the pool says.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { McpClientPool } from "mcp-client-pool";
import { afterEach, describe, expect, test, vi } from "vitest";
import { startHttpServer } from "../../support/http-server.ts";
import { Exits } from "./exits.ts";

const CANARY = {
  bearer: "cnr1bearerQ7z4Xk9Lw2Tn8",
  header: "cnr2header-V5m3Rj6Yb1Hd",
  basic: "cnr3basic&pw/8sKq2Wd",
  query: "cnr4query K8t2+Pn5Xc",
  path: "cnr5pathZ4h7Gf2Bq9Ws3",
  cookie: "cnr6cookieM6c8Jv3Nt1",
  session: "cnr7session5Rf9Ty2Ui4",
  environment: 'cnr8env"Tk3\\Lp6Zx9',
  argument: "cnr9argument7Hn4Bg1Cd",
  proxy: "cnr10proxy@3Wq8Er5Ty",
};
const ALL = Object.values(CANARY);

const HEADERS = {
  Authorization: `Bearer ${CANARY.bearer}`,
  "X-Tenant": CANARY.header,
  "X-Upstream-Authorization": `Basic ${Buffer.from(`me:${CANARY.basic}`).toString("base64")}`,
};
const CHILD = fileURLToPath(new URL("echo-child.mjs", import.meta.url));

const closing: (() => Promise<unknown> | void)[] = [];

afterEach(async () => {
  vi.unstubAllEnvs();
  for (const close of closing.splice(0)) await close();
});

/** All that a request brought, decoded and encoded. */
function echoOf(req: IncomingMessage): string {
  const url = new URL(req.url ?? "/", "http://here");
  const basic = String(req.headers["x-upstream-authorization"] ?? "").replace("Basic ", "");
  return [
    ...[req.url, ...url.searchParams.values(), JSON.stringify(req.headers)],
    ...[
      Buffer.from(basic, "base64").toString(),
      JSON.stringify({ nested: JSON.stringify(req.headers) }),
    ],
    ...[Buffer.from(JSON.stringify(req.headers)).toString("base64"), req.headers.cookie],
    ...[encodeURIComponent(Buffer.from(basic, "base64").toString())],
  ].join(" ");
}

type Answer = (req: IncomingMessage, res: ServerResponse, echo: string, id: unknown) => void;

const html = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll('"', "&quot;").replaceAll("<", "&lt;");

const ANSWERS: Readonly<Record<string, Answer>> = {
  "500 with text": (_req, res, echo) => void res.writeHead(500).end(`trouble: ${echo}`),
  "502 with a page": (_req, res, echo) =>
    void res
      .writeHead(502, { "content-type": "text/html" })
      .end(`<html><title>${html(echo)}</title><p>${html(echo)}</p></html>`),
  "401 with a challenge": (_req, res, echo) =>
    void res.writeHead(401, { "www-authenticate": `Bearer realm="${encodeURI(echo)}"` }).end(echo),
  "403 with a scope": (_req, res, echo) =>
    void res
      .writeHead(403, {
        "www-authenticate": `Bearer error="insufficient_scope", scope="${encodeURI(echo)}"`,
      })
      .end(echo),
  "302 to what it was asked": (req, res) =>
    void res.writeHead(302, { location: `http://elsewhere.test${req.url ?? ""}` }).end(),
  "200 with broken JSON": (_req, res, echo) =>
    void res.writeHead(200, { "content-type": "application/json" }).end(`{"jsonrpc": ${echo}`),
  "200 with text": (_req, res, echo) =>
    void res.writeHead(200, { "content-type": "text/plain" }).end(echo),
  "an error of JSON-RPC": (_req, res, echo, id) =>
    void res.writeHead(200, { "content-type": "application/json" }).end(
      JSON.stringify({
        jsonrpc: "2.0",
        id,
        error: { code: -32001, message: echo, data: { echo } },
      }),
    ),
  "400 with an error of JSON-RPC": (_req, res, echo, id) =>
    void res
      .writeHead(400, { "content-type": "application/json" })
      .end(
        JSON.stringify({ jsonrpc: "2.0", id, error: { code: -32602, message: echo, data: echo } }),
      ),
  "an event that is no JSON": (_req, res, echo) =>
    void res
      .writeHead(200, { "content-type": "text/event-stream" })
      .end(`data: {"jsonrpc": ${echo}\n\n`),
};

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closing.push(
    () => new Promise((resolve) => (server.closeAllConnections(), server.close(resolve))),
  );
  return (server.address() as AddressInfo).port;
}

const QUERY = `api_key=${encodeURIComponent(CANARY.query)}`;
const FAST = {
  timeouts: { totalTimeoutMs: 2_000, closeStepMs: 500 },
  reconnect: { budgetMs: 200, crashLimit: 1 },
} as const;

/** Uses the pool in every way that says something, and gives all that it said. */
async function said(servers: Record<string, object>, calls: readonly string[]): Promise<Exits> {
  const exits = new Exits();
  await using pool = new McpClientPool({ servers: servers as never, ...FAST });
  exits.listen(pool);
  exits.add(await pool.connect().catch((error: unknown) => error));
  for (const name of Object.keys(servers)) {
    for (const call of calls) {
      exits.add(await pool.callTool(`${name}__${call}`, {}).catch((error: unknown) => error));
    }
    exits.add(await pool.readResource(name, "file:///x").catch((error: unknown) => error));
    exits.add(await pool.notify(name, "notifications/x").catch((error: unknown) => error));
  }
  exits.add(await pool.listPrompts().catch((error: unknown) => error));
  exits.add(pool.status());
  return exits;
}

describe("a server over HTTP that echoes headers, query and path", () => {
  test.each(Object.keys(ANSWERS))("at the handshake: %s", async (name) => {
    const server = createServer((req, res) => {
      req.resume().on("end", () => ANSWERS[name]?.(req, res, echoOf(req), 1));
    });
    const port = await listen(server);
    const url = `http://127.0.0.1:${port}/s/${CANARY.path}/mcp?${QUERY}`;
    const exits = await said({ s: { url, headers: HEADERS } }, ["echo"]);
    expect(exits.shown(ALL)).toEqual([]);
    expect(exits.count).toBeGreaterThan(10);
  });

  test.each(Object.keys(ANSWERS))("to a call, session id and cookie too: %s", async (name) => {
    const server = await startHttpServer({
      onRequest: ({ req, res, body }) => {
        if (body?.method === "initialize") {
          res.setHeader("set-cookie", `lb=${CANARY.cookie}; Path=/`);
          res.setHeader("mcp-session-id", CANARY.session);
        }
        if (!["tools/call", "resources/read"].includes(body?.method ?? "")) return false;
        ANSWERS[name]?.(req, res, echoOf(req), body?.id);
        return true;
      },
    });
    closing.push(() => server.close());
    const url = `${server.url.href}/s/${CANARY.path}?${QUERY}`;
    const exits = await said({ s: { url, headers: HEADERS } }, ["echo"]);
    expect(exits.shown(ALL)).toEqual([]);
  });

  test("the server's own answer passes as it came, and no log shows it by itself", async () => {
    const server = createServer((req, res) => {
      req.resume().on("end", () => ANSWERS["an error of JSON-RPC"]?.(req, res, echoOf(req), 1));
    });
    const url = `http://127.0.0.1:${await listen(server)}/mcp`;
    await using pool = new McpClientPool({ protocol: "legacy", ...FAST });
    const error = await pool.addClient("s", { url, headers: HEADERS }).catch((e: unknown) => e);
    expect(error).toMatchObject({ message: expect.stringContaining("[redacted]") as string });
    expect((error as { rpcMessage: string }).rpcMessage).toContain(CANARY.bearer);
    expect(Object.keys(error as object)).not.toContain("rpcMessage");
  });
});

describe("a child that echoes its environment and its arguments", () => {
  test.each(["stderr", "stderr-encoded", "stdout", "refuse", "answers"])("%s", async (where) => {
    const server = {
      command: process.execPath,
      args: [CHILD, where, "--api-key", CANARY.argument],
      env: {
        ...{ MODE: "production", SERVICE_TOKEN: CANARY.environment },
        DATABASE_URL: `postgres://me:${encodeURIComponent(CANARY.basic)}@db.test/x`,
      },
    };
    const exits = await said({ s: server }, ["fail", "bad", "die"]);
    expect(exits.shown(ALL)).toEqual([]);
  });

  test("words that are no secret stay readable", async () => {
    const env = {
      MODE: "production",
      NODE_ENV: "test-environment",
      SERVICE_TOKEN: CANARY.environment,
    };
    const args = [CHILD, "stderr"];
    await using pool = new McpClientPool(FAST);
    const error = await pool
      .addClient("s", { command: process.execPath, args, env })
      .catch((reason: unknown) => reason);
    const { message } = error as Error;
    expect(message).toContain("MODE=production");
    expect(message).toContain("NODE_ENV=test-environment");
    expect(message).toContain("SERVICE_TOKEN=[redacted]");
  });
});

describe("the credentials of a proxy", () => {
  const user = `http://me:${encodeURIComponent(CANARY.proxy)}@`;

  test("a proxy that echoes them with 407 and 502", async () => {
    for (const status of [407, 502, 200]) {
      const proxy = createServer((req, res) => {
        const given = String(req.headers["proxy-authorization"] ?? "");
        const text = `${given} ${Buffer.from(given.replace("Basic ", ""), "base64").toString()}`;
        res.writeHead(status, { "proxy-authenticate": `Basic realm="${text}"`, via: text });
        res.end(text);
      });
      vi.stubEnv("http_proxy", `${user}127.0.0.1:${await listen(proxy)}`);
      const exits = await said({ s: { url: "http://mcp.example.test/mcp" } }, ["echo"]);
      expect(exits.shown(ALL)).toEqual([]);
    }
  });

  test.each(["127.0.0.1:1", "[bad", "a b:80", "127.0.0.1:99999999"])("%s", async (host) => {
    for (const scheme of ["http", "socks5"]) {
      vi.stubEnv("http_proxy", `${user.replace("http", scheme)}${host}`);
      vi.stubEnv("https_proxy", `${user.replace("http", scheme)}${host}`);
      const exits = await said(
        { a: { url: "http://mcp.example.test/mcp" }, b: { url: "https://mcp.example.test/mcp" } },
        ["echo"],
      );
      expect(exits.shown(ALL)).toEqual([]);
    }
  });
});

describe("configurations that are refused", () => {
  const { bearer, query, environment } = CANARY;
  test.each<[string, object]>([
    ["user info in the URL", { url: `https://me:${bearer}@host.test/mcp` }],
    ["a URL that is none", { url: `http://me:${bearer}@host.test:999999/mcp` }],
    [
      "a header with a line break",
      { url: "http://host.test", headers: { Authorization: `${bearer}\n` } },
    ],
    [
      "a header that is a number",
      { url: "http://host.test", headers: { Authorization: [bearer] } },
    ],
    ["a variable that is none", { command: "node", env: { TOKEN: [environment] } }],
    ["an argument that is none", { command: "node", args: [{ key: query }] }],
    ["another scheme", { url: `ftp://host.test/${bearer}` }],
    ["an option that is none", { url: "http://host.test", header: { Authorization: bearer } }],
  ])("%s", async (_name, config) => {
    const exits = new Exits();
    await using pool = new McpClientPool();
    exits.add(await pool.addClient("s", config as never).catch((error: unknown) => error));
    expect(exits.shown(ALL)).toEqual([]);
  });
});
