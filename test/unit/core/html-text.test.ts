import { describe, expect, test } from "vitest";
import { describeBody, isHtml, pageText } from "../../../src/core/html-text.ts";

const NGINX = `<html>
<head><title>502 Bad Gateway</title></head>
<body>
<center><h1>502 Bad Gateway</h1></center>
<hr><center>nginx/1.18.0</center>
</body>
</html>
<!-- a padding to disable MSIE and Chrome friendly error page -->`;

const CADDY_LIKE = `<!DOCTYPE html><html lang="en"><head><meta charset=utf-8><style>b{a:">"}</style>
<title>Just a&nbsp;moment&hellip;</title><script>var a = "<b>no</b>";</script></head>
<body><!-- <p>no</p> --><h1>Checking&#32;your browser</h1><p>R&amp;D &lt;3 &#x1F600;</p></body></html>`;

test.each([
  ["nginx", NGINX, '"502 Bad Gateway" (nginx/1.18.0)'],
  ["a challenge", CADDY_LIKE, '"Just a moment…" (Checking your browser R&D <3 😀)'],
  [
    "HAProxy",
    "<html><body><h1>503 Service Unavailable</h1>\nNo server is available.\n</body></html>\n",
    "503 Service Unavailable No server is available.",
  ],
  ["a title only", "<title>Gone</title>", '"Gone"'],
  ["a title that never ends", "<html><title>Gone", '"Gone"'],
  ["no words at all", "<html><body></body></html>", ""],
  ["plain text", "no <b>page</b>", "no <b>page</b>"],
  ["JSON", '{"a":"<html>"}', '{"a":"<html>"}'],
  ["nothing", "", ""],
])("describeBody: %s", (_name, body, expected) => {
  expect(describeBody(body)).toBe(expected);
});

test.each([
  ["<!DOCTYPE html>", true],
  ["\n <HTML lang=en>", true],
  ["<h1>Bad Gateway</h1>", true],
  ["<?xml version='1.0'?><a/>", false],
  ["<htmlx>", false],
  ["text", false],
])("isHtml(%j) is %s", (text, expected) => {
  expect(isHtml(text)).toBe(expected);
});

describe("what is hostile", () => {
  test("control and bidirectional characters, also as entities", () => {
    const shown = describeBody("<title>a&#27;[31m\u202eb</title><p>c&#x202e;d\u0007e&#0;f</p>");
    expect(shown).toBe(String.raw`"a\u{1b}[31m\u{202e}b" (c\u{202e}d\u{7}e&#0;f)`);
  });

  test("a long page is cut", () => {
    const page = `<title>${"t".repeat(500)}</title>${"x".repeat(100_000)}`;
    expect(describeBody(page).length).toBeLessThan(250);
    expect(describeBody(`<title>t</title>${"x".repeat(100_000)}`).length).toBeLessThan(250);
  });

  test.each(["<script>", "<!--", "<title>", "<", "&#", "<style><script>", "</title"])(
    "%s, ten thousand times, is read in no time",
    (piece) => {
      const startedAt = performance.now();
      pageText(`<html>${piece.repeat(10_000)}`);
      expect(performance.now() - startedAt).toBeLessThan(1_000);
    },
  );
});
