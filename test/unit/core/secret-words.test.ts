import { describe, expect, test } from "vitest";
import { isOrdinary, looksSecret, saysSecret } from "../../../src/core/secret-words.ts";

describe("names that say that the value is a secret", () => {
  test.each([
    ...["API_KEY", "apiKey", "x-api-key", "OPENAI_API_KEY", "PGPASSWORD", "dbPassword", "TOKEN"],
    ...["GITHUB_TOKEN", "access_token", "Authorization", "Proxy-Authorization", "Cookie"],
    ...["AWS_SECRET_ACCESS_KEY", "SENTRY_DSN", "--token", "client-secret", "MYSQL_PWD", "sig"],
    ...["GOOGLE_APPLICATION_CREDENTIALS_JSON", "X-Auth", "NPM_AUTH_TOKEN", "GH_PAT", "session"],
  ])("%s", (name) => {
    expect(saysSecret(name)).toBe(true);
  });

  test.each([
    ...["PATH", "HOME", "NODE_ENV", "MODE", "GIT_AUTHOR_NAME", "author", "MONKEY", "KEYBOARD"],
    ...["TOKEN_URL", "KEY_FILE", "SSH_AUTH_SOCK", "TOKEN_LIMIT", "AUTH_METHOD", "OAUTH_PORT"],
    ...["SESSION_TIMEOUT", "tokenizer", "", "-", "region", "workspace", "keyboardLayout"],
  ])("not %j", (name) => {
    expect(saysSecret(name)).toBe(false);
  });
});

describe("values that look like secrets", () => {
  test.each([
    "sk-proj-Zx81kQ9Lw2Tn8Vb",
    "ghp_a8Bf3kLm29QzXw71RtYv",
    "github_pat_11ABCDEFG0abcdefghij",
    "xoxb-123456789012-abcdef",
    "AKIAIOSFODNN7EXAMPLE",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.x",
    "3f2c8a1e-9b7d-4e6f-8a01-5c2d9e7f4b3a",
    "9f86d081884c7d659a2feaa0c55ad015",
    "1234567890123456",
    "q7Z4xk9Lw2Tn8Rf6",
  ])("%s", (value) => {
    expect(looksSecret(value)).toBe(true);
  });

  test.each([
    ...["production", "production-eu-west-1-server-12", "my-workspace-name-long", "2024-11-05"],
    ...["/home/user/projects/server", "C:\\Users\\me\\project", "getUserByIdAndNameOfServer"],
    ...["mcp-client-pool/0.1.0", "application/json", "en-US,en;q=0.5", "two words here, really"],
    ...["", "1.2.3", "http://127.0.0.1:3000/mcp", "@scope/package-name@1.2.3"],
  ])("not %j", (value) => {
    expect(looksSecret(value)).toBe(false);
  });
});

test.each([
  ["production", true],
  ["read-only", true],
  ["application/json", true],
  ["3000", true],
  ["2025-06-18", false],
  ["1.2.3", true],
  ["team-7f3a", false],
  ["p4ssw0rd!", false],
])("isOrdinary(%j) is %s", (value, is) => {
  expect(isOrdinary(value)).toBe(is);
});
