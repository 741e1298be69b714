// docs/PERFORMANCE.md is what the results say, and stays it.

import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { differences, generate, write } from "../../bench/report/files.ts";
import { readResults } from "../../bench/report/results.ts";
import { NODE_24 } from "../../bench/options.ts";
import { judge, summarise } from "../../bench/study.ts";
import type { Metric, Sample, Target, Written } from "../../bench/study.ts";
import { root, run } from "./run.ts";

const report = (...args: string[]) => run("tsx", ["bench/report/report.ts", ...args]);

test("its generated parts and its charts are what npm run bench:report makes of bench/results", async () => {
  const { code, output } = await report("--check");
  expect(code, output).toBe(0);
});

const METRICS: readonly Metric[] = [
  { name: "time", unit: "ms", better: "less", digits: 1 },
  { name: "rate", unit: "", better: "more", digits: 0 },
];
const SAMPLES: readonly [string, readonly Sample[]][] = [
  ["floor", [10, 10.2, 9.8]],
  ["pool", [11, 11.5, 10.9]],
  ["sdk-v2", [210, 200, 190]],
].map(([name, times]) => [
  name as string,
  (times as number[]).map((time) => ({ time, rate: 1e6 / time })),
]);
const TARGETS: readonly Target[] = [
  { point: "p", of: "pool", against: "floor", metric: "time", limit: "at most", value: 1.2 },
  { point: "p", of: "pool", metric: "time", limit: "at most", value: 10.9 },
];

function result(study: string): Written {
  const rows = summarise("p", new Map(SAMPLES));
  const machine = { node: "20.19.0", v8: "11.3", cpu: "a CPU", cores: 2 };
  return {
    study,
    title: `About ${study}`,
    method: `How ${study} is done.`,
    at: "2026-01-02T03:04:05.678Z",
    quick: false,
    machine,
    findings: { metrics: METRICS, rows, verdicts: judge(TARGETS, rows), notes: ["A note."] },
  };
}

describe("with results of its own", () => {
  let folder: string;
  let results: string;
  let docs: string;
  let page: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "mcp-client-pool-report-"));
    [results, docs] = [join(folder, "results"), join(folder, "docs")];
    page = join(docs, "PERFORMANCE.md");
    mkdirSync(docs);
    mkdirSync(join(results, "scratch"), { recursive: true });
    copyFileSync(join(root, "docs/PERFORMANCE.md"), page);
    put("one", result("one"));
    writeFileSync(join(results, "scratch/broken.json"), "{");
  });

  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const put = (name: string, content: unknown): void =>
    writeFileSync(join(results, `${name}.json`), JSON.stringify(content));
  const edit = (file: string, from: string, to: string): void => {
    const text = readFileSync(file, "utf8");
    expect(text).toContain(from);
    writeFileSync(file, text.replace(from, to));
  };
  const stale = async (): Promise<string[]> =>
    differences(await generate(readResults(results), docs), docs);
  const update = async (): Promise<void> => {
    const files = await generate(readResults(results), docs);
    write(differences(files, docs), files, docs);
    expect(await stale()).toEqual([]);
  };

  test("a page has the verdicts, the machine, and for each study its method, charts, rows and notes", async () => {
    await update();
    const text = readFileSync(page, "utf8");
    for (const part of [
      "**1 of 2 targets are met.** Not met:",
      "- one, p: pool: time at most 10.9 ms was the target, it is 11.0 (10.9–11.5) ms.",
      "1.11 (1.10–1.13)",
      "All studies: a CPU, 2 cores, Node 20.19.0 (V8 11.3), on 2026-01-02.",
      "### About one\n\nHow one is done.",
      "](performance/one-time.svg)",
      "- A note.",
    ]) {
      expect(text).toContain(part);
    }
    const [, row = ""] = /^\| (sdk-v2 .*)$/m.exec(text) ?? [];
    expect(row.split("|").map((cell) => cell.trim())).toEqual([
      "sdk-v2",
      "200.0 (190.0–210.0)",
      "19.6 (19.4–21.0)",
      "5,000 (4,762–5,263)",
      "0.051 (0.048–0.052)",
      "",
    ]);
  });

  test("of the same studies on another Node it has what the targets came to", async () => {
    const slower = result("one");
    const [first, second] = slower.findings.verdicts;
    if (first === undefined || second === undefined) throw new Error("no verdicts");
    const other: Written = {
      ...slower,
      machine: { ...slower.machine, node: "24.1.0" },
      findings: {
        ...slower.findings,
        verdicts: [
          { ...first, isMet: false },
          { ...second, isMet: true },
        ],
      },
    };
    mkdirSync(join(results, NODE_24));
    writeFileSync(join(results, NODE_24, "one.json"), JSON.stringify(other));
    expect(await report("--results", results, "--docs", docs)).toMatchObject({ code: 0 });
    const text = readFileSync(page, "utf8");
    for (const part of [
      "**1 of 2 targets are met on Node 20, 1 of 2 on Node 24.** Not met:",
      "- Node 20, one, p: pool: time at most 10.9 ms was the target, it is 11.0 (10.9–11.5) ms.",
      "- Node 24, one, p: pool: time at most 1.2 × floor was the target, it is 1.11 (1.10–1.13).",
      "All studies: a CPU, 2 cores, Node 20.19.0 (V8 11.3), on 2026-01-02.",
      "The column Node 24 above: a CPU, 2 cores, Node 24.1.0 (V8 11.3), on 2026-01-02.",
    ]) {
      expect(text).toContain(part);
    }
    const rows = text.split("\n").filter((line) => line.includes("pool: time at most"));
    const cells = rows.filter((line) => line.startsWith("|")).map((line) => line.split(/ *\| */));
    expect(cells.map((row) => row.slice(4, 6))).toEqual([
      ["1.11 (1.10–1.13)", "1.11 (1.10–1.13); **not met**"],
      ["11.0 (10.9–11.5) ms; **not met**", "11.0 (10.9–11.5) ms"],
    ]);
  });

  test("a folder with results of two Nodes is refused", async () => {
    const newer = result("two");
    put("two", { ...newer, machine: { ...newer.machine, node: "24.1.0" } });
    await expect(update()).rejects.toThrow("results of Node 20 and 24 in one folder");
  });

  test("a number that changes in the results is seen, by --check too", async () => {
    await update();
    const ofReport = ["--check", "--results", results, "--docs", docs];
    expect(await report(...ofReport)).toMatchObject({ code: 0 });
    edit(join(results, "one.json"), '"median":11,', '"median":11.1,');
    expect(await stale()).toEqual(["PERFORMANCE.md", join("performance", "one-time.svg")]);
    const { code, output } = await report(...ofReport);
    expect(code, output).toBe(1);
    expect(output).toContain("not as generated: PERFORMANCE.md");
  });

  test("a number that is edited in the page is seen; what people wrote around it is theirs", async () => {
    await update();
    edit(page, "# Performance\n", "# Performance\n\nWritten by hand.\n");
    expect(await stale()).toEqual([]);
    edit(page, "19.6 (19.4–21.0)", "99.6 (19.4–21.0)");
    expect(await stale()).toEqual(["PERFORMANCE.md"]);
    await update();
    expect(readFileSync(page, "utf8")).toContain("\n\nWritten by hand.\n");
  });

  test("a chart that is missing, changed, or of nothing any more is seen and put right", async () => {
    put("two", result("two"));
    await update();
    const chart = (name: string): string => join("performance", `${name}.svg`);
    rmSync(join(docs, chart("one-time")));
    edit(join(docs, chart("one-rate")), "more is better", "less is better");
    rmSync(join(results, "two.json"));
    const expected = ["one-time", "one-rate", "two-rate", "two-time"].map(chart);
    expect(await stale()).toEqual(["PERFORMANCE.md", ...expected]);
    await update();
    expect(existsSync(join(docs, chart("two-time")))).toBe(false);
  });

  test("a chart does not depend on those drawn before", async () => {
    const chart = join("performance", "one-rate.svg");
    const alone = await generate(readResults(results), docs);
    put("a-study", result("a-study"));
    const second = await generate(readResults(results), docs);
    expect(second.size).toBe(alone.size + 2);
    expect(alone.get(chart)).toMatch(/^<svg /);
    expect(second.get(chart)).toBe(alone.get(chart));
  });

  test.each([
    ["no results", () => rmSync(join(results, "one.json")), /no results in .*npm run bench first/],
    ["no folder", () => rmSync(results, { recursive: true }), /no folder .*npm run bench first/],
    ["no JSON", () => writeFileSync(join(results, "x.json"), "{"), /x\.json: .*JSON/],
    ["another's name", () => put("x", result("y")), /x\.json: holds the findings of y/],
    [
      // As JSON writes NaN.
      "a number that is none",
      () => edit(join(results, "one.json"), '"median":11,', '"median":null,'),
      /one\.json: findings\.rows\.\d\.values\.time\.median: .*Expected number/,
    ],
  ])("%s is an error that says where", (_, spoil, message) => {
    spoil();
    expect(() => readResults(results)).toThrow(message);
  });

  test("a part without its markers is an error, and takes nothing of what follows", async () => {
    edit(page, "<!-- end of the generated part -->", "");
    await expect(stale()).rejects.toThrow('no "<!-- summary, generated by');
  });
});
