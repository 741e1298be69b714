// Does a result fit the tool's `outputSchema`? Only tools that have one pay for it, on their first result.
// https://modelcontextprotocol.io/specification/2025-11-25/server/tools#output-schema

import { compileSchema } from "../core/json-schema.ts";
import type { Validate } from "../core/json-schema.ts";
import type { CallToolResult, Tool } from "../spec/types.ts";

export class OutputChecker {
  readonly #validators: WeakMap<object, Promise<Validate | Error>> = new WeakMap();
  readonly #onUncompilable: (tool: string, cause: Error) => void;

  /** `onUncompilable` is called once for a schema that is none; its tool is not checked. */
  constructor(onUncompilable: (tool: string, cause: Error) => void) {
    this.#onUncompilable = onUncompilable;
  }

  /** What is wrong with the result, in one line; `undefined` if nothing is, or nothing is demanded. */
  async check(name: string, tool: Tool, result: CallToolResult): Promise<string | undefined> {
    // `null` is what some servers write for no schema.
    if (tool.outputSchema == null || result.isError === true) return undefined;
    const schema: unknown = tool.outputSchema;
    const key = typeof schema === "object" && schema !== null ? schema : tool;
    let compiling = this.#validators.get(key);
    if (compiling === undefined) {
      compiling = compileSchema(tool.outputSchema).catch((cause: Error) => {
        this.#onUncompilable(name, cause);
        return cause;
      });
      this.#validators.set(key, compiling);
    }
    const validate = await compiling;
    if (validate instanceof Error) return undefined;
    if (result.structuredContent === undefined) {
      return "the tool has an outputSchema, but its result no structuredContent";
    }
    return validate(result.structuredContent);
  }
}
