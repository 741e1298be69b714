// All studies, in the order in which they run.

import type { Study } from "../study.ts";
import { CALL_STUDIES } from "./calls/calls.ts";
import { CATALOGUE } from "./catalogue/catalogue.ts";
import { ENDURANCE } from "./endurance/endurance.ts";
import { FLEET } from "./fleet/fleet.ts";
import { FOOTPRINT } from "./footprint/footprint.ts";
import { IMPORTING } from "./importing/importing.ts";
import { PAYLOADS } from "./payloads/payloads.ts";
import { PEERS } from "./peers/peers.ts";
import { RECOVERY } from "./recovery/recovery.ts";
import { SPAWNING } from "./spawning/spawning.ts";

export const STUDIES: readonly Study[] = [
  ...CALL_STUDIES,
  PEERS,
  PAYLOADS,
  FLEET,
  CATALOGUE,
  SPAWNING,
  RECOVERY,
  IMPORTING,
  ENDURANCE,
  FOOTPRINT,
];
