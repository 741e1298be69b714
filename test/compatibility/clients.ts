// The clients of the table.

import path from "node:path";
import { OURS } from "../fault/suite/clients.ts";
import type { KnownClient } from "../fault/suite/clients.ts";

export const CLIENTS: readonly KnownClient[] = [
  OURS,
  {
    id: "sdk-v1",
    short: "SDK v1",
    adapter: path.join(import.meta.dirname, "clients/sdk-v1.mjs"),
    node: [20, 0],
  },
  {
    id: "sdk-v2",
    short: "SDK v2",
    adapter: path.join(import.meta.dirname, "../peers/sdk.mjs"),
    node: [20, 0],
  },
];
