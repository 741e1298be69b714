import { describe, expect, test } from "vitest";
import {
  DEFAULT_LIMITS,
  DEFAULT_RECONNECT,
  DEFAULT_TIMEOUTS,
  resolveServer,
} from "../../../src/connection/options.ts";
import { McpConfigError } from "../../../src/core/errors.ts";
import { FakeDuplex } from "../fakes.ts";

const URL_OF = "http://127.0.0.1:3000/mcp";

function complaint(config: unknown, defaults?: object): McpConfigError {
  try {
    resolveServer("s", config, defaults);
  } catch (error) {
    if (error instanceof McpConfigError) return error;
    throw error;
  }
  throw new Error("it was accepted");
}

describe("defaults", () => {
  test("are those of the design", () => {
    const server = resolveServer("s", { url: URL_OF });
    expect(server).toMatchObject({
      name: "s",
      protocol: "auto",
      trusted: false,
      lazy: false,
      required: false,
      disabled: false,
      listen: "auto",
      target: { kind: "http", transport: "auto", headers: {} },
    });
    expect(server.timeouts).toEqual({
      connectMs: 10_000,
      handshakeMs: 20_000,
      timeoutMs: 60_000,
      totalTimeoutMs: 300_000,
      queueMs: 30_000,
      closeStepMs: 2_000,
    });
    expect(server.limits).toMatchObject({
      inFlight: 128,
      queued: 1_024,
      messageBytes: 10_485_760,
      stderrBytes: 65_536,
      tools: 5_000,
      pages: 200,
      listItems: 100_000,
      listBytes: 64 * 1024 * 1024,
    });
    expect(server.reconnect).toEqual({
      jitterMs: 100,
      initialMs: 250,
      factor: 1.6,
      maxMs: 5_000,
      budgetMs: 30_000,
      backgroundMaxMs: 120_000,
      crashLimit: 5,
      crashWindowMs: 180_000,
    });
    expect(server.retryBudget).toEqual({ share: 0.2, perSecond: 10 });
    expect(server.breaker).toEqual({ failures: 5, openMs: 30_000, maxOpenMs: 300_000 });
    expect(server.healthCheckIntervalMs).toBe(false);
    expect(server.throttleStatuses).toEqual([429]);
  });

  test("the server's own options win over the pool's, field by field", () => {
    const { timeouts, trusted, lazy, tools } = resolveServer(
      "s",
      { url: URL_OF, timeouts: { timeoutMs: 1 }, trusted: false, tools: { deny: ["x"] } },
      {
        timeouts: { timeoutMs: 2, connectMs: 3 },
        trusted: true,
        lazy: true,
        tools: { allow: ["y"] },
      },
    );
    expect(timeouts).toEqual({ ...DEFAULT_TIMEOUTS, timeoutMs: 1, connectMs: 3 });
    expect([trusted, lazy]).toEqual([false, true]);
    expect(tools).toEqual({ deny: ["x"] });
  });

  test("throttleStatuses of the server replace the pool's, and are a copy", () => {
    const own = [429, 503];
    const config = { url: URL_OF, throttleStatuses: own };
    const { throttleStatuses } = resolveServer("s", config, { throttleStatuses: [429, 502] });
    own.push(500);
    expect(throttleStatuses).toEqual([429, 503]);
    expect(Object.isFrozen(throttleStatuses)).toBe(true);
    const inherited = resolveServer("s", { url: URL_OF }, { throttleStatuses: [429, 502] });
    expect(inherited.throttleStatuses).toEqual([429, 502]);
  });

  test("an option that is explicitly undefined is one that was not given", () => {
    const given = { connectMs: undefined, timeoutMs: undefined };
    const server = resolveServer(
      "s",
      {
        url: URL_OF,
        timeouts: given,
        limits: { pages: undefined },
        reconnect: { factor: undefined },
        trusted: undefined,
      },
      { timeouts: { timeoutMs: 5 }, limits: { pages: 7 } } as object,
    );
    expect(server.timeouts).toEqual({ ...DEFAULT_TIMEOUTS, timeoutMs: 5 });
    expect(server.limits).toEqual({ ...DEFAULT_LIMITS, pages: 7 });
    expect(server.reconnect).toEqual(DEFAULT_RECONNECT);
    expect(server.trusted).toBe(false);
  });
});

describe("what is resolved cannot be changed from outside", () => {
  test("it is frozen, and no object of the caller's is kept", () => {
    const url = new URL(URL_OF);
    const headers = { a: "1" };
    const http = resolveServer("s", { url, headers });
    url.pathname = "/other";
    headers.a = "2";
    expect(http.target).toMatchObject({ headers: { a: "1" } });
    expect(http.target.kind === "http" && http.target.url.href).toBe(URL_OF);

    const args = ["a"];
    const env = { A: "1" };
    const stdio = resolveServer("s", { command: "node", args, env });
    args.push("b");
    env.A = "2";
    expect(stdio.target).toMatchObject({ args: ["a"], env: { A: "1" } });
    for (const part of [stdio, stdio.target, stdio.timeouts, stdio.limits, stdio.reconnect]) {
      expect(Object.isFrozen(part)).toBe(true);
    }
  });
});

test("nor are the caller's own lists of tools", () => {
  const allow = ["x"];
  const { tools } = resolveServer("s", { url: URL_OF, tools: { allow } });
  allow.push("y");
  expect(tools).toEqual({ allow: ["x"] });
});

describe("kinds", () => {
  test("a transport of one's own, and only with its methods", () => {
    const transport = new FakeDuplex();
    expect(resolveServer("s", { transport }).target).toEqual({ kind: "custom", transport });
    expect(complaint({ transport: { send() {} } }).path).toBe("servers.s.transport");
  });

  test.each<[string, unknown, string]>([
    ["both", { url: URL_OF, command: "x" }, "both"],
    ["neither", {}, "neither"],
    ["null", null, "must be an object"],
    ["an array", [], "must be an object"],
    ["a string", URL_OF, "must be an object"],
    ["an empty command", { command: " " }, "command is empty"],
    ["args for a URL", { url: URL_OF, args: [] }, "args"],
    ["headers for a command", { command: "x", headers: {} }, "headers"],
    ["stdio for a URL", { url: URL_OF, transport: "stdio" }, "transport"],
    ["sse for a command", { command: "x", transport: "sse" }, "transport"],
    ["args that are no strings", { command: "x", args: [1] }, "args.0"],
    ["env that is no string", { command: "x", env: { A: 1 } }, "env.A"],
  ])("%s is refused", (_, config, words) => {
    const error = complaint(config);
    expect(error.message).toContain(words);
    expect(error.path).toMatch(/^servers\.s/);
  });
});

describe("URLs and headers", () => {
  test.each([
    ["no URL", "not a url"],
    ["no scheme", "127.0.0.1:3000/mcp"],
    ["another scheme", "ftp://example.com"],
    ["a script", "javascript:alert(1)"],
    ["a file", "file:///etc/passwd"],
    ["empty", ""],
  ])("%s is refused", (_, url) => {
    expect(complaint({ url }).path).toBe("servers.s.url");
  });

  test("credentials in a URL are refused, and not repeated", () => {
    const error = complaint({ url: "https://user:s3cret@example.com/mcp?key=s3cret" });
    expect(error.path).toBe("servers.s.url");
    expect(JSON.stringify(error)).not.toContain("s3cret");
  });

  test.each<[string, Record<string, string>]>([
    ["a line break in a value", { a: "s3cret\r\nX: y" }],
    ["a NUL in a value", { a: "s3cret\u0000" }],
    ["a space in a name", { "a b": "s3cret" }],
    ["a line break in a name", { "a\r\nb": "s3cret" }],
    ["an empty name", { "": "s3cret" }],
  ])("%s is refused, and no value shown (13.10)", (_, headers) => {
    const error = complaint({ url: URL_OF, headers });
    expect(error.path).toBe("servers.s.headers");
    expect(JSON.stringify(error)).not.toContain("s3cret");
  });

  test("a value of the wrong type is named by its path, never shown", () => {
    const error = complaint({ url: URL_OF, headers: { Authorization: ["s3cret"] } });
    expect(error.path).toBe("servers.s.headers.Authorization");
    expect(JSON.stringify(error)).not.toContain("s3cret");
  });
});

describe("values", () => {
  test.each<[string, object]>([
    ["timeouts.connectMs", { timeouts: { connectMs: 0 } }],
    ["timeouts.connectMs", { timeouts: { connectMs: NaN } }],
    ["timeouts.timeoutMs", { timeouts: { timeoutMs: Infinity } }],
    // A Node timer would fire at once.
    ["timeouts.totalTimeoutMs", { timeouts: { totalTimeoutMs: 2 ** 31 } }],
    ["timeouts.timeoutMs", { timeouts: { timeoutMs: "60000" } }],
    ["limits.pages", { limits: { pages: 1.5 } }],
    ["limits.messageBytes", { limits: { messageBytes: -1 } }],
    ["reconnect.factor", { reconnect: { factor: 0.5 } }],
    ["reconnect.jitterMs", { reconnect: { jitterMs: -1 } }],
    ["protocol", { protocol: "2026-01-01" }],
    ["listen", { listen: "yes" }],
    ["trusted", { trusted: "true" }],
    ["tools.allow.0", { tools: { allow: [5] } }],
    ["outputValidation", { outputValidation: "fail" }],
    ["throttleStatuses", { throttleStatuses: 503 }],
    ["throttleStatuses.1", { throttleStatuses: [429, 200] }],
    ["throttleStatuses.0", { throttleStatuses: [600] }],
    ["throttleStatuses.0", { throttleStatuses: [429.5] }],
  ])("%s: %j", (path, options) => {
    expect(complaint({ url: URL_OF, ...options }).path).toBe(`servers.s.${path}`);
  });

  test.each([
    [{ timeout: 1 }, "timeouts"],
    [{ header: {} }, "headers"],
    [{ timeouts: { conectMs: 1 } }, "connectMs"],
    [{ reconnect: { maxMS: 1 } }, "maxMs"],
  ])("%j: did you mean %s?", (options, near) => {
    expect(complaint({ url: URL_OF, ...options }).message).toContain(`did you mean "${near}"`);
  });

  test("a key that is like no other: the known ones are listed", () => {
    expect(complaint({ url: URL_OF, limits: { something: 1 } }).message).toContain("messageBytes");
  });
});
