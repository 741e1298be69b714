// Redaction: what must not leave the house is taken out of arguments, and what must not reach the model out of results.
//
//   pool.use(redaction(/\b\d{4}([ -]?\d{4}){3}\b/g));

import type { Interceptor, JsonObject } from "mcp-client-pool";

/** Every match of `pattern` in every string, keys left alone, is replaced on the way out and on the way back. */
export function redaction(pattern: RegExp, replacement = "[redacted]"): Interceptor {
  const every = new RegExp(
    pattern,
    pattern.flags.includes("g") ? pattern.flags : `${pattern.flags}g`,
  );
  const clean = (value: unknown): unknown => {
    if (typeof value === "string") return value.replace(every, replacement);
    if (Array.isArray(value)) return value.map(clean);
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, clean(one)]));
  };
  return async (request, next) => {
    const { method, params } = request;
    // Lists are what tools are found by: their names must stay as they are.
    if (method.endsWith("/list")) return next(request);
    if (method !== "tools/call") return clean(await next(request)) as JsonObject;
    const { arguments: args, ...rest } = params ?? {};
    const result = await next({ ...request, params: { ...rest, arguments: clean(args) } });
    return clean(result) as JsonObject;
  };
}
