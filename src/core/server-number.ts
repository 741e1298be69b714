// Numbers that a server gives and the pool acts upon: all of them are brought between bounds here.

/** The bounds of one kind of number, and what holds where the server gives none that can be used. */
export interface NumberBounds {
  readonly min: number;
  readonly max: number;
  readonly fallback: number;
}

const SECOND_MS = 1_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/**
 * Milliseconds. Where a least value is 0 and a server could make the pool come back again and again, the part that comes
 * back has a least interval of its own.
 */
export const SERVER_NUMBERS: Readonly<
  Record<"retry" | "retryAfter" | "pollInterval" | "cookieAge", NumberBounds>
> = {
  /** `retry:` of an event stream. */
  retry: { min: 0, max: HOUR_MS, fallback: 0 },
  /** `Retry-After`: callers get it, and nobody in the pool waits so long. */
  retryAfter: { min: 0, max: 365 * DAY_MS, fallback: 0 },
  /** How often a task wants to be asked after. */
  pollInterval: { min: 50, max: 30 * SECOND_MS, fallback: SECOND_MS },
  /** `Max-Age` and `Expires` of a cookie, from now on. */
  cookieAge: { min: 0, max: 400 * DAY_MS, fallback: 400 * DAY_MS },
};

/** What is not finite is out of bounds at that end; what is no number is as if it had not been given. */
export function bounded(value: unknown, { min, max, fallback }: NumberBounds): number {
  if (typeof value !== "number" || Number.isNaN(value)) return fallback;
  return Math.min(max, Math.max(min, value));
}
