// Calls what a user gave us: whatever it throws, or rejects with later, is reported and breaks nothing.

export function callUser(callback: () => unknown, onError: (error: unknown) => void): void {
  try {
    const outcome = callback();
    // An async callback fails later: nobody else would catch it.
    if (outcome instanceof Promise) outcome.catch(onError);
  } catch (error) {
    onError(error);
  }
}
