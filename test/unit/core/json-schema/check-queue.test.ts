import { describe, expect, test, vi } from "vitest";
import { CAPACITY_MS, CheckBudget, REFILL } from "../../../../src/core/json-schema/budget.ts";
import { CheckQueue } from "../../../../src/core/json-schema/check-queue.ts";
import { SchemaCheck } from "../../../../src/core/json-schema/schema-check.ts";
import type { CheckJob, ThreadAnswer } from "../../../../src/core/json-schema/schema-thread.ts";
import { settled } from "../../../support/manual-clock.ts";

const FITS: ThreadAnswer = { kind: "fits", text: "" };
const LATE: ThreadAnswer = { kind: "late", text: "it took longer than 1000 ms" };

/** A thread that answers when the test says so. */
function heldThread(): {
  run: (job: CheckJob, limitMs: number) => Promise<ThreadAnswer>;
  jobs: string[];
  answer: (answer: ThreadAnswer) => Promise<void>;
} {
  const jobs: string[] = [];
  let settle: ((answer: ThreadAnswer) => void) | undefined;
  return {
    jobs,
    run(job) {
      expect(settle).toBeUndefined();
      jobs.push(job.value);
      return new Promise((resolve) => (settle = resolve));
    },
    async answer(answer) {
      const given = settle;
      settle = undefined;
      given?.(answer);
      await settled();
    },
  };
}

const SCHEMA = { kind: "worker", text: "{}", dialect: "2020-12", because: "test" } as const;

describe("the queue", () => {
  test("serves the servers in turn, one check at a time", async () => {
    const thread = heldThread();
    const queue = new CheckQueue(thread);
    const [one, two] = [new CheckBudget(), new CheckBudget()];
    const asked = ["a", "b", "c"].map((value) => queue.check(SCHEMA, value, one));
    asked.push(queue.check(SCHEMA, "x", two));
    for (let round = 0; round < 4; round++) {
      await settled();
      await thread.answer(FITS);
    }
    expect(thread.jobs).toEqual(['"a"', '"b"', '"x"', '"c"']);
    expect(await Promise.all(asked)).toEqual([FITS, FITS, FITS, FITS]);
  });

  test("does no check of a server whose time is spent", async () => {
    const thread = heldThread();
    const budget = new CheckBudget(() => 0);
    budget.spend(CAPACITY_MS);
    const outcome = await new CheckQueue(thread).check(SCHEMA, 1, budget);
    expect(outcome).toMatchObject({ kind: "unchecked", cause: "budget" });
    expect(thread.jobs).toEqual([]);
  });

  test("does no check that has waited too long", async () => {
    const thread = heldThread();
    const queue = new CheckQueue(thread);
    const now = vi.spyOn(performance, "now").mockReturnValue(0);
    const [one, two] = [new CheckBudget(), new CheckBudget()];
    const first = queue.check(SCHEMA, 1, one);
    const second = queue.check(SCHEMA, 2, two);
    await settled();
    now.mockReturnValue(60_000);
    await thread.answer(FITS);
    expect(await first).toEqual(FITS);
    expect(await second).toMatchObject({ kind: "unchecked", cause: "time" });
  });

  test("gives the thread no value that is too large", async () => {
    const thread = heldThread();
    const value = Array.from({ length: 100 }, () => "x".repeat(200_000));
    const outcome = await new CheckQueue(thread).check(SCHEMA, value, new CheckBudget());
    expect(outcome).toMatchObject({ kind: "unchecked", cause: "value" });
    expect(thread.jobs).toEqual([]);
  });
});

test("a budget refills, and not beyond its capacity", () => {
  let now = 0;
  const budget = new CheckBudget(() => now);
  expect(budget.isSpent).toBe(false);
  budget.spend(CAPACITY_MS + 100);
  expect(budget.isSpent).toBe(true);
  now += 100 / REFILL - 1;
  expect(budget.isSpent).toBe(true);
  now += 10;
  expect(budget.isSpent).toBe(false);
  now += 1e9;
  budget.spend(CAPACITY_MS - 1);
  expect(budget.isSpent).toBe(false);
  budget.spend(1);
  expect(budget.isSpent).toBe(true);
});

test("a schema whose checks were not finished three times is given up, and nothing else is", async () => {
  const check = vi.fn(() => Promise.resolve(LATE));
  const schema = new SchemaCheck({ pattern: "x" }, { check });
  const budget = new CheckBudget();
  for (let round = 0; round < 6; round++) {
    expect(await schema.check("a", budget)).toMatchObject({ kind: "unchecked", cause: "time" });
  }
  expect(check).toHaveBeenCalledTimes(3);
  expect(await new SchemaCheck({ pattern: "x" }, { check }).check("a", budget)).toBeDefined();
  expect(check).toHaveBeenCalledTimes(4);
});

test.each<[ThreadAnswer["kind"], string]>([
  ["unusable", "schema"],
  ["too-deep", "value"],
  ["lost", "time"],
  ["no-thread", "worker"],
])("the thread's answer %s is the cause %s", async (kind, cause) => {
  const check = (): Promise<ThreadAnswer> => Promise.resolve({ kind, text: "why" });
  const verdict = await new SchemaCheck({ pattern: "x" }, { check }).check("a", new CheckBudget());
  expect(verdict).toMatchObject({
    kind: "unchecked",
    cause,
    reason: expect.stringContaining("why"),
  });
});

test("a plain check that is too long goes to the thread, and after three of them at once", async () => {
  const check = vi.fn(() => Promise.resolve(FITS));
  const items = { anyOf: Array.from({ length: 100 }, (_, index) => ({ const: index })) };
  const schema = new SchemaCheck({ items }, { check });
  const long = Array.from({ length: 10_000 }, () => 99);
  for (let round = 1; round <= 5; round++) {
    expect(await schema.check(long, new CheckBudget())).toEqual({ kind: "fits" });
    expect(check).toHaveBeenCalledTimes(round);
  }
});
