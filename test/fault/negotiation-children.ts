// What the tests of negotiation on stdio share: scripted children, and what they saw of it.

import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type {
  McpClientPool,
  McpError,
  PoolOptions,
  ServerStatus,
  StdioServerConfig,
} from "mcp-client-pool";
import { expect, onTestFinished } from "vitest";
import type { ManualClock } from "../support/manual-clock.ts";
import { until } from "../support/processes.ts";
import { makePool } from "./stdio-harness.ts";
import type { Ledger } from "./stdio-harness.ts";

/** How long a silent child is left with the probe alone. */
export const PATIENCE_MS = 5_000;

const STATELESS = fileURLToPath(new URL("../support/stateless-stdio.mjs", import.meta.url));
const ANSWERING = fileURLToPath(new URL("./answering-server.mjs", import.meta.url));

function child(script: string, ledger: Ledger, behaviour: object): StdioServerConfig {
  return {
    command: process.execPath,
    args: [script, JSON.stringify({ counterFile: ledger.file, ...behaviour })],
  };
}

/** The scripted server of `test/support` that knows both eras. */
export function stateless(ledger: Ledger, behaviour: object = {}): StdioServerConfig {
  return child(STATELESS, ledger, behaviour);
}

/** The server of this folder that answers as it is told. */
export function answering(ledger: Ledger, answers: object): StdioServerConfig {
  return child(ANSWERING, ledger, { answers });
}

/** The same, as another process may find it: `become` holds for the processes that start after it. */
export function changing(
  ledger: Ledger,
  behaviour: object,
): { readonly config: StdioServerConfig; readonly become: (behaviour: object) => void } {
  const { file } = signalFile();
  const become = (next: object): void => {
    writeFileSync(file, JSON.stringify({ counterFile: ledger.file, ...next }));
  };
  become(behaviour);
  const code = `
    const [file, script] = process.argv.slice(1);
    process.argv = [process.argv[0], script, require("node:fs").readFileSync(file, "utf8")];
    import(require("node:url").pathToFileURL(script).href);`;
  return { config: { command: process.execPath, args: ["-e", code, file, STATELESS] }, become };
}

/** Ends in its first process, whatever it is asked. */
export function crashesOnce(ledger: Ledger, behaviour: object): StdioServerConfig {
  const { file } = signalFile();
  const { args = [] } = stateless(ledger, behaviour);
  const code = `
    const { existsSync, writeFileSync, appendFileSync } = require("node:fs");
    const [marker, ledger, script, behaviour] = process.argv.slice(1);
    if (existsSync(marker)) {
      process.argv = [process.argv[0], script, behaviour];
      import(require("node:url").pathToFileURL(script).href);
    } else {
      writeFileSync(marker, "");
      appendFileSync(ledger, "started " + process.pid + "\\n");
      process.exit(7);
    }`;
  return { command: process.execPath, args: ["-e", code, file, ledger.file, ...args] };
}

/** What the children saw of the negotiation, all together. */
export interface Asked {
  readonly starts: number;
  readonly probes: number;
  readonly offers: number;
}

export function askedOf(ledger: Ledger): Asked {
  return {
    starts: ledger.starts,
    probes: ledger.count("received server/discover"),
    offers: ledger.count("received initialize"),
  };
}

export function violationsOf(ledger: Ledger): string[] {
  return ledger.lines.filter((line) => line.startsWith("violation"));
}

/** One server, `s`. Not connected yet. */
export function poolOver(
  s: StdioServerConfig,
  options: Omit<PoolOptions, "servers"> = {},
): McpClientPool {
  return makePool({ servers: { s }, ...options });
}

/** Connects `s`. */
export async function connect(pool: McpClientPool): Promise<ServerStatus> {
  const { failed } = await pool.connect();
  expect(failed).toEqual({});
  return statusOf(pool);
}

/** The error with which `s` is not connected. */
export async function refusedWith(pool: McpClientPool): Promise<McpError> {
  const { connected, failed } = await pool.connect();
  expect(connected).toEqual([]);
  return failed["s"] ?? expect.fail("there is no error");
}

export function statusOf(pool: McpClientPool): ServerStatus {
  return pool.status()[0] ?? expect.fail("there is no server");
}

/** A file that is not there yet, and a way to make it. */
export function signalFile(): { readonly file: string; readonly make: () => void } {
  const directory = mkdtempSync(join(tmpdir(), "mcp-client-pool-"));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  const file = join(directory, "signal");
  return {
    file,
    make() {
      if (existsSync(file)) throw new Error("it is there already");
      writeFileSync(file, "");
    },
  };
}

/** Waits until the probe was sent and its patience runs. */
export async function untilPatient(clock: ManualClock): Promise<void> {
  await until(() => clock.dueIn.includes(PATIENCE_MS), "the probe to be sent");
}
