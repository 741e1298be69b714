// Errors that nobody handles, seen while a test runs.

import { afterEach, beforeEach } from "vitest";

/** For a test file: the errors that were thrown at nobody in the test that runs. */
export function watchStrayErrors(): readonly unknown[] {
  const stray: unknown[] = [];
  const onStray = (error: unknown): void => void stray.push(error);
  beforeEach(() => {
    stray.length = 0;
    process.on("unhandledRejection", onStray);
    process.on("uncaughtExceptionMonitor", onStray);
  });
  afterEach(() => {
    process.off("unhandledRejection", onStray);
    process.off("uncaughtExceptionMonitor", onStray);
  });
  return stray;
}
