// Parts of errors: which properties show, and which do not.

/** Properties of the subclasses that hold no secret. */
const DETAILS = [
  "limit",
  "timeoutMs",
  "rpcCode",
  "status",
  "retryAfterMs",
  "tool",
  "nearMatches",
  "path",
  "capability",
  "verdict",
];

/** What a server said word for word: for its caller, and not for logs. */
export function hide(error: Error, name: string, value: unknown): void {
  Object.defineProperty(error, name, { value, enumerable: false, configurable: true });
}

export function detailsOf(error: Error): object {
  const given = DETAILS.map((key) => [key, Reflect.get(error, key) as unknown] as const);
  return Object.fromEntries(given.filter(([, value]) => value !== undefined));
}

export function describeCause(cause: Error): { name: string; code?: string; message: string } {
  const code: unknown = Reflect.get(cause, "code");
  return {
    name: cause.name,
    ...(typeof code === "string" ? { code } : {}),
    message: cause.message,
  };
}
