// This package against every behaviour, the page that is made of the results, and the judge.

import { describe, expect, test } from "vitest";
import { OURS, specOf } from "../fault/suite/clients.ts";
import { UsageError } from "../fault/suite/command-line.ts";
import { BEHAVIOURS, GROUPS } from "./catalogue.ts";
import { runCells } from "./cells.ts";
import type { Cell } from "./cells.ts";
import { CLIENTS } from "./clients.ts";
import { HELP, parseOptions } from "./options.ts";
import { judgeCall, judgeTime, says, worstOf } from "./outcome.ts";
import type { CallJudged } from "./outcome.ts";
import { QUIRKS } from "../../src/jsonrpc/quirk-table.ts";
import { currentRepairs, repairsTable } from "./repairs.ts";
import { currentPage, merge, pageOf, readResults } from "./results.ts";
import { toText } from "./text.ts";

/** Cells at a time: most of a cell is waiting. */
const PARALLEL = 3;
/** All of them are under way together: the last one waits for the others. */
const ALL_MS = 600_000;

describe("this package", () => {
  const done = new Map<string, (cell: Cell) => void>();
  const cells = new Map(
    BEHAVIOURS.map(({ id }) => [id, new Promise<Cell>((resolve) => done.set(id, resolve))]),
  );
  let running: Promise<Cell[]> | undefined;

  test.each(BEHAVIOURS.map((behaviour) => [behaviour.id, behaviour.title, behaviour] as const))(
    "%s: the server %s",
    async (id) => {
      running ??= runCells(BEHAVIOURS, [specOf(OURS, process.execPath)], {
        parallel: PARALLEL,
        onCell: (one) => done.get(one.behaviour)?.(one),
      });
      const cell = await Promise.race([cells.get(id), running.then(() => undefined)]);
      expect([cell?.outcome, cell?.what].filter(Boolean).join(": ")).toBe("works");
    },
    ALL_MS,
  );
});

describe("the page", () => {
  test("is made of the results that are kept", () => {
    expect(currentPage()).toBe(pageOf(readResults()));
  });

  test("has every repair, as the pool itself describes it", () => {
    expect(currentRepairs()).toBe(repairsTable());
    const codes = currentRepairs().matchAll(/^\| `([a-z-]+)`/gm);
    expect([...codes].map(([, code]) => code)).toEqual(Object.keys(QUIRKS));
  });

  test("a repair has the version that it came with", () => {
    const repair = { server: "sends | and *", pool: "takes them" };
    const rows = repairsTable({ old: repair, young: { ...repair, since: "0.2.0" } }).split("\n");
    expect(rows.map((row) => row.split(/ +\| |\| /).at(-1))).toMatchObject({
      2: expect.stringContaining("0.1.0"),
      3: expect.stringContaining("0.2.0"),
    });
    expect(rows[2]).toContain(String.raw`sends \| and \*`);
  });

  test("has a result of every client for every behaviour, and no others", () => {
    const { clients, cells } = readResults();
    expect(clients.map(({ id }) => id)).toEqual(CLIENTS.map(({ id }) => id));
    expect(cells.map(({ behaviour, client }) => `${behaviour} ${client}`)).toEqual(
      BEHAVIOURS.flatMap(({ id }) => CLIENTS.map((client) => `${id} ${client.id}`)),
    );
  });

  test("has nothing of the machine that it was made on", () => {
    const page = pageOf(readResults());
    expect(page).not.toMatch(/127\.0\.0\.1:\d|localhost:\d|\/(?:home|root|tmp|work|Users)\//);
  });

  test("new cells take the place of old ones, and the rest is kept", () => {
    const old = readResults();
    const [first, second] = old.cells;
    if (first === undefined || second === undefined) throw new Error("there are no results");
    const cell: Cell = { ...first, outcome: "runs twice", what: "echo ran 2 times" };
    const gone: Cell = { behaviour: "gone", client: first.client, outcome: "works" };
    const merged = merge(old, { ...old, clients: [], cells: [cell, gone] });
    expect(merged.cells.slice(0, 2)).toEqual([cell, second]);
    expect(merged.cells).toHaveLength(old.cells.length);
    expect(pageOf(merged)).toContain("**runs twice**");
  });
});

describe("the catalogue", () => {
  test("each id is there once, each title is the end of a sentence", () => {
    const ids = BEHAVIOURS.map(({ id }) => id);
    expect(ids).toEqual([...new Set(ids)]);
    expect(ids.filter((id) => !/^[a-z\d]+(?:-[a-z\d]+)*$/.test(id))).toEqual([]);
    const titles = BEHAVIOURS.map(({ title }) => title);
    expect(titles).toEqual([...new Set(titles)]);
    expect(titles.filter((title) => /^[A-Z]|\.$/.test(title))).toEqual([]);
  });

  test("each source is a report", () => {
    const sources = BEHAVIOURS.map(({ source }) => source).filter((one) => one !== undefined);
    const report = /^https:\/\/github\.com\/[\w.-]+\/[\w.-]+\/(?:issues|pull)\/\d+$/;
    expect(sources.filter((source) => !report.test(source))).toEqual([]);
  });
});

describe("the judge", () => {
  const call: CallJudged = {
    tool: "echo",
    settled: { status: "ok", value: { text: "key-1", isError: false }, ms: 10 },
    ran: 1,
    text: "key-1",
    lateMs: 100,
    expects: "result",
  };
  const error = (isTimeout: boolean): CallJudged["settled"] => {
    const said = { name: "Error", message: "no", says: "nothing", isTimeout } as const;
    return { status: "error", error: said, ms: 10 };
  };
  const given = (text: string, isError = false): CallJudged["settled"] => {
    return { status: "ok", value: { text, isError }, ms: 10 };
  };

  const judged: [string, Partial<CallJudged>, string | undefined][] = [
    ["the result, once", {}, undefined],
    ["the result, late", { settled: { ...call.settled, ms: 100 } }, "works late"],
    ["two executions", { ran: 2 }, "runs twice"],
    ["two executions, whatever is expected", { ran: 2, expects: "any" }, "runs twice"],
    ["no execution", { ran: 0 }, "fails"],
    ["another result", { settled: given("key-2") }, "fails"],
    ["an error as the result", { settled: given("key-1", true) }, "fails"],
    ["an error", { settled: error(false) }, "fails"],
    ["an error that is in order", { settled: error(false), expects: "any" }, undefined],
    ["an error that there must be", { settled: error(false), expects: "error" }, undefined],
    ["an error by the time limit only", { settled: error(true), expects: "error" }, "fails"],
    ["a result that cannot be", { expects: "error" }, "fails"],
    ["nothing", { settled: { status: "hung", ms: 10 }, expects: "any" }, "fails"],
    ["a dead process", { settled: { status: "died", why: "exit 1", ms: 1 } }, "fails"],
  ];

  test.each(judged)("%s", (_title, change, outcome) => {
    expect(judgeCall({ ...call, ...change })?.outcome).toBe(outcome);
  });

  test("the worst finding is the outcome", () => {
    const late = { outcome: "works late", what: "a" } as const;
    const twice = { outcome: "runs twice", what: "b" } as const;
    const fails = { outcome: "fails", what: "c" } as const;
    expect(worstOf([late, twice, fails])).toBe(twice);
    expect(worstOf([])).toBeUndefined();
    expect(judgeTime("connect", { ...call.settled, ms: 3_400 }, 100)?.what).toBe(
      "connect took 3 s",
    );
  });

  test("errors have nothing of the machine or the run", () => {
    const message = `"s" at http://127.0.0.1:4711/mcp: session 01234567-89ab-cdef-0123-456789abcdef; /usr/local/bin/node`;
    const said = { name: "Error", message, says: "nothing", isTimeout: false } as const;
    expect(says({ status: "error", error: said, ms: 1 })).toBe(
      'Error: "s" at http://127.0.0.1:port/mcp: session <session>; <path>',
    );
  });
});

describe("the command line", () => {
  const refused: [string, RegExp][] = [
    ["--only nothing", /^--only nothing: there is none/],
    ["--client nobody", /^--client nobody: it is one of pool, sdk-v1, sdk-v2$/],
    ["--parallel 0", /^--parallel 0: it is a whole number from 1/],
    ["--nope", /^Unknown option '--nope'$/],
  ];
  test.each(refused)("%s is refused in one line", (argv, message) => {
    const parse = (): unknown => parseOptions(argv.split(" "));
    expect(parse).toThrow(UsageError);
    expect(parse).toThrow(message);
  });

  test("a kind is all of its behaviours; the help fits in 100 columns", () => {
    const [group] = GROUPS;
    const options = parseOptions(["--list", "--only", group?.kind ?? ""]);
    expect(options.kind === "list" ? options.behaviours : []).toEqual(group?.behaviours);
    expect(HELP.split("\n").filter((line) => line.length > 100)).toEqual([]);
  });

  test("the table has a line for each behaviour that was run", () => {
    const column = { id: "pool", short: "pool", name: "a", version: "1", node: "20" };
    const [first] = BEHAVIOURS;
    if (first === undefined) throw new Error("there are no behaviours");
    const cell: Cell = { behaviour: first.id, client: "pool", outcome: "fails", what: "no" };
    const text = toText([column], [cell], false);
    expect(text).toContain(`${first.id} × pool: fails: no`);
    expect(text).toMatch(/^fails +1$/m);
    expect(text.split("\n").filter((line) => line.length > 100)).toEqual([]);
  });
});
