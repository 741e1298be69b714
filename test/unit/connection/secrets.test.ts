import { describe, expect, test } from "vitest";
import { secretsOf } from "../../../src/connection/secrets.ts";
import { resolveServer } from "../../../src/connection/options.ts";

const of = (config: object, environment: NodeJS.ProcessEnv = {}): string[] =>
  secretsOf(resolveServer("s", config).target, environment);

describe("over HTTP", () => {
  const url = "https://mcp.example.test/mcp";
  test.each<[string, object, string[]]>([
    ["nothing", { url }, []],
    [
      "a bearer",
      { url, headers: { authorization: "Bearer abc.def" } },
      ["Bearer abc.def", "abc.def"],
    ],
    [
      "basic credentials",
      { url, headers: { Authorization: `Basic ${btoa("me:open sesame")}` } },
      [`Basic ${btoa("me:open sesame")}`, btoa("me:open sesame"), "me:open sesame", "open sesame"],
    ],
    [
      "cookies of the user's own",
      { url, headers: { Cookie: "theme=dark; sid=x81.q9-2" } },
      ["theme=dark; sid=x81.q9-2", "x81.q9-2"],
    ],
    ["a key in plain words", { url, headers: { "X-Api-Key": "correcthorse" } }, ["correcthorse"]],
    ["a value of no known name", { url, headers: { "X-Tenant": "acme-4711x" } }, ["acme-4711x"]],
    ["words", { url, headers: { "X-Stage": "production", "X-Team": "core tools" } }, []],
    ["an agent", { url, headers: { "User-Agent": "my-app/1.2 (linux; x64)" } }, []],
    ["a query", { url: `${url}?api_key=opensesame&mode=read-only` }, ["opensesame"]],
    ["a token in the path", { url: "https://h.test/s/q7Z4xk9Lw2Tn8Rf6/mcp" }, ["q7Z4xk9Lw2Tn8Rf6"]],
  ])("%s", (_name, config, secrets) => {
    expect(new Set(of(config))).toEqual(new Set(secrets));
  });

  test.each([
    [
      "http://me:pass%20word@proxy.test:3128",
      ["me:pass word", "pass word", "me:pass%20word", "pass%20word"],
    ],
    ["me:password@proxy.test:3128", ["me:password", "password"]],
    ["http://me:pass word@[bad", ["me:pass word", "pass word"]],
    ["http://proxy.test:3128", []],
  ])("the proxy %s", (https_proxy, secrets) => {
    expect(new Set(of({ url }, { https_proxy }))).toEqual(new Set(secrets));
  });
});

describe("a child", () => {
  const command = "server";
  const PEM =
    "-----BEGIN KEY-----\nMIIEpAIBAAKCAQEA7x81Qz\nq9Lw2Tn8Rf6aB3cD4eF5gH6\n-----END KEY-----";
  test.each<[string, object, string[]]>([
    ["a named secret", { env: { DB_PASSWORD: "opensesame" } }, ["opensesame"]],
    ["one too short to be told from other text", { env: { DB_PASSWORD: "abcde" } }, []],
    ["settings", { env: { NODE_ENV: "production", HOME: "/home/me", PORT: "3000" } }, []],
    ["about a secret", { env: { KEY_FILE: "/etc/key.pem", TOKEN_TTL: "604800" } }, []],
    ["by its looks", { env: { THING: "q7Z4xk9Lw2Tn8Rf6" } }, ["q7Z4xk9Lw2Tn8Rf6"]],
    [
      "a URL",
      { env: { DATABASE_URL: "postgres://me:opensesame@db/x" } },
      ["me:opensesame", "opensesame"],
    ],
    [
      "a key over several lines",
      { env: { PRIVATE_KEY: PEM } },
      [PEM, "MIIEpAIBAAKCAQEA7x81Qz", "q9Lw2Tn8Rf6aB3cD4eF5gH6"],
    ],
    [
      "JSON",
      { env: { SETTINGS: '{"user":"me","auth":{"password":"opensesame"}}' } },
      ["opensesame"],
    ],
    ["a flag", { args: ["--api-key", "opensesame", "--verbose", "yes-please"] }, ["opensesame"]],
    ["an assignment", { args: ["--token=opensesame", "mode=read-only"] }, ["opensesame"]],
    [
      "a header for another program",
      { args: ["--header", "Authorization: Bearer open-sesame"] },
      ["Bearer open-sesame", "open-sesame"],
    ],
    ["packages and paths", { args: ["-y", "@scope/server@1.2.3", "/srv/data"] }, []],
  ])("%s", (_name, config, secrets) => {
    expect(new Set(of({ command, ...config }))).toEqual(new Set(secrets));
  });
});
