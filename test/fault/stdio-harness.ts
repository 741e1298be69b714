// What the stdio fault tests share: a pool over scripted child processes, and what those wrote down.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { McpClientPool, McpError } from "mcp-client-pool";
import type {
  CallToolResult,
  PoolEvent,
  PoolEvents,
  PoolOptions,
  StdioServerConfig,
} from "mcp-client-pool";
import { onTestFinished } from "vitest";

export const STDIO_SERVER: string = fileURLToPath(
  new URL("../support/stdio-server.mjs", import.meta.url),
);
const MORTAL_SERVER = fileURLToPath(new URL("./mortal-server.mjs", import.meta.url));

/** What a server wrote down, across all of its processes. */
export class Ledger {
  readonly file: string;

  constructor() {
    const directory = mkdtempSync(join(tmpdir(), "mcp-client-pool-"));
    onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
    this.file = join(directory, "ledger");
    writeFileSync(this.file, "");
  }

  get lines(): string[] {
    return readFileSync(this.file, "utf8").split("\n").slice(0, -1);
  }

  /** How often `line` was written: executions, for a call's key or a tool's name. */
  count(line: string): number {
    return this.lines.filter((one) => one === line).length;
  }

  /** Ids of all processes that wrote `<word> <pid>`. */
  pids(word: "started" | "child" | "leader" = "started"): number[] {
    return this.lines
      .filter((line) => line.startsWith(`${word} `))
      .map((line) => Number(line.slice(word.length + 1)));
  }

  get starts(): number {
    return this.pids().length;
  }
}

/** The scripted server of `test/support`. */
export function scripted(ledger: Ledger, script: object = {}): StdioServerConfig {
  return {
    command: process.execPath,
    args: [STDIO_SERVER, JSON.stringify({ counterFile: ledger.file, ...script })],
  };
}

/** The server of this folder, which dies on demand. */
export function mortal(ledger: Ledger, script: object = {}): StdioServerConfig {
  return {
    command: process.execPath,
    args: [MORTAL_SERVER, JSON.stringify({ counterFile: ledger.file, ...script })],
  };
}

/** A pool that reconnects without delay and is closed at the end of the test. */
export function makePool(options: PoolOptions): McpClientPool {
  const pool = new McpClientPool({
    reconnect: { jitterMs: 0, initialMs: 1, maxMs: 1 },
    timeouts: { closeStepMs: 300 },
    ...options,
  });
  onTestFinished(() => pool.closeAll({ drainMs: 0 }));
  return pool;
}

export async function connected(options: PoolOptions): Promise<McpClientPool> {
  const pool = makePool(options);
  const { failed } = await pool.connect();
  for (const error of Object.values(failed)) throw error;
  return pool;
}

/** Resolves with the next such event. */
export function next<K extends PoolEvent>(pool: McpClientPool, event: K): Promise<PoolEvents[K]> {
  return new Promise((resolve) => {
    const off = pool.on(event, (payload) => {
      off();
      resolve(payload);
    });
  });
}

/** Everything of one kind that the pool tells from now on. */
export function record<K extends PoolEvent>(pool: McpClientPool, event: K): PoolEvents[K][] {
  const seen: PoolEvents[K][] = [];
  pool.on(event, (payload) => void seen.push(payload));
  return seen;
}

export function textOf(result: CallToolResult): string {
  return result.content.map((block) => (block.type === "text" ? block.text : "")).join("");
}

/** The error that `work` must reject with. */
export async function failure(work: Promise<unknown>): Promise<McpError> {
  try {
    await work;
  } catch (error) {
    if (error instanceof McpError) return error;
    throw error;
  }
  throw new Error("it should have been rejected");
}

/** The codes of an error and of its causes, outermost first. */
export function codesOf(error: unknown): unknown[] {
  return error instanceof Error ? [Reflect.get(error, "code"), ...codesOf(error.cause)] : [];
}
