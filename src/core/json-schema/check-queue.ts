// The checks that wait for the worker thread: one line per server, served in turn, each within its server's budget.

import type { CheckBudget } from "./budget.ts";
import { jsonTextOf } from "./json-text.ts";
import type { SchemaThread, ThreadAnswer } from "./schema-thread.ts";
import type { ReadSchema } from "./read-schema.ts";
import { unchecked } from "./verdict.ts";
import type { Unchecked } from "./verdict.ts";

/** A check whose turn comes later is not done, milliseconds: its result waits for it. */
const MAX_WAIT_MS = 5_000;

/** What any check may take, milliseconds. */
const CHECK_MS = 1_000;

/** Characters of a value that are read in a millisecond on a slow machine: so much is granted, and costs nothing. */
const VALUE_CHARS_PER_MS = 10_000;

/** Characters of a schema that are compiled in a millisecond on a slow machine. */
const SCHEMA_CHARS_PER_MS = 100;

/** A check that ends its thread costs all servers a new one: it is charged so many times. */
const LOST_FACTOR = 2;

/** A larger value is not checked: it would not find room in the thread. */
const MAX_VALUE_CHARS = 12_000_000;

export type ForWorker = Extract<ReadSchema, { kind: "worker" }>;

interface Waiting {
  readonly schema: ForWorker;
  readonly value: unknown;
  readonly since: number;
  readonly settle: (outcome: ThreadAnswer | Unchecked) => void;
}

export class CheckQueue {
  readonly #thread: Pick<SchemaThread, "run">;
  /** In the order of their turns; a line without a check is not kept. */
  readonly #lines: Map<CheckBudget, Waiting[]> = new Map();
  #isServing = false;

  constructor(thread: Pick<SchemaThread, "run">) {
    this.#thread = thread;
  }

  /** Never rejects. */
  check(schema: ForWorker, value: unknown, budget: CheckBudget): Promise<ThreadAnswer | Unchecked> {
    return new Promise((settle) => {
      const waiting = { schema, value, since: performance.now(), settle };
      const line = this.#lines.get(budget);
      if (line === undefined) this.#lines.set(budget, [waiting]);
      else line.push(waiting);
      if (!this.#isServing) void this.#serve();
    });
  }

  async #serve(): Promise<void> {
    this.#isServing = true;
    for (let next = this.#next(); next !== undefined; next = this.#next()) {
      const [budget, waiting] = next;
      waiting.settle(await this.#outcomeOf(waiting, budget));
    }
    this.#isServing = false;
  }

  #next(): [CheckBudget, Waiting] | undefined {
    for (const [budget, line] of this.#lines) {
      this.#lines.delete(budget);
      const waiting = line.shift();
      if (line.length > 0) this.#lines.set(budget, line);
      if (waiting !== undefined) return [budget, waiting];
    }
    return undefined;
  }

  async #outcomeOf(
    { schema, value, since }: Waiting,
    budget: CheckBudget,
  ): Promise<ThreadAnswer | Unchecked> {
    if (budget.isSpent) return unchecked("budget", SPENT);
    if (performance.now() - since > MAX_WAIT_MS) return unchecked("time", WAITED);
    try {
      // Not before its turn: a thousand large values in the line would be there twice.
      const text = await jsonTextOf(value, MAX_VALUE_CHARS);
      if (text === undefined) return unchecked("value", "the value is too large or too deep");
      const grantedMs = text.length / VALUE_CHARS_PER_MS;
      const limitMs = CHECK_MS + grantedMs + schema.text.length / SCHEMA_CHARS_PER_MS;
      const job = { schema: schema.text, dialect: schema.dialect, value: text };
      const answer = await this.#thread.run(job, limitMs);
      const spentMs = Math.max(0, (answer.tookMs ?? 0) - grantedMs);
      budget.spend(spentMs * (answer.kind === "late" || answer.kind === "lost" ? LOST_FACTOR : 1));
      return answer;
    } catch (error) {
      return unchecked("value", `the value is no JSON (${(error as Error).message})`);
    }
  }
}

const SPENT = "the checks of this server have taken too much time; later ones are done again";
const WAITED = `other checks took more than ${MAX_WAIT_MS} ms`;
