// Calls under load, and what became of each.

import { McpClientPool, McpError } from "mcp-client-pool";
import type { PoolOptions } from "mcp-client-pool";

/** What became of calls. */
export interface Outcomes {
  readonly ok: number;
  /** Errors that say "it cannot have run". */
  readonly unsent: number;
  /** Errors that say "it may have run". */
  readonly unknown: number;
  /** Each kind of error with its first message, and how often it came. */
  readonly errors: Readonly<Record<string, { readonly times: number; readonly message: string }>>;
}

export class Tally implements Outcomes {
  ok = 0;
  unsent = 0;
  unknown = 0;
  readonly errors: Record<string, { times: number; message: string }> = {};

  async of(call: Promise<unknown>): Promise<boolean> {
    try {
      await call;
      this.ok += 1;
      return true;
    } catch (error) {
      this.#failed(error);
      return false;
    }
  }

  #failed(error: unknown): void {
    const isOurs = error instanceof McpError;
    const kind = isOurs ? `${error.code} (sent: ${error.sent ?? "?"})` : (error as Error).name;
    if (isOurs && error.sent === "no") this.unsent += 1;
    else this.unknown += 1;
    const entry = (this.errors[kind] ??= { times: 0, message: (error as Error).message });
    entry.times += 1;
  }
}

/** A pool that closes at the end of its scene, with what it warns of. */
export interface Watched extends AsyncDisposable {
  readonly pool: McpClientPool;
  readonly warnings: readonly string[];
}

export function openPool(options: PoolOptions = {}): Watched {
  const pool = new McpClientPool(options);
  const warnings: string[] = [];
  pool.on("warning", ({ message }) => void warnings.push(message));
  return { pool, warnings, [Symbol.asyncDispose]: () => pool.closeAll({ drainMs: 0 }) };
}

/** `count` calls, `width` of them in flight. */
export async function runCalls(
  count: number,
  width: number,
  call: (key: string) => Promise<unknown>,
): Promise<Outcomes> {
  const tally = new Tally();
  let next = 0;
  const work = async (): Promise<void> => {
    while (next < count) {
      const key = `call ${next}`;
      next += 1;
      await tally.of(call(key));
    }
  };
  await Promise.all(Array.from({ length: width }, work));
  return tally;
}
