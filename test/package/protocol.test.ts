// docs/PROTOCOL.md says what each requirement is tested by: here that is held against the titles of the tests.

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";
import { describe, expect, test } from "vitest";
import { root } from "./run.ts";

/** The sections of the checklist that the table covers, and the last number of each. */
const SECTIONS: readonly { major: number; from: number; to: number }[] = [
  { major: 4, from: 1, to: 15 },
  { major: 7, from: 24, to: 31 },
  { major: 8, from: 1, to: 35 },
  { major: 9, from: 1, to: 9 },
  { major: 10, from: 1, to: 12 },
  { major: 12, from: 1, to: 21 },
];

/** Those of the scripted servers say nothing about the client. */
const NOT_OF_THE_CLIENT = /^(support|unit\/support|conformance|package)\//;

const text = readFileSync(join(root, "docs/PROTOCOL.md"), "utf8");

interface Row {
  readonly number: string;
  readonly level: string;
  readonly sources: readonly string[];
  readonly tests: readonly string[];
}

/** The cells of each line of a table, without its head. */
function cellsOf(lines: readonly string[]): string[][] {
  const cells = lines.map((line) =>
    line
      .slice(1, -1)
      .split(/(?<!\\)\|/)
      .map((cell) => cell.trim()),
  );
  return cells.slice(2);
}

function lastTable(markdown: string): Row[] {
  const tables = markdown.match(/(^\|.*\|\n)+/gm) ?? [];
  const lines = tables.at(-1)?.trimEnd().split("\n") ?? [];
  return cellsOf(lines).map(([number = "", level = "", , , , sources = "", tests = ""]) => {
    return { number, level, sources: codeIn(sources), tests: codeIn(tests) };
  });
}

function codeIn(cell: string): string[] {
  return [...cell.matchAll(/`([^`]+)`/g)].map(([, code = ""]) => code);
}

/** Numbers as titles cite them: 8.31 is no 8.3, and neither is 8.3.1; `7.24 - 7.27` is four. */
function numbersIn(title: string): string[] {
  const cited: string[] = [];
  const number = String.raw`(?<![\w.])(\d{1,2})\.(\d{1,2})(?![\w]|\.\d)`;
  const pattern = new RegExp(`${number}(?:\\s*[-–]\\s*${number})?`, "g");
  for (const [, major = "", from = "", lastMajor, to] of title.matchAll(pattern)) {
    const last = to !== undefined && lastMajor === major ? Number(to) : Number(from);
    for (let minor = Number(from); minor <= last; minor++) cited.push(`${major}.${minor}`);
    if (to !== undefined && lastMajor !== major) cited.push(`${lastMajor}.${to}`);
  }
  return cited;
}

/** `test`, `test.each(…)`, `describe.each<…>(…)` and the like: what they begin with; nothing for what is skipped. */
function blockOf(callee: ts.Expression): string | undefined {
  if (ts.isIdentifier(callee)) return callee.text;
  if (ts.isCallExpression(callee)) return blockOf(callee.expression);
  if (ts.isTaggedTemplateExpression(callee)) return blockOf(callee.tag);
  if (!ts.isPropertyAccessExpression(callee)) return undefined;
  return ["skip", "todo"].includes(callee.name.text) ? undefined : blockOf(callee.expression);
}

function isBlock(node: ts.Node, names: readonly string[]): node is ts.CallExpression {
  return ts.isCallExpression(node) && names.includes(blockOf(node.expression) ?? "");
}

function holdsTest(node: ts.Node): boolean {
  return (
    ts.forEachChild(node, (child) => isBlock(child, ["test", "it"]) || holdsTest(child)) ?? false
  );
}

/** What stands in a title as it is written: the literal parts of a template too. */
function titleOf({ arguments: [title] }: ts.CallExpression): string {
  if (title === undefined) return "";
  if (ts.isStringLiteralLike(title)) return title.text;
  if (!ts.isTemplateExpression(title)) return "";
  return [title.head, ...title.templateSpans.map(({ literal }) => literal)]
    .map((part) => part.text)
    .join("\0");
}

/** The titles of tests, and of groups that have some. */
function titlesIn(code: string): string[] {
  const titles: string[] = [];
  const visit = (node: ts.Node): void => {
    if (isBlock(node, ["test", "it"])) titles.push(titleOf(node));
    else if (isBlock(node, ["describe"]) && holdsTest(node)) titles.push(titleOf(node));
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile("a.test.ts", code, ts.ScriptTarget.ESNext, true));
  return titles;
}

/** By number: the files whose titles cite it. */
function citations(): Map<string, Set<string>> {
  const files = readdirSync(join(root, "test"), { recursive: true, encoding: "utf8" })
    .map((file) => file.replaceAll("\\", "/"))
    .filter((file) => file.endsWith(".test.ts") && !file.includes("node_modules/"))
    .filter((file) => !NOT_OF_THE_CLIENT.test(file));
  const found = new Map<string, Set<string>>();
  for (const file of files) {
    const titles = titlesIn(readFileSync(join(root, "test", file), "utf8"));
    for (const number of titles.flatMap(numbersIn)) {
      found.set(number, (found.get(number) ?? new Set()).add(file));
    }
  }
  return found;
}

const rows = lastTable(text);
const cited = citations();

describe("how titles are read", () => {
  test("a number ends where it ends", () => {
    expect(numbersIn("goes on (8.31)")).toEqual(["8.31"]);
    expect(numbersIn("8.3 8.5, 8.6.")).toEqual(["8.3", "8.5", "8.6"]);
    expect(numbersIn("8.3.1, v8.3, 127.0.0.1, 8.3x, 2.4.0")).toEqual([]);
  });

  test("a range is all that it spans", () => {
    expect(numbersIn("(7.24 - 7.27)")).toEqual(["7.24", "7.25", "7.26", "7.27"]);
    expect(numbersIn("(7.30–7.31, 8.1)")).toEqual(["7.30", "7.31", "8.1"]);
    expect(numbersIn("(8.1 - 9.1)")).toEqual(["8.1", "9.1"]);
  });

  test("titles only: no comments, no data, nothing that is skipped, no group without tests", () => {
    const code = [
      'test("a 4.1", () => {}); // 4.2',
      'test.each(["4.3"])("b 4.4 %s", () => { expect("4.5"); });',
      'test.skip("c 4.6", () => {}); it.todo("d 4.7");',
      'describe("e 4.8", () => {}); describe.each<[string]>([])("f 4.9", () => { it(`g ${4.1} 4.10`, () => {}); });',
    ].join("\n");
    expect(titlesIn(code).flatMap(numbersIn)).toEqual(["4.1", "4.4", "4.9", "4.10"]);
  });
});

test("every number of the sections has its row, in order", () => {
  const wanted = SECTIONS.flatMap(({ major, from, to }) =>
    Array.from({ length: to - from + 1 }, (_, index) => `${major}.${from + index}`),
  );
  expect(rows.map(({ number }) => number)).toEqual(wanted);
});

test("every requirement that is a MUST is cited by a test of the client", () => {
  const without = rows.filter(({ level, tests }) => /MUST/.test(level) && tests.length === 0);
  expect(without.map(({ number }) => number)).toEqual([]);
});

test("every test that a row names cites its number", () => {
  const wrong = rows.flatMap(({ number, tests }) =>
    tests
      .filter((file) => cited.get(number)?.has(file) !== true)
      .map((file) => `${number} ${file}`),
  );
  expect(wrong).toEqual([]);
});

test("every file that is named is there", () => {
  const named = [
    ...rows.flatMap(({ sources }) => sources.map((file) => `src/${file}`)),
    ...rows.flatMap(({ tests }) => tests.map((file) => `test/${file}`)),
    ...codeIn(text).filter((code) => /^(src|test|docs)\/[\w./-]+$/.test(code)),
  ];
  expect(named.length).toBeGreaterThan(rows.length);
  expect([...new Set(named)].filter((file) => !existsSync(join(root, file)))).toEqual([]);
});

test("every row of the decision tables that the code knows is explained", () => {
  const code = readFileSync(join(root, "src/eras/classify.ts"), "utf8");
  const known = new Set([...code.matchAll(/"([HS]\d{1,2})"/g)].map(([, row = ""]) => row));
  expect(known.size).toBeGreaterThan(20);
  const explained = new Set([...text.matchAll(/^\| ([HSL]\d{1,2}) /gm)].map(([, row]) => row));
  expect([...known].filter((row) => !explained.has(row))).toEqual([]);
});
