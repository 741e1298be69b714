// The suite of `npm run faults`: what this package makes of each fault, and that the judge knows a bad client.

import path from "node:path";
import { describe, expect, test } from "vitest";
import { FAULTS } from "./suite/catalogue.ts";
import { problemsOf, runCell, runCells } from "./suite/cells.ts";
import type { Cell } from "./suite/cells.ts";
import { OURS, specOf } from "./suite/clients.ts";
import type { Fault } from "./suite/fault.ts";
import { toMarkdown, toText } from "./suite/table.ts";
import { judgeCall } from "./suite/verdict.ts";

/** Cells at a time: most of a cell is waiting. */
const PARALLEL = 3;

describe("this package", () => {
  const done = new Map<string, (cell: Cell) => void>();
  const cells = new Map(
    FAULTS.map(({ id }) => [id, new Promise<Cell>((resolve) => done.set(id, resolve))]),
  );
  let running: Promise<Cell[]> | undefined;

  test.each(FAULTS.map((fault) => [`fault ${fault.id}: ${fault.title}`, fault] as const))(
    "%s",
    async (_title, fault) => {
      running ??= runCells(FAULTS, [{ spec: specOf(OURS, process.execPath), cannot: [] }], {
        parallel: PARALLEL,
        onCell: (one) => done.get(one.fault)?.(one),
      });
      const cell = await Promise.race([cells.get(fault.id), running.then(() => undefined)]);
      expect(cell).toBeDefined();
      if (cell === undefined) return;
      expect(problemsOf(cell, fault)).toEqual([]);
      expect(cell.outcome).toBe(cell.outcome === "recovered" ? "recovered" : fault.permits);
    },
  );
});

describe("the judge", () => {
  const adapter = path.join(import.meta.dirname, "suite/fakes/fake.mjs");
  const find = (id: string): Fault => {
    const fault = FAULTS.find((one) => one.id === id);
    if (fault === undefined) throw new Error(`there is no fault ${id}`);
    return fault;
  };

  const fakes: [string, string, string, RegExp][] = [
    ["honest", "6", "error", /may have run once/],
    ["doubles", "6", "doubled", /ran 2 times/],
    ["loses", "6", "lost", /does not say that it may have/],
    ["lies", "6", "lost", /says that it did not run, and it did/],
    ["invents", "6", "lost", /gave what is no answer: all went well/],
    ["dies", "6", "lost", /process died.*exit code 3/],
    ["honest", "9", "error", /Timeout/],
    ["ignores its limit", "9", "hung", /did not settle/],
    ["never closes", "13", "hung", /close did not settle/],
    ["holds a request", "9", "leaked", /1 requests are open after close/],
    ["holds the process", "9", "leaked", /does not end by itself/],
    ["honest", "41a", "leaked", /1 processes are alive/],
    ["leaves its child", "41b", "leaked", /processes are alive/],
    ["honest", "58b", "lost", /the tool two is not listed/],
    ["honest", "15a", "error", /Session not found/],
    ["honest", "56a", "error", /providers refuse/],
  ];

  test.concurrent.each(fakes)(
    "a client that is %j, fault %s: %s",
    async (wrong, id, outcome, what) => {
      const env = { FAKE_CLIENT: wrong };
      const fault = find(id);
      const cell = await runCell(fault, { id: "fake", adapter, node: process.execPath, env });
      expect(cell.outcome).toBe(outcome);
      expect(cell.findings.find((one) => one.outcome === outcome)?.what).toMatch(what);
      if (outcome !== "error") expect(problemsOf(cell, fault)).not.toEqual([]);
    },
  );

  test("what a client cannot do is not held against it", async () => {
    const spec = { id: "fake", adapter, node: process.execPath };
    const cell = await runCell(find("6"), spec, ["http"]);
    expect(cell).toMatchObject({ outcome: undefined, findings: [] });
  });

  test("an error of ours that does not say whether the call ran is a problem", () => {
    const findings = [{ outcome: "error", what: "no", says: "nothing" }] as const;
    const cell: Cell = { fault: "6", client: "pool", outcome: "error", findings, seconds: 1 };
    expect(problemsOf(cell, find("6"))).toEqual(["does not say whether it ran: no"]);
  });

  test("memory beyond the fault's bound is a problem", () => {
    const cell: Cell = {
      fault: "22",
      client: "pool",
      outcome: "recovered",
      findings: [],
      memoryMb: 257,
      seconds: 1,
    };
    expect(problemsOf(cell, find("22"))).toEqual(["took 257 MB of memory, more than 256"]);
  });

  test("a result without an execution is none", () => {
    const settled = { status: "ok", value: { text: "done", isError: false }, ms: 1 } as const;
    expect(judgeCall("work", settled, { ran: 0, text: "done" })).toMatchObject({ outcome: "lost" });
    expect(judgeCall("work", settled, { ran: 1, text: "done" })).toBeUndefined();
  });
});

test("the table has a word for each cell, and a sum of each outcome", () => {
  const [first, second] = FAULTS;
  if (first === undefined || second === undefined) throw new Error("there are no faults");
  const byTimeout = { outcome: "error", what: "late", says: "nothing", byTimeout: true } as const;
  const columns = [{ id: "x", name: "Client X", version: "1", node: "20", cannot: [] }];
  const cells: Cell[] = [
    { fault: first.id, client: "x", outcome: "error", findings: [byTimeout], seconds: 1 },
    { fault: second.id, client: "x", outcome: "doubled", findings: [], seconds: 1 },
  ];
  const results = { faults: [first, second], columns, cells };
  expect(toText(results, false)).toMatch(/Client X\n.*error¹\n.*doubled\n/);
  expect(toText(results, true)).toContain("\u001B[31m");
  expect(toMarkdown(results)).toMatch(/\| error¹ .*\n.*\| \*\*doubled\*\* /);
  expect(toMarkdown(results)).toMatch(/\| +\| doubled +\| +\| 1 +\|$/);
});
