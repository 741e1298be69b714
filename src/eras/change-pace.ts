// How patient both eras are with the stream on which a server reports changes.

import type { BackoffOptions } from "../resilience/backoff.ts";

/** Between attempts to open it again, unless the server names a time of its own. */
export const REOPEN: BackoffOptions = { initialMs: 1_000, factor: 1.5, maxMs: 30_000, jitter: 0.2 };

/** After so many attempts in a row that opened nothing the stream is given up; calls go on without it. */
export const MAX_FAILURES = 20;

/** A stream that was open this long was a good one: its end is the first of a new series, milliseconds. */
export const STABLE_MS = 5_000;

/** How long a sign of life may take: callers who wait for it have time left for another connection. Milliseconds. */
export const PING_MS = 20_000;

/** How long a connection waits for it, so that a first call finds it open; then it goes on without, milliseconds. */
export const OPENING_MS = 1_000;
