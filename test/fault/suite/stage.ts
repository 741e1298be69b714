// The stage of one cell: scripted servers here, the client in a process of its own, and all of it gone at the end.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { startHttpServer } from "../../support/http-server.ts";
import type { TestHttpServer, TestHttpServerOptions, TestTool } from "../../support/http-server.ts";
import type { ClientProcess } from "./client-process.ts";
import { Ledger, STDIO_SERVER, endProcesses, named } from "./servers.ts";
import type { StdioServer } from "./servers.ts";

/** How long a caller waits where an answer is to be expected. */
export const PATIENT_MS = 6_000;

export class Stage {
  protected readonly client: ClientProcess;
  protected readonly ledgers: Ledger[] = [];
  /** Requests that a client holds open at any server. */
  protected readonly open = new Set<object>();
  readonly #folder = mkdtempSync(path.join(tmpdir(), "mcp-faults-"));
  readonly #closing: (() => Promise<unknown>)[] = [];

  constructor(client: ClientProcess) {
    this.client = client;
  }

  /** To be closed when all is over, the client included. */
  later(close: () => Promise<unknown>): void {
    this.#closing.push(close);
  }

  /** A scripted HTTP server; its tools' descriptions are their names. */
  async http(
    tools: Readonly<Record<string, TestTool>>,
    options: Omit<TestHttpServerOptions, "tools"> = {},
  ): Promise<TestHttpServer> {
    const server = await startHttpServer({
      ...options,
      tools: named(tools),
      onRequest: (context) => {
        this.open.add(context.res);
        context.res.once("close", () => this.open.delete(context.res));
        return options.onRequest?.(context);
      },
    });
    this.later(() => server.close());
    return server;
  }

  /** A scripted child process, as a command to start. */
  stdio(
    script: object,
    wrap: (server: string[], ledger: Ledger) => string[] = (one) => one,
    program: string = STDIO_SERVER,
  ): StdioServer {
    const ledger = new Ledger(path.join(this.#folder, `ledger-${this.ledgers.length}`));
    this.ledgers.push(ledger);
    const behaviour = JSON.stringify({ counterFile: ledger.file, ...script });
    const [command = "", ...args] = wrap([process.execPath, program, behaviour], ledger);
    return { command, args, ledger };
  }

  /** Waits for what a server sees; false if it did not come to pass in that time. */
  async until(condition: () => boolean, boundMs: number = PATIENT_MS): Promise<boolean> {
    const deadline = performance.now() + boundMs;
    while (!condition()) {
      if (performance.now() > deadline) return false;
      await pause(10);
    }
    return true;
  }

  /** Ends what is left, servers last. `keepsProcess`: the client's process is not ended, but used again. */
  async end({ keepsProcess = false } = {}): Promise<void> {
    if (!keepsProcess) await this.client.kill();
    for (const close of this.#closing.toReversed()) await close();
    await endProcesses(this.#folder, this.ledgers);
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
