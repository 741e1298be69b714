// Canaries in everything that is secret: none of them in what the pool says, whatever goes wrong.

import { randomUUID } from "node:crypto";
import { inspect } from "node:util";
import { McpError } from "mcp-client-pool";
import type { McpClientPool } from "mcp-client-pool";
import { describe, expect, test } from "vitest";
import { json, rpcError } from "../../support/http-server.ts";
import type { RequestContext } from "../../support/http-server.ts";
import { connectedTo, serveStateless } from "../stateless-harness.ts";
import { Ledger, makePool, mortal, scripted } from "../stdio-harness.ts";
import { byHand, failure, poolOf, QUICK, serve, startStream } from "../support.ts";
import { POOL_EVENTS } from "../../../src/pool/events.ts";

/** Everything that a pool says, in every form in which somebody may print it. */
class Witness {
  readonly #texts: string[] = [];
  errors = 0;

  watch(pool: McpClientPool): void {
    for (const event of POOL_EVENTS) pool.on(event, (payload) => this.add(payload));
  }

  add(value: unknown): void {
    this.#texts.push(inspect(value, { depth: 20, showHidden: true, maxStringLength: null }));
    try {
      this.#texts.push(JSON.stringify(value) ?? "");
    } catch {
      // A circle: it was inspected.
    }
    if (!(value instanceof Error)) return;
    this.errors += 1;
    this.#texts.push(value.message, String(value), value.stack ?? "");
    if (value instanceof McpError) this.#texts.push(JSON.stringify(value.toJSON()));
    this.add(value.cause);
  }

  /** What it saw of `secret`, with a little of what stands around it. */
  found(secret: string): string[] {
    return this.#texts
      .filter((text) => text.includes(secret))
      .map((text) => text.slice(Math.max(0, text.indexOf(secret) - 80), text.indexOf(secret) + 60));
  }
}

function canaries<K extends string>(...names: K[]): Record<K, string> {
  return Object.fromEntries(
    names.map((name) => [name, `canary-${name}-${randomUUID()}`]),
  ) as Record<K, string>;
}

/** What a server may do to a call; none of it repeats what was sent. */
const FAULTS: [string, (context: RequestContext) => void][] = [
  [
    "401",
    ({ res }) => res.writeHead(401, { "www-authenticate": 'Bearer error="invalid_token"' }).end(),
  ],
  ["403", ({ res }) => res.writeHead(403).end("no")],
  [
    "403 insufficient_scope",
    ({ res }) =>
      res.writeHead(403, { "www-authenticate": 'Bearer error="insufficient_scope"' }).end(),
  ],
  ["404", ({ res }) => res.writeHead(404).end()],
  [
    "400 with an error",
    ({ res, body }) => json(res, 400, rpcError(body?.id ?? null, -32600, "no")),
  ],
  ["429", ({ res }) => res.writeHead(429, { "retry-after": "99" }).end()],
  ["500", ({ res }) => res.writeHead(500).end("<h1>no</h1>")],
  ["503", ({ res }) => res.writeHead(503).end()],
  [
    "a redirect elsewhere",
    ({ res, path }) => res.writeHead(307, { location: `https://127.0.0.1:1${path}` }).end(),
  ],
  [
    "a redirect that is no URL",
    ({ res, path }) => res.writeHead(307, { location: `http://[${path}` }).end(),
  ],
  ["HTML", ({ res }) => res.writeHead(200, { "content-type": "text/html" }).end("<h1>no</h1>")],
  ["no JSON", ({ res }) => res.writeHead(200, { "content-type": "application/json" }).end("{")],
  ["a reset", ({ req }) => req.socket.destroy()],
  ["no HTTP", ({ req }) => req.socket.end("this is no HTTP\r\n\r\n")],
  [
    "headers without end",
    ({ req }) => req.socket.end(`HTTP/1.1 200 OK\r\nx: ${"x".repeat(99_999)}`),
  ],
  ["a stream that breaks", (context) => startStream(context, ": x\n\n").destroy()],
  [
    "a body that is not gzip",
    ({ res }) =>
      res
        .writeHead(200, { "content-type": "application/json", "content-encoding": "gzip" })
        .end("x"),
  ],
  ["silence", () => {}],
];

describe("secrets: HTTP, session era (3.12, 13.5, 13.12)", () => {
  test.each(FAULTS)(
    "%s: no header, query or session id in any error, event or status",
    async (_, fault) => {
      const secret = canaries("authorization", "key", "query", "fragment");
      const server = await serve({ tools: { ...byHand(fault), echo: {} } });
      const url = new URL(server.url);
      url.search = `?key=${secret.query}`;
      url.hash = secret.fragment;
      const headers = { Authorization: `Bearer ${secret.authorization}`, "X-Api-Key": secret.key };
      const pool = poolOf({ s: { url, headers } }, { reconnect: { ...QUICK, budgetMs: 50 } });
      const witness = new Witness();
      witness.watch(pool);
      witness.add(await pool.connect());
      const options = { timeoutMs: 50, totalTimeoutMs: 500 };
      witness.add(await failure(pool.callTool("s__work", {}, options)));
      // The same in the middle of the handshake that follows.
      server.forgetSessions();
      server.options.onRequest = (context) => {
        if (context.body?.method !== "initialize") return false;
        fault(context);
        return true;
      };
      await pool.call("s", "ping", {}, options).catch((error: unknown) => witness.add(error));
      witness.add(pool.status());
      await server.stop();
      await pool.call("s", "ping", {}, options).catch((error: unknown) => witness.add(error));
      witness.add(pool.status());
      await pool.closeAll({ drainMs: 0 });
      witness.add(pool.status());
      expect(witness.errors).toBeGreaterThan(1);
      const [first] = server.requests;
      // They were sent: only so does it mean anything that they are not found.
      expect(first?.headers).toMatchObject({
        authorization: headers.Authorization,
        "x-api-key": secret.key,
      });
      expect(first?.path).toContain(secret.query);
      for (const value of Object.values(secret)) expect(witness.found(value)).toEqual([]);
      const ids = server.requests.map((request) => request.headers["mcp-session-id"]);
      const sessions = new Set(ids.filter((id) => typeof id === "string"));
      expect(sessions.size).toBeGreaterThan(0);
      for (const session of sessions) expect(witness.found(session)).toEqual([]);
    },
  );

  test("a server that cannot be reached, and one that asks for authorization from the first", async () => {
    const secret = canaries("authorization", "query");
    const [away, closed] = await Promise.all([serve(), serve()]);
    await away.stop();
    closed.options.onRequest = ({ res }) => {
      res.writeHead(401, { "www-authenticate": "Bearer" }).end();
      return true;
    };
    const headers = { Authorization: `Bearer ${secret.authorization}` };
    const config = (url: URL): { url: string; headers: typeof headers } => {
      return { url: `${url.href}?key=${secret.query}`, headers };
    };
    const pool = poolOf({ away: config(away.url), closed: config(closed.url) });
    const witness = new Witness();
    witness.watch(pool);
    const report = await pool.connect();
    for (const error of Object.values(report.failed)) witness.add(error);
    witness.add(pool.status());
    expect(witness.errors).toBeGreaterThanOrEqual(2);
    for (const value of Object.values(secret)) expect(witness.found(value)).toEqual([]);
  });
});

describe("secrets: the configuration that is refused", () => {
  const secret = canaries("user", "password", "query", "header", "env", "argument");
  const bad: [string, () => unknown][] = [
    [
      "credentials in the URL",
      () => ({ url: `http://${secret.user}:${secret.password}@127.0.0.1:1/mcp` }),
    ],
    ["a URL that is none", () => ({ url: `htp//127.0.0.1?key=${secret.query}` })],
    ["a scheme that is none of ours", () => ({ url: `ftp://127.0.0.1/?key=${secret.query}` })],
    [
      "a header that cannot be sent",
      () => ({ url: "http://127.0.0.1:1", headers: { A: `${secret.header}\r\nX: y` } }),
    ],
    [
      "a header that is no text",
      () => ({ url: "http://127.0.0.1:1", headers: { A: [secret.header] } }),
    ],
    ["an environment that is no text", () => ({ command: "x", env: { A: [secret.env] } })],
    [
      "an environment with NUL",
      () => ({ command: process.execPath, env: { A: `${secret.env}\0` } }),
    ],
    ["an argument with NUL", () => ({ command: process.execPath, args: [`${secret.argument}\0`] })],
    ["arguments that are no list", () => ({ command: "x", args: secret.argument })],
    ["an option that is not known", () => ({ command: "x", token: secret.argument })],
  ];

  test.each(bad)("%s: refused without being shown", async (_name, config) => {
    const witness = new Witness();
    const pool = poolOf({});
    witness.watch(pool);
    await pool.addClient("s", config() as never).catch((error: unknown) => witness.add(error));
    try {
      poolOf({ s: config() as never });
    } catch (error) {
      witness.add(error);
    }
    expect(witness.errors).toBeGreaterThan(0);
    for (const value of Object.values(secret)) expect(witness.found(value)).toEqual([]);
  });
});

describe("secrets: child processes", () => {
  test.each<[string, object]>([
    ["dies in a call", { dieOn: "work" }],
    ["dies in the handshake", { dieOn: "initialize" }],
    ["goes deaf", {}],
  ])("%s: neither its environment nor its arguments are told", async (_name, script) => {
    const secret = canaries("env", "argument");
    const ledger = new Ledger();
    const { args = [], ...config } = mortal(ledger, script);
    const server = { ...config, args: [...args, secret.argument], env: { TOKEN: secret.env } };
    const pool = makePool({ servers: { s: server }, reconnect: { ...QUICK, budgetMs: 50 } });
    const witness = new Witness();
    witness.watch(pool);
    witness.add(await pool.connect());
    const limits = { totalTimeoutMs: 300 };
    await pool.callTool("s__deaf", {}, limits).catch((error: unknown) => witness.add(error));
    await pool.callTool("s__work", {}, limits).catch((error: unknown) => witness.add(error));
    witness.add(pool.status());
    await pool.closeAll({ drainMs: 0 });
    witness.add(pool.status());
    expect(witness.errors).toBeGreaterThan(0);
    for (const value of Object.values(secret)) expect(witness.found(value)).toEqual([]);
  });

  test("a handshake that never ends, and noise", async () => {
    const secret = canaries("env", "argument");
    const ledger = new Ledger();
    const script = { hangOn: "initialize", banner: "starting", stderrLines: ["starting"] };
    const { args = [], ...config } = scripted(ledger, script);
    const timeouts = { handshakeMs: 200, closeStepMs: 200 };
    const server = {
      ...config,
      args: [...args, secret.argument],
      env: { TOKEN: secret.env },
      timeouts,
    };
    const pool = makePool({ servers: { s: { ...server, protocol: "legacy" } } });
    const witness = new Witness();
    witness.watch(pool);
    const { failed } = await pool.connect();
    witness.add(failed["s"]);
    witness.add(pool.status());
    expect(witness.errors).toBeGreaterThan(0);
    for (const value of Object.values(secret)) expect(witness.found(value)).toEqual([]);
  });
});

describe("secrets: stateless era (13.9)", () => {
  test("headers, mirrored arguments and the state of a request are in no error, event or status", async () => {
    const secret = canaries("authorization", "argument", "state");
    const properties = { region: { type: "string", "x-mcp-header": "Region" } };
    const server = await serveStateless({
      tools: {
        asks: {
          inputSchema: { type: "object", properties },
          handler: () => ({
            resultType: "input_required",
            requestState: secret.state,
            inputRequests: { q: { method: "unknown/thing", params: {} } },
          }),
        },
        cut: { inputSchema: { type: "object", properties }, handler: (_args, { cut }) => cut() },
      },
    });
    const pool = await connectedTo(server, { headers: { Authorization: secret.authorization } });
    const witness = new Witness();
    witness.watch(pool);
    witness.add(await failure(pool.callTool("s__asks", { region: secret.argument })));
    witness.add(await failure(pool.callTool("s__cut", { region: secret.argument })));
    witness.add(pool.status());
    expect(server.requestsOf("tools/call")[0]?.headers["mcp-param-region"]).toBe(secret.argument);
    for (const value of Object.values(secret)) expect(witness.found(value)).toEqual([]);
  });

  test("the id of a task is in no event and no status", async () => {
    const server = await serveStateless({
      tools: { work: { handler: (_args, { tasks }) => tasks.createTask({}) } },
    });
    const pool = await connectedTo(server);
    const witness = new Witness();
    witness.watch(pool);
    const limits = { totalTimeoutMs: 200 };
    expect(await failure(pool.callTool("s__work", {}, limits))).toMatchObject({ code: "TIMEOUT" });
    witness.add(pool.status());
    const [task] = server.tasks.all;
    expect(task?.taskId).toBeTypeOf("string");
    expect(witness.found(String(task?.taskId))).toEqual([]);
  });
});
