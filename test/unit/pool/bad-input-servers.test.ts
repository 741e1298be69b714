// Configurations of servers that are wrong: each a typed error that names what and where, and shows no secret.

import { McpClientPool } from "mcp-client-pool";
import { describe, expect, test } from "vitest";
import {
  check,
  checkServer,
  connectedPool,
  rejected,
  SECRET,
  thrown,
  wrong,
} from "./bad-input-harness.ts";
import type { Expected } from "./bad-input-harness.ts";

describe("servers", () => {
  test.each([
    ["without a scheme", `example.com/mcp?token=${SECRET}`],
    ["empty", ""],
    ["without a host", "http://"],
    ["with a bad port", "http://127.0.0.1:99999/"],
    ["with credentials and a bad host", `http://user:${SECRET}@[bad/mcp`],
    ["with credentials and a bad port", `https://${SECRET}@example.com:port/mcp`],
    ["with a token, and a bad host", `http://exa mple.com/mcp?token=${SECRET}`],
  ])("a malformed URL, %s", async (_, url) => {
    const expected: Expected = {
      code: "INVALID_CONFIG",
      path: "servers.files.url",
      says: ["servers.files.url", "no valid URL"],
    };
    await checkServer({ url }, expected);
    const pool = new McpClientPool();
    check(await rejected(() => pool.addClient("files", url)), expected);
  });

  test.each([
    ["another scheme", "ftp://example.com/", /scheme "ftp:"/],
    ["a file", "file:///etc/passwd", /scheme "file:"/],
    ["user and password", `https://user:${SECRET}@example.com/mcp`, /holds credentials/],
    ["a token as the user", `https://${SECRET}@example.com/mcp?key=${SECRET}`, /holds credentials/],
  ])("a URL with %s", async (_, url, says) => {
    const expected: Expected = { code: "INVALID_CONFIG", path: "servers.files.url", says: [says] };
    await checkServer({ url }, expected);
    await checkServer({ url: new URL(url) }, expected);
  });

  test.each<[string, unknown, string, readonly (string | RegExp)[]]>([
    ["nothing to reach it by", {}, "servers.files", [/"url".*"command".*"transport"/]],
    ["an absent command", { args: [SECRET] }, "servers.files", ['"command"']],
    ["an empty command", { command: " " }, "servers.files.command", ["empty"]],
    [
      "both url and command",
      { url: `http://127.0.0.1/?k=${SECRET}`, command: "node" },
      "servers.files",
      ['both "url" and "command"'],
    ],
    ["null", null, "servers.files", ["must be an object", "not null"]],
    ["a number", 5, "servers.files", ["must be an object"]],
    ["an array", ["node"], "servers.files", ["must be an object", "not an array"]],
    ["a command that is a number", { command: 5 }, "servers.files.command", ["string"]],
    ["a command that is an array", { command: ["node"] }, "servers.files.command", ["an array"]],
    ["args in one string", { command: "x", args: SECRET }, "servers.files.args", ["a string"]],
    ["an argument that is no string", { command: "x", args: [5] }, "servers.files.args.0", []],
    ["env as an array", { command: "x", env: [`A=${SECRET}`] }, "servers.files.env", ["an array"]],
    ["env with a number", { command: "x", env: { PIN: 31337 } }, "servers.files.env.PIN", []],
    ["cwd that is no string", { command: "x", cwd: 1 }, "servers.files.cwd", ["string"]],
    ["url that is no string", { url: 5 }, "servers.files.url", ["URL"]],
    ["headers as an array", { url: "http://h/", headers: [SECRET] }, "servers.files.headers", []],
    [
      "a header that is no string",
      { url: "http://h/", headers: { Authorization: { bearer: SECRET } } },
      "servers.files.headers.Authorization",
      ["string"],
    ],
    ["lazy in words", { command: "x", lazy: "yes" }, "servers.files.lazy", ["boolean"]],
    ["an unknown revision", { command: "x", protocol: "1999" }, "servers.files.protocol", ["auto"]],
    [
      "a transport that fits not",
      { url: "http://h/", transport: "stdio" },
      "servers.files.transport",
      ["sse"],
    ],
    ["a transport that is none", { transport: {} }, "servers.files.transport", ["start()"]],
    [
      "a dispatcher that is none",
      { url: "http://h/", dispatcher: {} },
      "servers.files.dispatcher",
      ["undici"],
    ],
    [
      "a negative time",
      { command: "x", timeouts: { connectMs: -1 } },
      "servers.files.timeouts.connectMs",
      [],
    ],
    [
      "a time without an end",
      { command: "x", timeouts: { connectMs: Infinity } },
      "servers.files.timeouts.connectMs",
      [],
    ],
    [
      "a time that is no number",
      { command: "x", timeouts: { connectMs: "10s" } },
      "servers.files.timeouts.connectMs",
      ["number"],
    ],
    [
      "a time that is NaN",
      { command: "x", timeouts: { connectMs: NaN } },
      "servers.files.timeouts.connectMs",
      [],
    ],
    ["half a page", { command: "x", limits: { pages: 0.5 } }, "servers.files.limits.pages", []],
    [
      "globs that are no array",
      { command: "x", tools: { allow: "*" } },
      "servers.files.tools.allow",
      ["a string"],
    ],
  ])("%s", async (_, config, path, says) => {
    await checkServer(config, { code: "INVALID_CONFIG", path, says: [path, ...says] });
  });

  test("a number in env or headers may be a secret: it is not shown", async () => {
    const env = thrown(
      () => new McpClientPool({ servers: { s: wrong({ command: "x", env: { PIN: 31337 } }) } }),
    );
    const headers = thrown(
      () =>
        new McpClientPool({ servers: { s: wrong({ url: "http://h/", headers: { X: 31337 } }) } }),
    );
    expect(`${String(env)}${JSON.stringify(env)}`).not.toContain("31337");
    expect(`${String(headers)}${JSON.stringify(headers)}`).not.toContain("31337");
  });

  test.each([
    [
      "a line break in its value",
      { Authorization: `Bearer ${SECRET}\r\nX-Evil: 1` },
      "Authorization",
    ],
    ["a lone line feed", { "X-Key": `${SECRET}\n` }, "X-Key"],
    ["NUL in its value", { "X-Key": `${SECRET}\0` }, "X-Key"],
    ["characters beyond Latin-1", { "X-Key": `${SECRET}🦀` }, "X-Key"],
    ["a space in its name", { "X Key": SECRET }, "X Key"],
    ["a line break in its name", { "X-A\r\nX-B": SECRET }, "X-A"],
    ["an empty name", { "": SECRET }, '""'],
  ])("a header with %s: the name is shown, the value never (3.6)", async (_, headers, name) => {
    await checkServer(
      { url: "http://127.0.0.1/", headers },
      { code: "INVALID_CONFIG", path: "servers.files.headers", says: ["header", name] },
    );
  });

  test("a name twice", async () => {
    const pool = await connectedPool();
    const expected: Expected = {
      code: "INVALID_CONFIG",
      path: "servers.files",
      says: [/server "files" is already in the pool/],
    };
    const url = `http://127.0.0.1/?key=${SECRET}`;
    check(await rejected(() => pool.addClient("files", url)), expected);
    expect(await pool.listTools("files")).toHaveLength(2);
  });

  test.each([
    ["a__b", '"__"'],
    ["a_", 'end in "_"'],
    ["", "1 to 32"],
    ["x".repeat(33), "1 to 32"],
    ["a b", "letters, digits"],
    ["a.b", "letters, digits"],
    ["a/b", "letters, digits"],
    ["größe", "letters, digits"],
    ["a\u202Eb", "letters, digits"],
    ["a\r\nb", "letters, digits"],
  ])("a bad name, %j", async (name, says) => {
    const expected: Expected = { code: "INVALID_CONFIG", says: ["server name", says] };
    check(
      thrown(() => new McpClientPool({ servers: { [name]: { command: "node" } } })),
      expected,
    );
    const pool = new McpClientPool();
    const error = await rejected(() => pool.addClient(name, { command: "node" }));
    check(error, expected);
    expect((error as Error).message).not.toMatch(/[\r\n\u202E]/);
    expect(pool.status()).toEqual([]);
  });

  test("names that look bad and are not", () => {
    const servers = Object.fromEntries(
      ["a_b", "_a", "-", "0", "x".repeat(32), "constructor"].map((name) => [
        name,
        { command: "x" },
      ]),
    );
    expect(new McpClientPool({ servers }).status()).toHaveLength(6);
  });

  test.each([[undefined], [null], [5], [{}]])("a name that is %j", async (name) => {
    const pool = new McpClientPool();
    const error = await rejected(() => pool.addClient(wrong(name), { command: "x" }));
    check(error, { code: "INVALID_CONFIG", says: ["name of a server"] });
  });

  test.each([[undefined], [null], [5], [true], [[]]])("a server that is %j", async (server) => {
    const pool = new McpClientPool();
    const error = await rejected(() => pool.addClient("files", wrong(server)));
    check(error, { code: "INVALID_CONFIG", says: ["servers.files"] });
  });

  test("addClient's own options are checked as well", async () => {
    const pool = new McpClientPool();
    const add = (options: unknown): Promise<unknown> =>
      rejected(() => pool.addClient("files", "http://127.0.0.1/", wrong(options)));
    check(await add({ header: { a: SECRET } }), {
      code: "INVALID_CONFIG",
      path: "servers.files.header",
      says: [/did you mean "headers"/],
    });
    check(await add("fast"), { code: "INVALID_CONFIG", says: ["options must be an object"] });
    check(await add(null), { code: "INVALID_CONFIG", says: ["options must be an object"] });
  });
});
