// No connection comes about: names that lead nowhere, addresses that do not answer, certificates that do not hold.

import { fork, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServer as createHttpsServer } from "node:https";
import { connect as connectSocket, createServer as createTcpServer } from "node:net";
import type { AddressInfo, LookupFunction, Server, Socket } from "node:net";
import { McpConnectionError } from "mcp-client-pool";
import { Agent } from "undici";
import { describe, expect, onTestFinished, test } from "vitest";
import { collect, failure, nextEvent, poolOf, QUICK, serve, textOf } from "../support.ts";
import { CERTIFICATE, PRIVATE_KEY } from "./certificate.ts";

describe("fault 2: the name cannot be resolved", () => {
  const HOST = "no-such-host.test";

  /** Resolves to this machine once `exists` is set, and to nothing before. */
  function resolver(): { agent: Agent; names: { exists: boolean; asked: string[] } } {
    const names = { exists: false, asked: [] as string[] };
    const lookup: LookupFunction = (host, options, callback) => {
      names.asked.push(host);
      const error = Object.assign(new Error(`getaddrinfo ENOTFOUND ${host}`), {
        code: "ENOTFOUND",
      });
      queueMicrotask(() => {
        if (!names.exists) callback(error, "");
        else if (options.all === true) callback(null, [{ address: "127.0.0.1", family: 4 }]);
        else callback(null, "127.0.0.1", 4);
      });
    };
    const agent = new Agent({ connect: { lookup } });
    onTestFinished(() => agent.destroy());
    return { agent, names };
  }

  test("a call waits through the attempts and runs once when there is such a name", async () => {
    const server = await serve();
    const { agent, names } = resolver();
    const url = `http://${HOST}:${server.url.port}/mcp`;
    const pool = poolOf({ away: { url, dispatcher: agent } });
    const calling = pool.call("away", "tools/call", { name: "echo", arguments: { key: "k" } });
    let attempts = 0;
    await nextEvent(pool, "server.connecting", () => ++attempts === 3);
    expect(server.connectionCount).toBe(0);
    names.exists = true;
    expect(await calling).toEqual(textOf('{"key":"k"}'));
    expect(server.executionCount("echo")).toBe(1);
    expect(names.asked.every((host) => host === HOST)).toBe(true);
  });

  test("when the budget is spent the error names the server, the address and the reason, exec 0", async () => {
    const server = await serve();
    const { agent } = resolver();
    const url = `http://${HOST}:${server.url.port}/mcp`;
    const reconnect = { ...QUICK, budgetMs: 50 };
    const pool = poolOf({ away: { url, dispatcher: agent, reconnect } });
    const error = await failure(pool.call("away", "tools/call", { name: "echo", arguments: {} }));
    expect(error).toBeInstanceOf(McpConnectionError);
    expect(error).toMatchObject({ code: "CONNECTION_FAILED", sent: "no", retryable: true });
    expect(error).toMatchObject({ server: "away", method: "tools/call" });
    for (const part of ['"away"', url, "ENOTFOUND", "could not be resolved"]) {
      expect(error.message).toContain(part);
    }
    expect(["backoff", "connecting"]).toContain(pool.status()[0]?.state);
    expect(server.connectionCount).toBe(0);
  });
});

/** Takes connections, counts them, and never says a word. */
async function silentServer(): Promise<{ port: number; seen: { connections: number } }> {
  const sockets = new Set<Socket>();
  const seen = { connections: 0 };
  const server = createTcpServer((socket) => {
    seen.connections += 1;
    sockets.add(socket);
    socket.on("error", () => {});
    socket.once("close", () => sockets.delete(socket));
    socket.resume();
  });
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    return new Promise<void>((resolve) => server.close(() => resolve()));
  });
  return { port: await listen(server), seen };
}

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as AddressInfo).port;
}

/**
 * An address whose packets vanish: the kernel drops each SYN while the queue of a listener that is stopped is full.
 */
async function blackHole(): Promise<number> {
  const program = `
    const server = require("node:net").createServer(() => {});
    server.listen({ port: 0, host: "127.0.0.1", backlog: 1 }, () => {
      console.log(server.address().port);
      setImmediate(() => process.kill(process.pid, "SIGSTOP"));
    });`;
  const child = spawn(process.execPath, ["-e", program], { stdio: ["ignore", "pipe", "inherit"] });
  onTestFinished(() => void child.kill("SIGKILL"));
  const port = await new Promise<number>((resolve) => {
    child.stdout.setEncoding("utf8").once("data", (text: string) => resolve(Number(text)));
  });
  // The queue takes a few before it is full; of these the last ones never connect.
  for (let count = 0; count < 8; count++) {
    const socket = connectSocket(port, "127.0.0.1");
    socket.on("error", () => {});
    onTestFinished(() => void socket.destroy());
  }
  return port;
}

describe("fault 3: no answer to the attempt to connect", () => {
  const holes: [string, () => Promise<string>][] = [
    ["TLS never begins", async () => `https://127.0.0.1:${(await silentServer()).port}/mcp`],
  ];
  if (process.platform === "linux") {
    holes.push(["SYN is dropped", async () => `http://127.0.0.1:${await blackHole()}/mcp`]);
  }

  test.each(holes)("%s: an error by the connect timeout, not by a later one", async (_, make) => {
    const url = await make();
    const pool = poolOf({ hole: { url, timeouts: { connectMs: 200 } } });
    const { failed } = await pool.connect();
    const error = failed["hole"];
    expect(error).toMatchObject({ code: "CONNECTION_FAILED", sent: "no", retryable: true });
    for (const part of ['"hole"', url, "UND_ERR_CONNECT_TIMEOUT", "timeouts.connectMs"]) {
      expect(error?.message).toContain(part);
    }
  });

  test("the others are usable meanwhile", async () => {
    const { port, seen } = await silentServer();
    const good = await serve();
    const pool = poolOf({ hole: { url: `https://127.0.0.1:${port}/mcp` }, good });
    const connecting = pool.connect();
    await nextEvent(pool, "server.connected", ({ server }) => server === "good");
    expect(await pool.callTool("good__echo", { key: "k" })).toEqual(textOf('{"key":"k"}'));
    expect(pool.status()[0]?.state).toBe("connecting");
    await pool.removeClient("hole", { drainMs: 0 });
    expect(await connecting).toMatchObject({ connected: ["good"] });
    expect(seen.connections).toBe(1);
  });
});

describe("fault 4: a certificate that does not hold", () => {
  async function untrusted(): Promise<{
    url: string;
    seen: { connections: number; requests: number };
  }> {
    const seen = { connections: 0, requests: 0 };
    const sockets = new Set<Socket>();
    const server = createHttpsServer({ cert: CERTIFICATE, key: PRIVATE_KEY }, (_req, res) => {
      seen.requests += 1;
      res.writeHead(500).end();
    });
    server.on("connection", (socket: Socket) => {
      seen.connections += 1;
      sockets.add(socket);
      socket.on("error", () => {});
    });
    onTestFinished(() => {
      for (const socket of sockets) socket.destroy();
      return new Promise<void>((resolve) => server.close(() => resolve()));
    });
    return { url: `https://127.0.0.1:${await listen(server)}/mcp`, seen };
  }

  const cases: [string, string, () => Agent | undefined][] = [
    ["signed by nobody", "DEPTH_ZERO_SELF_SIGNED_CERT", () => undefined],
    [
      "of another host",
      "ERR_TLS_CERT_ALTNAME_INVALID",
      () => new Agent({ connect: { ca: CERTIFICATE } }),
    ],
  ];

  test.each(cases)("%s (%s): failed, not tried again, no request", async (_, code, makeAgent) => {
    const { url, seen } = await untrusted();
    const agent = makeAgent();
    onTestFinished(() => agent?.destroy());
    const headers = { Authorization: "Bearer canary" };
    const config = { url, headers, ...(agent === undefined ? {} : { dispatcher: agent }) };
    const pool = poolOf({ s: config });
    const failed = collect(pool, "server.failed");
    const report = await pool.connect();
    expect(report.failed["s"]).toMatchObject({
      code: "CONNECTION_FAILED",
      retryable: false,
      sent: "no",
    });
    for (const part of ['"s"', url, code, "certificate was not accepted"]) {
      expect(report.failed["s"]?.message).toContain(part);
    }
    expect(failed.map(({ server }) => server)).toEqual(["s"]);
    expect(pool.status()[0]?.state).toBe("failed");
    const error = await failure(pool.call("s", "tools/call", { name: "echo", arguments: {} }));
    expect(error).toMatchObject({ code: "CONNECTION_FAILED", sent: "no" });
    expect(seen).toEqual({ connections: 1, requests: 0 });
  });

  // undici holds the call that met it to be under way for ever, and all behind it wait.
  test("of another host, for every call anew: each fails, and none waits for another", async () => {
    const { url, seen } = await untrusted();
    const folder = mkdtempSync(join(tmpdir(), "certificate-"));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const file = join(folder, "ca.pem");
    writeFileSync(file, CERTIFICATE);
    const child = fork(new URL("./wrong-host-child.ts", import.meta.url), [url], {
      execArgv: ["--import", "tsx"],
      env: { ...process.env, NODE_EXTRA_CA_CERTS: file },
      silent: true,
    });
    onTestFinished(() => void child.kill("SIGKILL"));
    let output = "";
    child.stdout?.on("data", (chunk: Buffer) => (output += chunk.toString()));
    child.stderr?.on("data", (chunk: Buffer) => (output += chunk.toString()));
    await once(child, "close");
    const messages = JSON.parse(output) as string[];
    expect(messages).toHaveLength(5);
    for (const message of messages) expect(message).toContain("ERR_TLS_CERT_ALTNAME_INVALID");
    expect(seen).toEqual({ connections: 5, requests: 0 });
  });
});
