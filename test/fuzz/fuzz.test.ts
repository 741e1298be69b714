import { expect, test } from "vitest";
import { helpText, parseOptions } from "./options.ts";
import { lineOf, summaryOf, tableOf } from "./report.ts";
import { runFamily } from "./run.ts";

test("each kind of fault that is planted is found, in its round, and the rounds go on after it", async () => {
  const result = await runFamily({
    name: "planted",
    module: new URL("planted/all.ts", import.meta.url),
    seed: 1,
    forMs: 12_000,
  });
  const found = result.problems.map(({ kind, round, detail }) => ({ kind, round, detail }));
  const at = (round: number) => found.filter((one) => one.round === round);
  expect(at(0)).toMatchObject([
    { kind: "crash", detail: expect.stringContaining("planted rejection") },
  ]);
  expect(at(1)).toMatchObject([
    { kind: "crash", detail: expect.stringContaining("planted throw") },
  ]);
  expect(at(2)).toMatchObject([{ kind: "stall" }]);
  expect(at(3)).toEqual([]);
  expect(at(4)).toMatchObject([{ kind: "hang" }]);
  expect(at(5)).toMatchObject([{ kind: "crash", detail: expect.stringContaining("(3)") }]);
  expect(at(6)).toMatchObject([
    { kind: "wrong answer", detail: expect.stringMatching(/^echo by \d+/) },
  ]);
  expect(at(6)[0]?.detail).not.toContain(` by ${process.pid} `);
  expect(found.filter(({ kind }) => kind === "growth")).toHaveLength(1);
  expect(result.rounds).toBeGreaterThan(16);
  expect(result.inputs).toBeGreaterThanOrEqual(result.rounds);
  expect(tableOf([result])).toContain("planted");
  expect(summaryOf([result])).toMatchObject({ passed: 0, failed: 1 });
}, 60_000);

test("one round is played again alone", async () => {
  const result = await runFamily({
    name: "planted",
    module: new URL("planted/all.ts", import.meta.url),
    seed: 1,
    forMs: 60_000,
    round: 2,
  });
  expect(result).toMatchObject({ rounds: 1, problems: [{ kind: "stall", round: 2 }] });
  const [problem] = result.problems;
  expect(problem && lineOf("planted", 1, problem)).toContain("--seed 1 --round 2");
});

test("options: defaults, and a clear word on each wrong one", () => {
  expect(parseOptions(["--seed", "7"])).toMatchObject({
    kind: "run",
    seed: 7,
    minutes: 1,
    jobs: 1,
  });
  expect(parseOptions(["--help"])).toEqual({ kind: "help" });
  expect(helpText()).toContain("--family");
  for (const [argv, message] of [
    [["--family", "x"], "--family x: the families are"],
    [["--minutes", "0"], "--minutes 0"],
    [["--seed", "-1"], "--seed -1"],
    [["--jobs", "0"], "--jobs 0"],
    [["--round", "1"], "--round needs --family"],
    [["--json", "/nowhere/at/all.json"], "cannot be written"],
  ] as const) {
    expect(() => parseOptions(argv)).toThrow(message);
  }
});
