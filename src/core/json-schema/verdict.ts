// The outcome of a check, with "not checked" as an outcome of its own: it never stands for "fits".

export type Verdict =
  | { readonly kind: "fits" }
  /** `problem`: one line. */
  | { readonly kind: "misfit"; readonly problem: string }
  | Unchecked;

export interface Unchecked {
  readonly kind: "unchecked";
  /**
   * - `schema`: nobody can check against this schema; it stays so.
   * - `value`: this value is too large or too deep.
   * - `time`: the check took too long, or waited too long.
   * - `budget`: the server has spent its checking time; it comes back.
   * - `worker`: no worker thread could be had.
   */
  readonly cause: "schema" | "value" | "time" | "budget" | "worker";
  /** One line. */
  readonly reason: string;
}

export const FITS: Verdict = { kind: "fits" };

export function unchecked(cause: Unchecked["cause"], reason: string): Unchecked {
  return { kind: "unchecked", cause, reason };
}
