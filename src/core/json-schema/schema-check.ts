// A server's schema, ready to check values. A server gives both the schema and the value: a check takes little of the
// event loop, ends, leaves nothing behind, and never throws.

import { excerpt } from "../redact.ts";
import type { CheckBudget } from "./budget.ts";
import { CheckQueue } from "./check-queue.ts";
import { loadFormats, NO_FORMATS } from "./formats.ts";
import { checkPlain } from "./plain-check.ts";
import { forWorker, readSchema } from "./read-schema.ts";
import type { ReadSchema } from "./read-schema.ts";
import { SchemaThread } from "./schema-thread.ts";
import type { ThreadAnswer } from "./schema-thread.ts";
import { FITS, unchecked } from "./verdict.ts";
import type { Unchecked, Verdict } from "./verdict.ts";

/** What a check may take on the event loop: about a millisecond. Beyond it the worker thread checks. */
const INLINE_STEPS = 50_000;

/** A schema whose checks were too long here so often goes to the worker thread at once. */
const MAX_HEAVY = 3;

/** A schema whose checks were not finished so often is given up. */
const MAX_UNFINISHED = 3;

/** Of a reason or a problem. */
const MAX_CHARS = 500;

/** One thread for all pools of the program: it is seldom needed, and each costs 10 MB. */
const sharedQueue = new CheckQueue(new SchemaThread());

export class SchemaCheck {
  readonly #schema: unknown;
  readonly #queue: Pick<CheckQueue, "check">;
  #read: ReadSchema;
  #heavyCount = 0;
  #unfinishedCount = 0;
  #givenUp: Unchecked | undefined;

  constructor(schema: unknown, queue: Pick<CheckQueue, "check"> = sharedQueue) {
    this.#schema = schema;
    this.#queue = queue;
    this.#read = readable(schema);
    if (this.#read.kind === "unusable") this.#givenUp = unchecked("schema", this.#read.reason);
  }

  /** Why no value is checked any more; `undefined` as long as the schema has not been found unusable. */
  get givenUp(): Unchecked | undefined {
    return this.#givenUp;
  }

  /** Never rejects. `budget`: that of the server the schema came from. */
  async check(value: unknown, budget: CheckBudget): Promise<Verdict> {
    if (this.#givenUp !== undefined) return this.#givenUp;
    try {
      return (await this.#checkHere(value)) ?? (await this.#checkInThread(value, budget));
    } catch (error) {
      return this.#giveUp("schema", (error as Error).message);
    }
  }

  async #checkHere(value: unknown): Promise<Verdict | undefined> {
    const read = this.#read;
    if (read.kind !== "plain" || this.#heavyCount >= MAX_HEAVY) return undefined;
    const formats = read.hasFormats ? await loadFormats() : NO_FORMATS;
    const verdict = checkPlain(read.schema, value, formats, INLINE_STEPS);
    if (verdict === undefined) this.#heavyCount++;
    return verdict;
  }

  async #checkInThread(value: unknown, budget: CheckBudget): Promise<Verdict> {
    const read = this.#forThread();
    if (read.kind === "unusable") return this.#giveUp("schema", read.reason);
    const outcome = await this.#queue.check(read, value, budget);
    return outcome.kind === "unchecked" ? outcome : this.#verdictOf(outcome);
  }

  /** Remembered once the schema is known to need the thread, so that its text is made once. */
  #forThread(): Exclude<ReadSchema, { kind: "plain" }> {
    const read = this.#read;
    if (read.kind !== "plain") return read;
    const text = forWorker(this.#schema, read.dialect, "its size");
    if (this.#heavyCount >= MAX_HEAVY) this.#read = text;
    return text;
  }

  #verdictOf({ kind, text }: ThreadAnswer): Verdict {
    switch (kind) {
      case "fits":
        return FITS;
      case "misfit":
        return { kind, problem: excerpt(text, MAX_CHARS) };
      case "too-deep":
        return unchecked("value", excerpt(`schema or value is too deep: ${text}`, MAX_CHARS));
      case "late":
      case "lost":
        if (++this.#unfinishedCount < MAX_UNFINISHED) {
          return unchecked("time", excerpt(`the check was not finished: ${text}`, MAX_CHARS));
        }
        return this.#giveUp(
          "time",
          `${MAX_UNFINISHED} checks were not finished; the last: ${text}`,
        );
      case "no-thread":
        return unchecked("worker", excerpt(text, MAX_CHARS));
      default:
        return this.#giveUp("schema", text);
    }
  }

  #giveUp(cause: Unchecked["cause"], text: string): Unchecked {
    return (this.#givenUp = unchecked(cause, excerpt(text, MAX_CHARS)));
  }
}

function readable(schema: unknown): ReadSchema {
  try {
    return readSchema(schema);
  } catch (error) {
    return { kind: "unusable", reason: excerpt((error as Error).message, MAX_CHARS) };
  }
}
