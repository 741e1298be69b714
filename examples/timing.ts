// Timing: how long each request took, over waiting, reconnects and replays, and how it ended.
//
//   pool.use(timing(({ server, what, tookMs, outcome }) => histogram.record(tookMs, { server, what, outcome })));

import { McpError } from "mcp-client-pool";
import type { Interceptor } from "mcp-client-pool";

export interface Timed {
  readonly server: string;
  /** The tool's own name, or the method. */
  readonly what: string;
  readonly tookMs: number;
  /** `ok`, `tool-error`, `aborted`, or the code of the error. */
  readonly outcome: string;
}

export function timing(report: (timed: Timed) => void): Interceptor {
  return async (request, next) => {
    const { server, method, tool } = request;
    const startedAt = performance.now();
    let outcome = "aborted";
    try {
      const result = await next(request);
      outcome = result["isError"] === true ? "tool-error" : "ok";
      return result;
    } catch (error) {
      if (error instanceof McpError) outcome = error.code;
      throw error;
    } finally {
      const tookMs = performance.now() - startedAt;
      report({ server, what: tool?.name ?? method, tookMs, outcome });
    }
  };
}
