import { expect, test } from "vitest";
import { problemOfUrl } from "../../../src/eras/elicitation-url.ts";

test.each([
  "https://example.test/visit?code=1#x",
  "HTTPS://EXAMPLE.TEST/",
  "http://localhost:8080/done",
  "http://127.0.0.1/",
  "http://[::1]:99/",
  "https://münchen.example/",
  "https://例え.jp/道",
  "https://日本語カタカナ.jp/",
  "https://한국어.kr/",
  "https://яндекс.рф/",
  "https://xn--mnchen-3ya.example/",
])("%s may be shown", (url) => {
  expect(problemOfUrl(url)).toBeUndefined();
});

test.each<[unknown, RegExp]>([
  [undefined, /string/],
  [["https://example.test/"], /string/],
  [{ href: "https://example.test/" }, /string/],
  [7, /string/],
  ["", /malformed/],
  ["/relative", /malformed/],
  ["//example.test/x", /malformed/],
  ["example.test", /malformed/],
  ["https://", /needed/],
  ["https:example.test", /refused/],
  ["http://example.test/", /https/],
  ["file:///etc/passwd", /file: is refused/],
  ["javascript:alert(1)", /javascript: is refused/],
  ["data:text/html,x", /data: is refused/],
  ["vscode://x", /refused/],
  ["https://bank.test@evil.test/", /user info/],
  ["https://me:secret@example.test/", /user info/],
  ["https://exam\tple.test/", /cannot be seen/],
  ["https://example.test/\u202Egpj.exe", /cannot be seen/],
  ["https://example.test/\u0000", /cannot be seen/],
  ["https://exam\u200Bple.test/", /cannot be seen/],
  [" https://example.test/", /blanks/],
  ["https:\\\\example.test\\x", /backslashes/],
  ["https://bank.test\\@evil.test/", /backslashes/],
  ["https://раураl.example/", /mixes scripts/],
  ["https://аррӏе.example/", /mixes scripts/],
  ["https://xn--80ak6aa92e.example/", /mixes scripts/],
  ["https://gοοgle.example/", /mixes scripts/],
  [`https://example.test/${"x".repeat(5_000)}`, /longer/],
])("%j is refused", (url, why) => {
  expect(problemOfUrl(url)).toMatch(why);
});
