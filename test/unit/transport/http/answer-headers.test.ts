import { describe, expect, test } from "vitest";
import { AnswerHeaders, NO_HEADERS } from "../../../../src/transport/http/answer-headers.ts";
import type { HeaderSource } from "../../../../src/transport/http/answer-headers.ts";

const LINES = [
  ["Content-Type", "application/json; charset=utf-8"],
  ["WWW-Authenticate", "Basic"],
  ["x-empty", ""],
  ["www-authenticate", "Bearer"],
  ["X-Latin", "é"],
] as const;

/** The same lines, as undici reads them off the wire and as it hands them to documented handlers. */
const SOURCES: readonly [string, HeaderSource][] = [
  ["as they came", LINES.flatMap((line) => line.map((text) => Buffer.from(text, "latin1")))],
  [
    "as undici reads them",
    {
      "content-type": LINES[0][1],
      "www-authenticate": ["Basic", "Bearer"],
      "x-empty": "",
      "x-latin": "é",
    },
  ],
];

describe.each(SOURCES)("headers %s", (_, source) => {
  const headers = new AnswerHeaders(source);

  test.each([
    ["content-type", LINES[0][1], LINES[0][1]],
    ["www-authenticate", "Basic", "Basic, Bearer"],
    ["x-empty", "", ""],
    ["x-latin", "é", "é"],
    ["content-typo", undefined, undefined],
    ["content-length", undefined, undefined],
  ])("%s", (name, first, all) => {
    expect([headers.first(name), headers.all(name)]).toEqual([first, all]);
  });
});

test("an answer without headers", () => {
  expect([NO_HEADERS.first("content-type"), NO_HEADERS.all("content-type")]).toEqual([
    undefined,
    undefined,
  ]);
});
