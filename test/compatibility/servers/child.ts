// A scripted child process as what a client is sent to.

import path from "node:path";
import { entryOf } from "../../fault/suite/servers.ts";
import type { Target, Trial } from "../trial.ts";

const PROGRAM = path.join(import.meta.dirname, "stdio-child.mjs");

/** The script: see the head of stdio-child.mjs. */
export function child(trial: Trial, script: object = {}): Target {
  const server = trial.stdio(script, undefined, PROGRAM);
  return { entry: entryOf(server), ran: (_tool, key) => server.ledger.count(key) };
}
