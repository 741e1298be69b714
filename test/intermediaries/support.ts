// What the tests of intermediaries share: groups that are skipped, by name, where their program is not installed.

import { describe } from "vitest";
import { isInstalled } from "./programs/programs.ts";
import type { ProgramName } from "./programs/programs.ts";

/** The programs that CI installs. The others are for `npm run intermediaries`. */
const IN_CI: readonly ProgramName[] = ["nginx", "HAProxy", "Squid"];

/** A group of tests for each program that CI has and that `rows` need. */
export function describeEach<T extends { readonly program: ProgramName }>(
  title: string,
  rows: readonly T[],
  body: (rows: readonly T[]) => void,
): void {
  for (const program of IN_CI) {
    const own = rows.filter((row) => row.program === program);
    if (own.length === 0) continue;
    describe.skipIf(!isInstalled(program))(`${program}: ${title}`, () => body(own));
  }
}
