// What a server or a user names ends where it belongs: in one header, one argument, one variable, one line.

import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { connect as connectSocket, createServer } from "node:net";
import type { AddressInfo, Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { McpClientPool } from "mcp-client-pool";
import { describe, expect, onTestFinished, test } from "vitest";
import { json, rpcResult } from "../../support/http-server.ts";
import { serveStateless } from "../stateless-harness.ts";
import {
  Ledger,
  connected as connectedChildren,
  scripted,
  textOf as plain,
} from "../stdio-harness.ts";
import {
  collect,
  connected,
  cut,
  failure,
  poolOf,
  serve,
  startStream,
  textOf,
  toolResult,
  unanswered,
} from "../support.ts";

const CORPUS = [
  "a\r\nX-Evil: 1",
  "a\nX-Evil: 1",
  "a\rX-Evil: 1",
  "a\r\n\r\nPOST /evil HTTP/1.1\r\nX-Evil: 1\r\n\r\n",
  "a\u0000b",
  "a\u000bb",
  "\u0085X-Evil: 1",
  "\u2028X-Evil: 1",
  "\u560d\u560aX-Evil: 1",
  "%0d%0aX-Evil: 1",
  " leading and trailing ",
  "\t",
  "",
  "ä ö 😀",
  "=?base64?eA==?=",
];

/** Everything that is sent to `port`, byte for byte. */
async function tap(port: string): Promise<{ port: number; heard(): string }> {
  const chunks: Buffer[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    const upstream = connectSocket(Number(port), "127.0.0.1");
    for (const one of [socket, upstream]) {
      sockets.add(one);
      one.on("error", () => {});
      one.once("close", () => sockets.delete(one));
    }
    socket.on("data", (chunk: Buffer) => chunks.push(chunk));
    socket.pipe(upstream).pipe(socket);
    socket.once("close", () => upstream.destroy());
    upstream.once("close", () => socket.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    return new Promise<void>((resolve) => server.close(() => resolve()));
  });
  const heard = (): string => Buffer.concat(chunks).toString("latin1");
  return { port: (server.address() as AddressInfo).port, heard };
}

/** The heads of the requests in `bytes`, which came on any number of sockets. */
function headsOf(bytes: string): string[][] {
  const heads: string[][] = [];
  let rest = bytes;
  while (rest !== "") {
    const end = rest.indexOf("\r\n\r\n");
    const lines = rest.slice(0, end).split("\r\n");
    const length = /^content-length: (\d+)$/im.exec(lines.join("\n"))?.[1] ?? "0";
    heads.push(lines);
    rest = rest.slice(end + 4 + Number(length));
  }
  return heads;
}

const REQUEST_LINE = /^(?:GET|POST|DELETE) \/mcp HTTP\/1\.1$/;
const HEADER_LINE = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+: ?[\t\x20-\x7e\x80-\xff]*$/;

/** One request after another, with headers and nothing else in them, and none that somebody smuggled in. */
function expectClean(bytes: string): string[][] {
  const heads = headsOf(bytes);
  for (const [first, ...lines] of heads) {
    expect(first).toMatch(REQUEST_LINE);
    for (const line of lines) expect(line).toMatch(HEADER_LINE);
    const names = lines.map((line) => line.slice(0, line.indexOf(":")).toLowerCase());
    expect(names).not.toContain("x-evil");
    expect(new Set(names).size).toBe(names.length);
  }
  return heads;
}

describe("header injection: on a raw socket (13.10)", () => {
  test.each(CORPUS)("the user's headers: sent as they are, or refused: %j", async (value) => {
    const server = await serve();
    const wire = await tap(server.url.port);
    const url = `http://127.0.0.1:${wire.port}/mcp`;
    const pool = poolOf({});
    const error = await pool.addClient("s", url, { headers: { "X-Mine": value } }).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    if (error === undefined) {
      const lines = expectClean(wire.heard()).map((head) =>
        head.find((line) => /^x-mine:/i.test(line)),
      );
      expect(lines.length).toBeGreaterThan(0);
      const shown = Buffer.from(value.trim(), "latin1").toString("latin1");
      expect(lines.every((line) => line?.slice(7).trim() === shown)).toBe(true);
    } else {
      expect(error).toMatchObject({ code: "INVALID_CONFIG", sent: "no" });
      expect(wire.heard()).toBe("");
    }
  });

  test.each(["X\r\nEvil", "X:Evil", "X Evil", "", "X\u0000", "ä", "X\tY", "(x)"])(
    "a header's name that is none is refused: %j",
    async (name) => {
      const server = await serve();
      const pool = poolOf({});
      const adding = pool.addClient("s", server.url, { headers: { [name]: "1" } });
      expect(await failure(adding)).toMatchObject({ code: "INVALID_CONFIG", sent: "no" });
      expect(server.connectionCount).toBe(0);
    },
  );

  test.each(CORPUS)("names, URIs, arguments and methods, stateless era: %j", async (text) => {
    const properties = { region: { type: "string", "x-mcp-header": "Region" } };
    const name = `t${text}`;
    const uri = `test:///${text}`;
    const server = await serveStateless({
      tools: { [name]: { inputSchema: { type: "object", properties } } },
      prompts: { [name]: {} },
      resources: { [uri]: {} },
    });
    const wire = await tap(server.url.port);
    const pool = poolOf({ s: { url: `http://127.0.0.1:${wire.port}/mcp`, listen: false } });
    expect(await pool.connect()).toMatchObject({ connected: ["s"] });
    const [tool] = pool.allTools;
    await pool.callTool(tool?.name ?? "", { region: text }, { requestId: text });
    const [prompt] = await pool.listPrompts("s");
    await pool.getPrompt(prompt?.name ?? "");
    await pool.readResource("s", uri);
    // Methods are not encoded: what fits into no header is refused, or is an unknown method like any other.
    await pool.call("s", `x/${text}`, {}).catch(() => {});
    const heads = expectClean(wire.heard());
    expect(heads.length).toBe(server.requests.length);
    // What was encoded says the same again: the server compared each header with its body.
    expect(server.executionCount(name)).toBe(1);
    expect(server.violations).toEqual([]);
  });

  test.each(["2025-11-25\r\nX-Evil: 1", "2025-11-25 ", "", "\u0000"])(
    "a protocol version of the server's that is none is not repeated: %j",
    async (protocolVersion) => {
      const server = await serve({ protocolVersion });
      server.options.onRequest = ({ body, res }) => {
        if (body?.method !== "initialize") return false;
        const result = {
          protocolVersion,
          capabilities: {},
          serverInfo: { name: "x", version: "1" },
        };
        json(res, 200, rpcResult(body.id ?? null, result), { "mcp-session-id": "s" });
        return true;
      };
      const wire = await tap(server.url.port);
      const pool = poolOf({ s: { url: `http://127.0.0.1:${wire.port}/mcp` } });
      const { failed } = await pool.connect();
      expect(Object.keys(failed)).toEqual(["s"]);
      for (const head of expectClean(wire.heard())) {
        const line = head.find((one) => /^mcp-protocol-version:/i.test(one));
        expect(line ?? "mcp-protocol-version: 2025-11-25").toMatch(/: (?:2025-11-25|2026-07-28)$/i);
      }
    },
  );

  test.each(["a\u0001b", "a\u007fb", "a\u000bX-Evil: 1", "ä😀", " a ", "a:b, c"])(
    "the id of an event, when its stream is resumed: %j",
    async (id) => {
      const server = await serve({
        tools: {
          work: {
            handler(_args, context) {
              held.answer = toolResult(context, "done");
              cut(startStream(context), `id: ${id}\nretry: 1\ndata: \n\n`);
              return unanswered();
            },
          },
        },
        onRequest(context) {
          if (context.headers["last-event-id"] === undefined) return false;
          startStream(context).end(`data: ${JSON.stringify(held.answer)}\n\n`);
          return true;
        },
      });
      const held: { answer: object } = { answer: {} };
      const wire = await tap(server.url.port);
      const pool = poolOf({ s: { url: `http://127.0.0.1:${wire.port}/mcp` } });
      await pool.connect();
      const outcome = await pool.callTool("s__work").catch((error: unknown) => error);
      expectClean(wire.heard());
      expect(server.executionCount("work")).toBe(1);
      // What fits into no header cannot be resumed by: that is a lost answer, and never a guess.
      if (outcome instanceof Error) expect(outcome).toMatchObject({ code: "OUTCOME_UNKNOWN" });
      else expect(outcome).toEqual(textOf("done"));
    },
  );
});

/** A child that says what it was started with, as the text of a tool. */
const DUMP = `
  const dump = { argv: process.argv.slice(1), env: process.env, cwd: process.cwd() };
  let pending = "";
  process.stdin.setEncoding("utf8").on("data", (chunk) => {
    const lines = (pending + chunk).split("\\n");
    pending = lines.pop();
    for (const line of lines) {
      const { id, method, params } = JSON.parse(line);
      if (id === undefined) continue;
      const results = {
        initialize: () => ({ protocolVersion: params.protocolVersion, capabilities: { tools: {} }, serverInfo: { name: "dump", version: "1" } }),
        "tools/list": () => ({ tools: [{ name: "dump", inputSchema: { type: "object" } }] }),
        "tools/call": () => ({ content: [{ type: "text", text: JSON.stringify(dump) }] }),
      };
      const result = (results[method] ?? (() => ({})))();
      process.stdout.write(JSON.stringify({ jsonrpc: "2.0", id, result }) + "\\n");
    }
  }).on("end", () => process.exit(0));`;

interface Dump {
  readonly argv: string[];
  readonly env: Record<string, string>;
  readonly cwd: string;
}

async function dumpOf(pool: McpClientPool): Promise<Dump> {
  return JSON.parse(plain(await pool.callTool("s__dump"))) as Dump;
}

function scratch(): string {
  const directory = mkdtempSync(join(tmpdir(), "mcp-client-pool-"));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

describe("command injection: no shell (6.13)", () => {
  test("arguments arrive literally, each as one", async () => {
    const canary = join(scratch(), "canary");
    const args = [
      ";",
      "$()",
      "&",
      `; touch ${canary}`,
      `$(touch ${canary})`,
      `\`touch ${canary}\``,
      `& touch ${canary} &`,
      `&& touch ${canary}`,
      `| tee ${canary}`,
      `> ${canary}`,
      "$HOME",
      "${PATH}",
      "%PATH%",
      "!PATH!",
      "^&",
      "~",
      "*",
      "a b  c",
      "",
      '"',
      "'",
      '\\"',
      "\\",
      "C:\\dir\\",
      "a\nb",
      "--",
      "ä 😀",
      "\u202e",
    ];
    const pool = await connectedChildren({
      servers: { s: { command: process.execPath, args: ["-e", DUMP, "--", ...args] } },
    });
    const { argv } = await dumpOf(pool);
    // Node drops its own "--".
    expect(argv.slice(-args.length)).toEqual(args);
    expect(existsSync(canary)).toBe(false);
  });

  test("a command is a file and no line: what follows it is no argument, and nothing runs", async () => {
    const canary = join(scratch(), "canary");
    const pool = poolOf({});
    for (const command of [`true; touch ${canary}`, `touch ${canary}`, `$(touch ${canary})`]) {
      const error = await failure(pool.addClient("s", { command }));
      expect(error).toMatchObject({ code: "CONNECTION_FAILED", sent: "no" });
    }
    expect(existsSync(canary)).toBe(false);
  });

  test("variables and the working directory are data too", async () => {
    const directory = scratch();
    const canary = join(directory, "canary");
    const env = { MINE: `$(touch ${canary}); \`x\` "'\n=`, BASH_ENV: canary };
    const pool = await connectedChildren({
      servers: { s: { command: process.execPath, args: ["-e", DUMP], env, cwd: directory } },
    });
    const dump = await dumpOf(pool);
    expect(dump.env).toMatchObject(env);
    expect(dump.cwd).toBe(directory);
    expect(existsSync(canary)).toBe(false);
  });
});

describe("environment leak: the child's whole environment (6.13)", () => {
  const ALLOWED = ["HOME", "LOGNAME", "PATH", "SHELL", "TERM", "USER"];
  const CANARIES = {
    AWS_SECRET_ACCESS_KEY: "canary",
    ANTHROPIC_API_KEY: "canary",
    NODE_OPTIONS: "",
    LD_LIBRARY_PATH: "canary",
    MCP_POOL_CANARY: "canary",
    npm_config__auth: "canary",
    LOGNAME: "() { :; }; echo canary",
  };

  test("is the allow-list of ours and what the config names, nothing else", async () => {
    const before = { ...process.env };
    onTestFinished(() => {
      for (const name of Object.keys(CANARIES)) delete process.env[name];
      Object.assign(process.env, before);
    });
    Object.assign(process.env, CANARIES);
    const env = { MINE: "1", TERM: "mine", MCP_POOL_NAMED: "2" };
    const pool = await connectedChildren({
      servers: { s: { command: process.execPath, args: ["-e", DUMP], env } },
    });
    const inherited = ALLOWED.flatMap((name) => {
      const value = process.env[name];
      // A function that bash exported is code.
      return value === undefined || value.startsWith("()") ? [] : [[name, value] as const];
    });
    const { __CF_USER_TEXT_ENCODING: _ofMacOs, ...dumped } = (await dumpOf(pool)).env;
    expect(dumped).toEqual({ ...Object.fromEntries(inherited), ...env });
    expect(JSON.stringify(dumped)).not.toContain("canary");
  });

  test("no server sees what another was given", async () => {
    const child = (env: Record<string, string>): object => {
      return { command: process.execPath, args: ["-e", DUMP], env };
    };
    const pool = await connectedChildren({
      servers: { s: child({ MINE: "1" }), other: child({ THEIRS: "2" }) } as never,
    });
    const { env } = await dumpOf(pool);
    expect(env["MINE"]).toBe("1");
    expect(env["THEIRS"]).toBeUndefined();
  });
});

describe("hostile names and text", () => {
  const ESC = "\u001b[31m\u001b]0;owned\u0007";
  const BIDI = "\u202e\u2066\u200f";
  const NASTY = `${ESC}${BIDI}\u0000\u2028\u200b\r\nevil`;
  const DIRTY = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u;

  test("names are letters, digits, _ and -, whatever the server writes", async () => {
    const names = [`a${ESC}`, `${BIDI}b`, "c\r\nd", "e\u0000", "f\u2028", "\u200b", "g\ufeffh"];
    const server = await serve({
      tools: Object.fromEntries(
        names.map((name) => [name, { description: NASTY, handler: () => "ran" }]),
      ),
    });
    const pool = await connected(server);
    const shown = pool.allTools.map(({ name }) => name);
    expect(shown.filter((name) => !/^[A-Za-z0-9_-]{1,64}$/.test(name))).toEqual([]);
    expect(new Set(shown).size).toBe(names.length);
    for (const [index, name] of shown.entries()) {
      expect(await pool.callTool(name)).toEqual(textOf("ran"));
      expect(server.executionCount(names[index] ?? "")).toBe(1);
    }
    // The definition is the server's own, untouched: who shows it has to know that.
    expect(pool.allTools.map(({ tool }) => tool.name)).toEqual(names);
  });

  test("nothing that a server writes gets into a message unclean", async () => {
    const server = await serve({
      capabilities: { tools: {} },
      tools: { [`bad${NASTY}`]: { annotations: { title: NASTY } }, plain: {} },
    });
    const pool = poolOf({ s: server });
    const warnings = collect(pool, "warning");
    const failed = collect(pool, "server.failed");
    const [bad] = await pool.connect().then(() => pool.allTools);
    const messages: string[] = [];
    const bodies: ((id: string | number | null) => [number, string, string])[] = [
      (id) => [
        200,
        "application/json",
        JSON.stringify({ jsonrpc: "2.0", id, error: { code: -32000, message: NASTY } }),
      ],
      () => [200, "application/json", `{"${NASTY}`],
      () => [200, `text/html; x="${BIDI.replaceAll(/[^\x20-\x7e]/g, "?")}"`, NASTY],
      () => [500, "text/plain", NASTY],
      (id) => [
        400,
        "application/json",
        JSON.stringify({ jsonrpc: "2.0", id, error: { code: -32602, message: NASTY } }),
      ],
      () => [200, "text/event-stream", `data: ${NASTY.replace("\r\n", "")}\n\n`],
      (id) => [
        200,
        "text/event-stream",
        `data: {"jsonrpc":"2.0","id":"${BIDI}${String(id)}","result":{}}\n\n`,
      ],
    ];
    for (const make of bodies) {
      server.options.onRequest = ({ body, res }) => {
        if (body?.method !== "tools/call") return false;
        const [status, type, text] = make(body.id ?? null);
        res.writeHead(status, { "content-type": type }).end(text);
        return true;
      };
      const calling = pool.callTool(bad?.name ?? "", {}, { timeoutMs: 50 });
      messages.push((await failure(calling)).message);
    }
    messages.push((await failure(pool.callTool(`s__${NASTY}`))).message);
    messages.push((await failure(pool.call(`no${NASTY}`, "ping"))).message);
    messages.push((await failure(pool.call("s", `x/${NASTY}`))).message);
    messages.push((await failure(pool.addClient(`no${NASTY}`, server.url))).message);
    messages.push(...warnings.map(({ message }) => message));
    messages.push(...failed.map(({ error }) => error.message));
    expect(messages.length).toBeGreaterThan(bodies.length);
    expect(messages.filter((message) => DIRTY.test(message))).toEqual([]);
  });

  test("nor what a child process writes", async () => {
    const ledger = new Ledger();
    const line = `${ESC}${BIDI}evil`;
    const pool = await connectedChildren({
      servers: { s: scripted(ledger, { stderrLines: [line], noise: line }) },
    });
    const warnings = collect(pool, "warning");
    const error = await failure(pool.callTool("s__crash"));
    const messages = [error.message, ...warnings.map(({ message }) => message)];
    expect(messages.join()).toContain("evil");
    expect(messages.filter((message) => DIRTY.test(message))).toEqual([]);
  });
});
