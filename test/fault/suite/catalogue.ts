// All faults, in the order of the table.

import type { Fault } from "./fault.ts";
import { callers } from "./faults/callers.ts";
import { httpAnswers } from "./faults/http-answers.ts";
import { httpConnection } from "./faults/http-connection.ts";
import { lists } from "./faults/lists.ts";
import { several } from "./faults/several.ts";
import { stdio } from "./faults/stdio.ts";
import { streams } from "./faults/streams.ts";

export const FAULTS: readonly Fault[] = [
  ...httpConnection,
  ...httpAnswers,
  ...streams,
  ...stdio,
  ...several,
  ...callers,
  ...lists,
].toSorted((a, b) => numberOf(a) - numberOf(b));

function numberOf({ id }: Fault): number {
  return Number.parseInt(id, 10);
}
