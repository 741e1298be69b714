// docs/PROXIES.md says what is tested, and nothing else.

import { readFileSync, readdirSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { PROGRAMS } from "./programs/programs.ts";
import { render } from "./programs/render.ts";
import { CONFIGS } from "./programs/start.ts";
import { DOCUMENT, RESULTS, toTable, withGenerated } from "./report/document.ts";
import type { Results } from "./report/document.ts";
import { SECTIONS } from "./report/sections.ts";

const page = readFileSync(DOCUMENT, "utf8");
const results = JSON.parse(readFileSync(RESULTS, "utf8")) as Results;

test("its configurations are the tested files, and its tables what was measured", () => {
  expect(page).toBe(withGenerated(page, results));
});

test("it has the recommended configuration of every program, and a table of every section", () => {
  for (const { folder } of Object.values(PROGRAMS)) {
    expect(page).toContain(`<!-- generated: config ${folder}/recommended.`);
  }
  for (const { id } of SECTIONS) expect(page).toContain(`<!-- generated: table ${id} -->`);
});

test("what was measured is no worse than it may be", () => {
  const worse = results.sections.flatMap(({ rows }) =>
    rows.filter(({ problems }) => problems.length > 0),
  );
  expect(worse).toEqual([]);
  expect(results.sections.map(({ id }) => id)).toEqual(SECTIONS.map(({ id }) => id));
});

test("every configuration is started by a trial", () => {
  const files = Object.values(PROGRAMS).flatMap(({ folder }) => {
    return readdirSync(path.join(CONFIGS, folder)).map((file) => `${folder}/${file}`);
  });
  const sources = readdirSync(path.join(import.meta.dirname, "scenes"))
    .map((file) => readFileSync(path.join(import.meta.dirname, "scenes", file), "utf8"))
    .join("\n");
  const unused = files.filter((file) => {
    const name = path.basename(file);
    return !name.startsWith("frame.") && !sources.includes(`"${name}"`);
  });
  expect(unused).toEqual([]);
});

describe("templates", () => {
  test("a list is a line for each of its members", () => {
    const values = { names: ["a", "b"], ports: ["1", "2"], port: 80 };
    expect(render("listen {{port}}\n{{names}}:{{ports}} {{port}}\nend", values)).toBe(
      "listen 80\na:1 80\nb:2 80\nend",
    );
  });

  test("what has no value is named", () => {
    expect(() => render("{{port}}", {})).toThrow("needs a value for port");
  });
});

test("a table has its columns' widths", () => {
  const rows = [{ cells: ["longer than b", "c"], problems: [] }];
  expect(toTable({ id: "x", title: "x", columns: ["a", "b"], rows })).toBe(
    ["| a             | b   |", "| ------------- | --- |", "| longer than b | c   |"].join("\n"),
  );
});
