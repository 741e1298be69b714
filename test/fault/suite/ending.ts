// How a run of a suite ends early: by a signal, by a reader that has gone, by an error; and with which exit code.

import { AdapterError } from "./client-process.ts";
import { UsageError } from "./command-line.ts";

/** Why a run ends early; all that it has begun is ended before. */
class Ended extends Error {
  readonly code: number;
  constructor(why: string, code: number) {
    super(why);
    this.code = code;
  }
}

const EXIT_CODES = { SIGINT: 130, SIGTERM: 143 } as const;
/** As of a program that SIGPIPE ends. */
const UNREAD = 141;

export interface Ending {
  /** Aborted when the run is to end. */
  readonly signal: AbortSignal;
  /** Says why the run failed, and sets the exit code, or exits with it. */
  fail(error: unknown): void;
}

export function endOnSignals(): Ending {
  const ending = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    // `on`, not `once`: a second Ctrl-C must not end us halfway through ending the others.
    process.on(signal, () => ending.abort(new Ended(signal, EXIT_CODES[signal])));
  }
  // The reader of our output has gone, as in `npm run faults | head`.
  for (const stream of [process.stdout, process.stderr]) {
    stream.on("error", () => ending.abort(new Ended("nobody reads the output", UNREAD)));
  }
  const fail = (error: unknown): void => {
    if (ending.signal.aborted) {
      const { message, code } = ending.signal.reason as Ended;
      if (code !== UNREAD) console.error(`${message}: ended, with all that was started`);
      // An installation may still be under way.
      process.exit(code);
    }
    // What was given wrongly needs no stack; a fault of the suite itself does.
    if (error instanceof UsageError) console.error(`${error.message} (see --help)`);
    else console.error(error instanceof AdapterError ? error.message : error);
    process.exitCode = error instanceof UsageError || error instanceof AdapterError ? 2 : 1;
  };
  return { signal: ending.signal, fail };
}
