// All studies, in the order in which they run.

import type { Study } from "../study.ts";
import { CALL_STUDIES } from "./calls/calls.ts";

export const STUDIES: readonly Study[] = [...CALL_STUDIES];
