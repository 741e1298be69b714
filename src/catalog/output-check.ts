// Does a result fit the tool's `outputSchema`? Only tools that have one pay for it, on their first result.
// https://modelcontextprotocol.io/specification/2025-11-25/server/tools#output-schema

import { CheckBudget } from "../core/json-schema/budget.ts";
import { SchemaCheck } from "../core/json-schema/schema-check.ts";
import { FITS } from "../core/json-schema/verdict.ts";
import type { Unchecked, Verdict } from "../core/json-schema/verdict.ts";
import type { CallToolResult, Tool } from "../spec/types.ts";

interface Known {
  readonly schema: SchemaCheck;
  /** Causes for which a result was not checked, each told of once. */
  readonly told: Set<Unchecked["cause"]>;
}

export class OutputChecker {
  readonly #known: WeakMap<object, Known> = new WeakMap();
  readonly #budgets: WeakMap<object, CheckBudget> = new WeakMap();
  readonly #onUnchecked: (tool: string, outcome: Unchecked) => void;

  /** `onUnchecked` is called once per schema and cause; the outcome says so each time. */
  constructor(onUnchecked: (tool: string, outcome: Unchecked) => void) {
    this.#onUnchecked = onUnchecked;
  }

  /** `server`: the object whose checking time this is. Never rejects. */
  async check(server: object, name: string, tool: Tool, result: CallToolResult): Promise<Verdict> {
    // `null` is what some servers write for no schema.
    if (tool.outputSchema == null || result.isError === true) return FITS;
    const { schema, told } = this.#knownOf(tool);
    if (result.structuredContent === undefined) {
      // A schema that is none demands nothing; whether it is one, only a check tells.
      const outcome = await schema.check(null, this.#budgetOf(server));
      const isNone = outcome.kind === "unchecked" && outcome.cause === "schema";
      return isNone ? this.#told(name, told, outcome) : MISSING;
    }
    const verdict = await schema.check(result.structuredContent, this.#budgetOf(server));
    return verdict.kind === "unchecked" ? this.#told(name, told, verdict) : verdict;
  }

  #told(name: string, told: Set<Unchecked["cause"]>, outcome: Unchecked): Unchecked {
    if (!told.has(outcome.cause)) {
      told.add(outcome.cause);
      this.#onUnchecked(name, outcome);
    }
    return outcome;
  }

  #knownOf(tool: Tool): Known {
    const schema: unknown = tool.outputSchema;
    const key = typeof schema === "object" && schema !== null ? schema : tool;
    let known = this.#known.get(key);
    if (known === undefined) {
      this.#known.set(key, (known = { schema: new SchemaCheck(schema), told: new Set() }));
    }
    return known;
  }

  #budgetOf(server: object): CheckBudget {
    let budget = this.#budgets.get(server);
    if (budget === undefined) this.#budgets.set(server, (budget = new CheckBudget()));
    return budget;
  }
}

const MISSING: Verdict = {
  kind: "misfit",
  problem: "the tool has an outputSchema, but its result no structuredContent",
};
