// The corpus of real servers, as committed: what is in it, and that its page is what its results make of it.

import { describe, expect, test } from "vitest";
import { generate, readDocument } from "../corpus/document.ts";
import { readResults } from "../corpus/results.ts";
import { readServers, transportOf } from "../corpus/servers.ts";
import { isAnswered, problemsOf } from "../corpus/verdict.ts";
import type { Result, Results } from "../corpus/results.ts";
import type { CorpusServer } from "../corpus/servers.ts";

const servers = readServers();

function committed(): Results {
  const results = readResults();
  if (results === undefined) throw new Error("no results: npm run corpus -- --write");
  return results;
}

test("the corpus has at least 40 servers with exact versions, over both transports", () => {
  expect(new Set(servers.map((server) => server.package)).size).toBeGreaterThanOrEqual(40);
  expect(servers.filter(({ version }) => !/^\d+\.\d+\.\d+$/.test(version))).toEqual([]);
  expect(new Set(servers.map(transportOf))).toEqual(new Set(["stdio", "HTTP", "HTTP+SSE"]));
});

test("every server has a result of the version that is listed, and none is of another", () => {
  const identity = ({ name, version }: CorpusServer | Result): string => `${name} ${version}`;
  expect(committed().servers.map(identity)).toEqual(servers.map(identity));
});

test("at least 40 packages connect, list and answer a call", () => {
  const answered = committed().servers.filter((result) => isAnswered(result));
  const packages = answered.map(
    ({ name }) => servers.find((server) => server.name === name)?.package,
  );
  expect(new Set(packages).size).toBeGreaterThanOrEqual(40);
});

test("a server that is not called, or does not work, is explained", () => {
  const unexplained = servers.filter(({ call, note }) => call === null && note === undefined);
  expect(unexplained.map(({ name }) => name)).toEqual([]);
});

test("docs/SERVERS.md is what the results make of it", async () => {
  const page = readDocument();
  expect(await generate(page, servers, committed())).toBe(page);
});

test("an edited number is seen", async () => {
  const page = readDocument();
  const edited = page.replace(/\| +\d+ +\|/, "| 12345 |");
  expect(edited).not.toBe(page);
  expect(await generate(edited, servers, committed())).toBe(page);
});

describe("verdict", () => {
  const finding = { connectMs: 1, listed: { tools: 2 }, quirks: {}, warnings: [], leftBehind: [] };
  const [first] = servers;
  if (first === undefined) throw new Error("the corpus is empty");
  const call = { tool: "a", arguments: {}, expect: "result" } as const;
  const server: CorpusServer = { ...first, call, note: undefined };
  const answered = { kind: "result", text: "" } as const;
  const good = { ...finding, call: answered };
  const problems = (pool: Partial<Result["pool"]>, sdk: Partial<Result["sdk"]> = {}): string[] =>
    problemsOf(server, {
      name: "a",
      version: "1.0.0",
      pool: { ...good, ...pool },
      sdk: { ...good, ...sdk },
    });

  test("a server that works has none", () => {
    expect(problems({})).toEqual([]);
  });

  test.each([
    ["the pool alone does not connect", { error: "no" }, {}, /connects, and the pool does not: no/],
    ["neither connects, without a note", { error: "no" }, { error: "no" }, /no note says why/],
    ["fewer tools", { listed: { tools: 1 } }, {}, /lists 1 tools, the official client 2/],
    ["a list that fails", { listed: { tools: "no" } }, {}, /lists no tools/],
    [
      "a call that fails for the pool alone",
      { call: { kind: "failed", text: "no" } },
      {},
      /answered/,
    ],
    ["a refusal instead of a result", { call: { kind: "tool error", text: "no" } }, {}, /expects/],
    ["a process", { leftBehind: ["sleep"] }, {}, /left behind: sleep/],
  ] as const)("%s", (_, pool, sdk, expected) => {
    expect(problems(pool, sdk)).toEqual([expect.stringMatching(expected)]);
  });

  test("what the official client leaves behind too, or what an explained failure says, is none", () => {
    expect(problems({ leftBehind: ["d"] }, { leftBehind: ["d"] })).toEqual([]);
    const failed = { ...finding, error: "no" };
    const result = { name: "a", version: "1.0.0", pool: failed, sdk: failed };
    expect(problemsOf({ ...server, note: "needs more" }, result)).toEqual([]);
  });
});
