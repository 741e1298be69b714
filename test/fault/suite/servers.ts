// The scripted servers of test/support as a fault uses them: their tools, their processes, how a client is told of them.

import { existsSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import type { TestHttpServer, TestTool } from "../../support/http-server.ts";
import { isProcessAlive } from "../../support/processes.ts";
import type { ServerEntry } from "./adapter.ts";

export const STDIO_SERVER: string = path.join(
  import.meta.dirname,
  "../../support/stdio-server.mjs",
);

/** Some clients drop arguments that a schema does not name. */
const INPUT_SCHEMA = {
  type: "object",
  properties: { key: { type: "string" }, text: { type: "string" } },
};

/** What a scripted child process writes down: its executions, its processes. */
export class Ledger {
  readonly file: string;
  constructor(file: string) {
    this.file = file;
    writeFileSync(file, "");
  }

  get lines(): string[] {
    return existsSync(this.file) ? readFileSync(this.file, "utf8").split("\n").filter(Boolean) : [];
  }

  count(line: string): number {
    return this.lines.filter((one) => one === line).length;
  }

  /** Ids of its processes: `started`, its own `child`ren, the `leader` that it is behind. */
  get pids(): number[] {
    return this.lines
      .map((line) => /^(?:started|child|leader) (\d+)$/.exec(line)?.[1])
      .filter((pid) => pid !== undefined)
      .map(Number);
  }

  get starts(): number {
    return this.lines.filter((line) => line.startsWith("started ")).length;
  }
}

export interface StdioServer extends ServerEntry {
  readonly ledger: Ledger;
}

/** As the scripted stdio server describes its tools. */
export function describe(tool: string): string {
  return `The tool ${tool}`;
}

export function named(tools: Readonly<Record<string, TestTool>>): Record<string, TestTool> {
  return Object.fromEntries(
    Object.entries(tools).map(([name, tool]) => [
      name,
      { description: describe(name), inputSchema: INPUT_SCHEMA, ...tool },
    ]),
  );
}

export function entryOf(server: TestHttpServer | ServerEntry): ServerEntry {
  if ("openSockets" in server) return { url: server.url.href };
  const { url, headers, command, args, trusted } = server;
  return {
    ...(url === undefined ? {} : { url }),
    ...(headers === undefined ? {} : { headers }),
    ...(command === undefined ? {} : { command }),
    ...(args === undefined ? {} : { args }),
    ...(trusted === undefined ? {} : { trusted }),
  };
}

/** Kills those that are written down, and those that were about to: their command line has the ledger's folder. */
export async function endProcesses(folder: string, ledgers: readonly Ledger[]): Promise<void> {
  for (let attempt = 0; attempt < MOST_SWEEPS; attempt += 1) {
    const written = ledgers.flatMap(({ pids }) => pids);
    const alive = [...new Set([...written, ...namers(folder)])].filter(isProcessAlive);
    if (alive.length === 0) return;
    for (const pid of alive) kill(pid);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

const MOST_SWEEPS = 20;

/** Linux only; elsewhere none. */
function namers(folder: string): number[] {
  if (process.platform !== "linux") return [];
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(folder);
      } catch {
        return false;
      }
    })
    .map(Number);
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It went meanwhile.
  }
}
