import { describe, expect, test } from "vitest";
import { redactUrl } from "../../../src/core/redact.ts";

describe("redactUrl", () => {
  test.each([
    ["https://user:pa55@example.com/mcp?key=s3cret#frag", "https://example.com/mcp?…"],
    ["http://127.0.0.1:3000/mcp", "http://127.0.0.1:3000/mcp"],
    ["http://[::1]:3000/", "http://[::1]:3000/"],
    ["https://example.com/mcp#token=s3cret", "https://example.com/mcp"],
    ["https://mcp.host.test/s/NmI4ZTk2Nz0aLm4xQ2/mcp", "https://mcp.host.test/s/…/mcp"],
    ["https://host.test/v3/3f2c8a1e-9b7d-4e6f-8a01-5c2d9e7f4b3a/mcp", "https://host.test/v3/…/mcp"],
    ["https://host.test/token/ab-cd-12/mcp", "https://host.test/token/…/mcp"],
    ["https://host.test/production-eu-west-1/mcp", "https://host.test/production-eu-west-1/mcp"],
    ["not a url with s3cret", "<invalid URL>"],
    ["", "<invalid URL>"],
  ])("%s", (given, shown) => {
    expect(redactUrl(given)).toBe(shown);
  });

  test("no user info, query or fragment survives, whatever the scheme", () => {
    for (const scheme of ["http", "https", "ws", "file", "mcp"]) {
      const shown = redactUrl(`${scheme}://user:s3cret@host/path?a=s3cret#s3cret`);
      expect(shown).not.toMatch(/s3cret|user/);
    }
  });
});
