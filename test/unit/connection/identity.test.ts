import { resolve } from "node:path";
import { Agent } from "undici";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { cacheKeysOf } from "../../../src/connection/identity.ts";
import type { CacheKeys } from "../../../src/connection/identity.ts";
import { resolveTarget } from "../../../src/connection/target.ts";
import { checkServerConfig } from "../../../src/connection/validate.ts";

function keysOf(config: object): CacheKeys {
  return cacheKeysOf(resolveTarget("servers.s", checkServerConfig("servers.s", config)));
}

const URL_ = "http://127.0.0.1:1/mcp";

describe("the keys", () => {
  test("are hashes: nothing that went into them can be read", () => {
    const secret = "verysecret";
    const all = [
      keysOf({ url: `${URL_}?key=${secret}`, headers: { authorization: secret } }),
      keysOf({ command: secret, args: [secret], env: { TOKEN: secret }, cwd: `/${secret}` }),
    ];
    for (const keys of all) {
      for (const key of [keys.public, keys.private]) expect(key).toMatch(/^[\w-]{43}$/);
      expect(keys.public).not.toBe(keys.private);
    }
  });

  test("are the same for the same: nothing of them is random", () => {
    expect(keysOf({ url: URL_ })).toEqual(keysOf({ url: new URL(URL_) }));
    expect(keysOf({ url: URL_ })).toEqual(keysOf({ url: URL_, headers: {} }));
    const child = { command: "node", args: ["x.js"], cwd: "/tmp" };
    expect(keysOf(child)).toEqual(keysOf({ ...child, env: {} }));
  });

  test("no server is taken for another", () => {
    const configs: object[] = [
      { url: URL_ },
      { url: "https://127.0.0.1:1/mcp" },
      { url: "http://127.0.0.1:2/mcp" },
      { url: "http://localhost:1/mcp" },
      { url: "http://127.0.0.1:1/mcp/" },
      { url: "http://127.0.0.1:1/" },
      { url: `${URL_}?a=1` },
      { url: `${URL_}?a=2` },
      { command: "a" },
      { command: "b" },
      { command: "a", args: ["b"] },
      { command: "a", args: ["b", "c"] },
      { command: "a", args: ["b c"] },
      { command: "a", args: ["bc"] },
      { command: "a b" },
      { command: "a", cwd: "/tmp" },
      { command: "a", cwd: "/" },
    ];
    const keys = configs.map(keysOf);
    expect(new Set(keys.map((key) => key.public)).size).toBe(configs.length);
    expect(new Set(keys.map((key) => key.private)).size).toBe(configs.length);
  });

  test("an anchor is never sent, and makes no difference", () => {
    expect(keysOf({ url: `${URL_}#a` })).toEqual(keysOf({ url: URL_ }));
  });
});

describe("as whom a server is asked", () => {
  test("over HTTP: every header counts, in whatever order and case of its name", () => {
    const configs: object[] = [
      {},
      { headers: { authorization: "Bearer one" } },
      { headers: { authorization: "Bearer two" } },
      { headers: { "x-user": "Bearer one" } },
      { headers: { authorization: "Bearer one", "x-user": "1" } },
      { headers: { authorization: "bearer one" } },
    ];
    const keys = configs.map((config) => keysOf({ url: URL_, ...config }));
    expect(new Set(keys.map((key) => key.private)).size).toBe(configs.length);
    expect(keysOf({ url: URL_, headers: { "X-User": "1", Authorization: "Bearer one" } })).toEqual(
      keys[4],
    );
  });

  test("over HTTP: credentials choose no server, every other header may", () => {
    const publicOf = (headers: object): string => keysOf({ url: URL_, headers }).public;
    const anyone = publicOf({});
    expect(publicOf({ Authorization: "Bearer one" })).toBe(anyone);
    expect(publicOf({ cookie: "a=1" })).toBe(anyone);
    expect(publicOf({ "x-tenant": "one" })).not.toBe(anyone);
    expect(publicOf({ "x-tenant": "one" })).not.toBe(publicOf({ "x-tenant": "two" }));
    expect(publicOf({ host: "other" })).not.toBe(anyone);
  });

  test("over HTTP: the proxy that the environment names is a part of the way", () => {
    vi.stubEnv("http_proxy", "");
    vi.stubEnv("no_proxy", "");
    onTestFinished(() => void vi.unstubAllEnvs());
    const url = "http://server.example/mcp";
    const direct = keysOf({ url });
    vi.stubEnv("http_proxy", "http://one.example:3128");
    const through = keysOf({ url });
    expect(through.public).not.toBe(direct.public);
    expect(through.private).not.toBe(direct.private);
  });

  test("over HTTP: a dispatcher decides where requests go, and may bring credentials of its own", () => {
    const one = new Agent();
    const two = new Agent();
    onTestFinished(async () => {
      await Promise.all([one.destroy(), two.destroy()]);
    });
    const keys = [one, two, undefined].map((dispatcher) =>
      keysOf(dispatcher === undefined ? { url: URL_ } : { url: URL_, dispatcher }),
    );
    expect(new Set(keys.map((key) => key.private)).size).toBe(3);
    expect(new Set(keys.map((key) => key.public)).size).toBe(3);
    expect(keysOf({ url: URL_, dispatcher: one })).toEqual(keys[0]);
  });

  test("of a child process: its environment counts, in whatever order", () => {
    const configs: object[] = [
      {},
      { env: { TOKEN: "one" } },
      { env: { TOKEN: "two" } },
      { env: { token: "one" } },
      { env: { TOKEN: "one", USER_ID: "1" } },
    ];
    const keys = configs.map((config) => keysOf({ command: "a", ...config }));
    expect(new Set(keys.map((key) => key.private)).size).toBe(configs.length);
    expect(new Set(keys.map((key) => key.public)).size).toBe(configs.length);
    expect(keysOf({ command: "a", env: { USER_ID: "1", TOKEN: "one" } })).toEqual(keys[4]);
  });
});

describe("where a child process is", () => {
  test("the working directory is that of this process, if none is given", () => {
    const given = keysOf({ command: "./server", cwd: process.cwd() });
    expect(keysOf({ command: "./server" })).toEqual(given);
  });

  test("a relative one means another place in another working directory", () => {
    const before = keysOf({ command: "./server", cwd: "sub" });
    const elsewhere = resolve("/", "somewhere", "else");
    vi.spyOn(process, "cwd").mockReturnValue(elsewhere);
    expect(keysOf({ command: "./server", cwd: "sub" })).not.toEqual(before);
    expect(keysOf({ command: "./server" })).toEqual(
      keysOf({ command: "./server", cwd: elsewhere }),
    );
  });
});

test("a transport of the user's own is like no other, not even like itself", () => {
  const transport = { start: () => {}, send: () => {}, close: () => {} };
  const one = keysOf({ transport });
  const two = keysOf({ transport });
  expect(new Set([one.public, one.private, two.public, two.private]).size).toBe(2);
});
