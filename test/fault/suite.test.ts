// The suite of `npm run faults`: what this package makes of each fault, and that the judge knows a bad client.

import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { isProcessAlive } from "../support/processes.ts";
import { FAULTS } from "./suite/catalogue.ts";
import { introduce, problemsOf, runCell, runCells } from "./suite/cells.ts";
import type { Cell } from "./suite/cells.ts";
import { AdapterError } from "./suite/client-process.ts";
import { OURS, clientsAt, specOf } from "./suite/clients.ts";
import { UsageError } from "./suite/command-line.ts";
import type { Fault } from "./suite/fault.ts";
import { fold, inOrder } from "./suite/findings.ts";
import { HELP, parseOptions } from "./suite/options.ts";
import type { StdioServer } from "./suite/servers.ts";
import { notesOf, toMarkdown, toText } from "./suite/table.ts";
import type { Column } from "./suite/table.ts";
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

describe("the table", () => {
  const [first, second] = FAULTS;
  if (first === undefined || second === undefined) throw new Error("there are no faults");
  const byTimeout = { outcome: "error", what: "late", says: "nothing", byTimeout: true } as const;
  const column = (short: string): Column => {
    const name = `A client with a long name, ${short}`;
    return { id: short, short, name, version: "1.2.3", node: "20.20.2", cannot: [] };
  };
  const cells: Cell[] = [
    { fault: first.id, client: "x", outcome: "error", findings: [byTimeout], seconds: 1 },
    { fault: second.id, client: "x", outcome: "doubled", findings: [], seconds: 1 },
  ];
  const results = { faults: [first, second], columns: [column("x")], cells };

  test("has a word for each cell, and a sum of each outcome", () => {
    expect(toText(results, false)).toMatch(/ x\n.*error¹\n.*doubled\n/);
    expect(toText(results, true)).toContain("\u001B[31m");
    expect(toMarkdown(results)).toMatch(/\| error¹ .*\n.*\| \*\*doubled\*\* /);
    expect(toMarkdown(results)).toMatch(/\| +\| doubled +\| +\| 1 +\|$/);
  });

  test("explains the signs that it has, and no others", () => {
    expect(notesOf(results)).toEqual(["¹ it ended by its time limit and not before"]);
    expect(notesOf({ ...results, cells: cells.slice(1) })).toEqual([
      "– the client has nothing of the kind",
    ]);
  });

  test.each([1, 2, 4, 6, 8])("has 100 columns at most, with %i clients", (count) => {
    const columns = Array.from({ length: count }, (_, at) => column(`client ${at}`));
    const all = FAULTS.flatMap(({ id: fault }) =>
      columns.map(({ id: client }): Cell => {
        return { fault, client, outcome: "recovered", findings: [], seconds: 1 };
      }),
    );
    const text = toText({ faults: FAULTS, columns, cells: all }, false);
    expect(text.split("\n").filter((line) => line.length > 100)).toEqual([]);
    for (const { name } of columns) expect(text).toContain(name);
    expect(text.match(/recovered/g)?.length).toBeGreaterThanOrEqual(all.length);
  });

  test("equal findings are one line, in the order of the plan", () => {
    expect(fold(["a", "b", "a"])).toEqual(["    ×2 a", "    b"]);
    const seen: string[] = [];
    const print = inOrder((text: string) => seen.push(text));
    print("second", 1);
    expect(seen).toEqual([]);
    print("first", 0);
    expect(seen).toEqual(["first", "second"]);
  });
});

describe("the command line", () => {
  const refused: [string, RegExp][] = [
    ["--parallel 0", /^--parallel 0: it is a whole number from 1/],
    ["--parallel x", /^--parallel x: /],
    ["--parallel -1", /^--parallel -1: /],
    ["--fault ,", /^--fault needs a value$/],
    ["--only ,", /^--only needs a value$/],
    ["--only nobody", /^--only nobody: it is one of pool, /],
    ["--list --fault 999", /^--fault 999: there is none/],
    ["--client nowhere.mjs", /^--client nowhere\.mjs: there is no such file$/],
    ["--client", /^--client needs a value$/],
    ["--json --verbose", /^--json needs a value$/],
    ["--nope", /^Unknown option '--nope'$/],
    ["more words", /^Unexpected argument 'more'/],
    [`--json ${path.join(import.meta.dirname, "nowhere", "x")}`, /cannot be written \(ENOENT/],
  ];
  test.each(refused)("%s is refused in one line", (given, message) => {
    const parse = (): unknown => parseOptions(given.split(" "));
    expect(parse).toThrow(UsageError);
    expect(parse).toThrow(message);
    expect(parse).not.toThrow("\n");
  });

  test("what is refused ends with exit code 2, and no stack", () => {
    const run = path.join(import.meta.dirname, "suite/run.ts");
    const args = ["--import", "tsx", run, "--only", "pool", "--parallel", "0"];
    const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: "utf8" });
    expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
    expect(stderr).toMatch(/^--parallel 0: [^\n]* \(see --help\)\n$/);
  });

  test("39 is 39a and 39b, of the list too; the help fits in 100 columns", () => {
    const options = parseOptions(["--list", "--fault", "39"]);
    const faults = options.kind === "list" ? options.faults.map(({ id }) => id) : [];
    expect(faults).toEqual(["39a", "39b"]);
    expect(HELP.split("\n").filter((line) => line.length > 100)).toEqual([]);
  });
});

describe("adapters", () => {
  const folder = mkdtempSync(path.join(tmpdir(), "adapters-"));
  afterAll(() => rmSync(folder, { recursive: true }));
  const write = (name: string, text: string): string => {
    const file = path.join(folder, name);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, text);
    return file;
  };

  test("each file is a client once, and no two have one id", () => {
    const files = ["a/my.mjs", "b/my.mjs", "pool.mjs", "other.mjs"].map((name) => write(name, ""));
    const again = path.join(folder, "b", "..", "a", "my.mjs");
    const ids = clientsAt([...files, again, OURS.adapter]).map(({ id }) => id);
    expect(ids).toEqual(["a/my.mjs", "b/my.mjs", "pool.mjs", "other", "pool"]);
  });

  const good = 'export const name = "x"; export const version = "1";';
  const wrong: [string, string, RegExp][] = [
    ["none.mjs", good, /none\.mjs does not export createClient \(needed are name, version, create/],
    ["syntax.mjs", `${good}\nconst y = ;`, /syntax\.mjs cannot be loaded: SyntaxError.*:2\)$/],
    ["import.mjs", 'import "nowhere-x";', /import\.mjs cannot be loaded: .*'nowhere-x'/],
    ["ends.mjs", "process.exit(3);", /ends\.mjs did not start: exit code 3/],
    [
      "half.mjs",
      `${good} export const createClient = () => ({ connect() {} });`,
      /half\.mjs has a createClient\(\) whose client has no listTools, callTool, close$/,
    ],
    [
      "cannot.mjs",
      `${good} export const cannot = ["fly"]; export const createClient = () => ({
        connect() {}, listTools() {}, callTool() {}, close() {} });`,
      /cannot\.mjs "cannot" has fly: it is of http, /,
    ],
  ];
  test.concurrent.each(wrong)(
    "what is wrong with %s is said of it",
    async (name, text, message) => {
      const adapter = write(name, text);
      const introduced = introduce({ id: "x", adapter, node: process.execPath });
      await expect(introduced).rejects.toThrow(AdapterError);
      await expect(introduced).rejects.toThrow(message);
    },
  );
});

test("a run that is aborted leaves no process and no folder", async () => {
  const ending = new AbortController();
  let server: StdioServer | undefined;
  const stuck: Fault = {
    id: "stuck",
    title: "a stubborn child, and no end",
    class: "U",
    needs: [],
    permits: "error",
    async run(scene) {
      server = scene.stdio({ ignoreEof: true, ignoreSigterm: true, spawnChild: "stubborn" });
      await scene.connected({ s: server });
      pids.push(...server.ledger.pids);
      ending.abort(new Error("told to end"));
      await new Promise(() => {});
    },
  };
  const pids: number[] = [];
  const clients = [{ spec: specOf(OURS, process.execPath), cannot: [] }];
  const run = runCells([stuck, stuck], clients, { parallel: 1, signal: ending.signal });
  await expect(run).rejects.toThrow("told to end");
  expect(pids).toHaveLength(2);
  expect(pids.filter(isProcessAlive)).toEqual([]);
  expect(existsSync(path.dirname(server?.ledger.file ?? ""))).toBe(false);
});
