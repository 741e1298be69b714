// Approval: a person, or a policy, is asked before a tool runs that may change something.
//
//   pool.use(approval(async ({ server, tool }) => askTheUser(`May ${server} run ${tool.name}?`)));
//
// The time that the person takes is not part of the call's limits: these begin with `next`. An abort ends the waiting.

import type { Interceptor, PoolRequest, Tool } from "mcp-client-pool";

export interface Question {
  readonly server: string;
  readonly tool: Readonly<Tool>;
  readonly args: unknown;
}

/** `ask` says whether the call may be made; what it throws, the call rejects with. */
export function approval(ask: (question: Question) => boolean | Promise<boolean>): Interceptor {
  return async (request, next) => {
    const question = questionOf(request);
    if (question === undefined || (await ask(question))) return next(request);
    // A result, not an exception: the model reads it and can go on.
    return {
      isError: true,
      content: [{ type: "text", text: `The user did not allow ${question.tool.name}.` }],
    };
  };
}

/**
 * A server says of its tools which of them only read. That is believed here, to spare the person questions: leave it
 * out for servers that you do not trust.
 */
function questionOf({ method, server, tool, params }: PoolRequest): Question | undefined {
  if (method !== "tools/call") return undefined;
  if (tool?.annotations?.readOnlyHint === true) return undefined;
  // `pool.call(server, "tools/call")` comes without the definition.
  const name = String(params?.["name"]);
  return {
    server,
    tool: tool ?? { name, inputSchema: { type: "object" } },
    args: params?.["arguments"],
  };
}
