// The text of whatever was thrown: a caller's code may throw anything.

/** Never throws. Empty where there is no text. */
export function textOf(thrown: unknown): string {
  try {
    if (typeof thrown === "string") return thrown;
    const message: unknown = Reflect.get(Object(thrown) as object, "message");
    return typeof message === "string" ? message : "";
  } catch {
    return "";
  }
}
