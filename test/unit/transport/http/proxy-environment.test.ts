import { describe, expect, test } from "vitest";
import { proxyFor, ProxySettingError } from "../../../../src/transport/http/proxy-environment.ts";

const HTTP = "http://mcp.example.test/mcp";
const HTTPS = "https://mcp.example.test/mcp";
const A = "http://a.example:3128";
const B = "http://b.example:3129";

function nameOf(target: string, environment: NodeJS.ProcessEnv): string | undefined {
  return proxyFor(new URL(target), environment)?.name;
}

describe("which proxy", () => {
  test.each<[string, string, NodeJS.ProcessEnv, string | undefined]>([
    ["none", HTTP, {}, undefined],
    ["http_proxy", HTTP, { http_proxy: A, https_proxy: B }, "a.example:3128"],
    ["https_proxy", HTTPS, { http_proxy: A, https_proxy: B }, "b.example:3129"],
    ["upper case", HTTPS, { HTTPS_PROXY: B }, "b.example:3129"],
    ["the lower case wins", HTTP, { http_proxy: A, HTTP_PROXY: B }, "a.example:3128"],
    [
      "an empty one is none, whatever the upper case says",
      HTTP,
      { http_proxy: "", HTTP_PROXY: B },
      undefined,
    ],
    ["http_proxy for https too, if it is the only one", HTTPS, { http_proxy: A }, "a.example:3128"],
    ["https_proxy is not for http", HTTP, { https_proxy: B }, undefined],
    ["without a scheme", HTTP, { http_proxy: "a.example:3128" }, "a.example:3128"],
    ["without a port", HTTP, { http_proxy: "http://a.example" }, "a.example:80"],
    ["over TLS", HTTP, { http_proxy: "https://a.example" }, "a.example:443"],
    ["SOCKS", HTTP, { http_proxy: "socks5://a.example" }, "a.example:1080"],
    [
      "credentials are not in the name",
      HTTP,
      { http_proxy: "http://u:p@a.example:1" },
      "a.example:1",
    ],
    ["never for localhost", "http://localhost:3000/", { http_proxy: A }, undefined],
    ["never for 127.0.0.1", "http://127.0.0.1:3000/", { http_proxy: A }, undefined],
    ["never for ::1", "http://[::1]:3000/", { http_proxy: A }, undefined],
    ["but for a name like it", "http://localhost.example/", { http_proxy: A }, "a.example:3128"],
  ])("%s", (_name, target, environment, name) => {
    expect(nameOf(target, environment)).toBe(name);
  });
});

describe("no_proxy", () => {
  test.each<[string, string, boolean]>([
    ["mcp.example.test", HTTP, true],
    ["MCP.Example.TEST", HTTP, true],
    ["example.test", HTTP, true],
    [".example.test", HTTP, true],
    ["*.example.test", HTTP, true],
    ["*", HTTP, true],
    ["other.test, mcp.example.test", HTTP, true],
    ["other.test\tmcp.example.test", HTTP, true],
    ["mcp.example.test:80", HTTP, true],
    ["mcp.example.test:443", HTTPS, true],
    ["mcp.example.test:443", HTTP, false],
    ["ample.test", HTTP, false],
    ["mcp", HTTP, false],
    ["", HTTP, false],
    [" , ", HTTP, false],
    ["192.0.2.7", "http://192.0.2.7:8080/", true],
    ["[2001:db8::1]", "http://[2001:db8::1]/", true],
  ])("%j and %s: %s", (exceptions, target, isExcepted) => {
    const lower = nameOf(target, { http_proxy: A, no_proxy: exceptions });
    expect(lower === undefined).toBe(isExcepted);
    expect(nameOf(target, { HTTP_PROXY: A, NO_PROXY: exceptions })).toBe(lower);
  });
});

describe("credentials", () => {
  const authorizationFor = (userInfo: string): string | undefined =>
    proxyFor(new URL(HTTP), { http_proxy: `http://${userInfo}a.example:3128` })?.authorization;
  const basic = (text: string): string => `Basic ${Buffer.from(text).toString("base64")}`;

  test.each([
    ["none", "", undefined],
    ["both", "user:pass@", basic("user:pass")],
    ["escapes", "us%40er:p%3Ass@", basic("us@er:p:ss")],
    ["a user alone", "user@", basic("user:")],
    ["a % that is no escape", "user:100%@", basic("user:100%")],
  ])("%s", (_name, userInfo, authorization) => {
    expect(authorizationFor(userInfo)).toBe(authorization);
  });
});

test.each(["http://[", "ftp://s3cret@a.example", "http://user:s3cret@:3128", "://s3cret"])(
  "%s is no proxy, and its value is not shown",
  (value) => {
    const find = (): unknown => proxyFor(new URL(HTTP), { HTTP_PROXY: value });
    expect(find).toThrow(ProxySettingError);
    expect(find).toThrow("HTTP_PROXY");
    expect(find).not.toThrow("s3cret");
  },
);
