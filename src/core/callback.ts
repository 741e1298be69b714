// Calls what a user gave us: whatever it throws, or rejects with later, is reported and breaks nothing.

export function callUser(callback: () => unknown, onError: (error: unknown) => void): void {
  try {
    const outcome = callback();
    // An async callback fails later, and its promise may be of any make: nobody else would catch it.
    if (isThenable(outcome)) Promise.resolve(outcome).catch(onError);
  } catch (error) {
    onError(error);
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    typeof value === "object" && value !== null && typeof Reflect.get(value, "then") === "function"
  );
}
