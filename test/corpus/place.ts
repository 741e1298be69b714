// A place for one run of a server: a folder and a home of its own, named variables only, and the server, if over HTTP.

import spawn from "cross-spawn";
import type { ChildProcess } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdirSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Target } from "./client.ts";
import { MARK, endMarked, outputOf } from "./processes.ts";
import { CWD, PORT, type CorpusServer } from "./servers.ts";

/** Longest wait for a server over HTTP to listen. */
const LISTEN_MS = 60_000;

const PREFIX = path.join(realpathSync(tmpdir()), "mcp-corpus-");
/** The folders of all places, wherever they are named. */
export const PLACES: RegExp = new RegExp(
  `${PREFIX.replaceAll(/[.\\+*?^$()[\]{}|]/g, "\\$&")}[\\da-f]{8}`,
  "g",
);

export interface Place {
  readonly home: string;
  /** In the environment of every process of the server. */
  readonly mark: string;
  readonly target: Target;
  readonly call: CorpusServer["call"];
}

/** Gives `use` a place, and removes everything afterwards: processes and files. */
export async function withPlace<T>(
  server: CorpusServer,
  program: string,
  signal: AbortSignal,
  use: (place: Place) => Promise<T>,
): Promise<T> {
  const mark = randomUUID();
  // In small letters: there are servers that change the case of paths.
  const root = `${PREFIX}${mark.slice(0, 8)}`;
  try {
    const cwd = path.join(root, "work");
    const home = path.join(root, "home");
    const temporary = path.join(root, "tmp");
    for (const folder of [root, cwd, home, temporary]) mkdirSync(folder);
    const port = String(await freePort());
    const fill = (text: string): string => text.replaceAll(CWD, cwd).replaceAll(PORT, port);
    for (const [file, text] of Object.entries(server.files)) {
      const at = path.join(cwd, file);
      mkdirSync(path.dirname(at), { recursive: true });
      writeFileSync(at, fill(text));
    }
    const args = server.args.map(fill);
    const call = filled(server.call, fill);
    const named = Object.entries(server.env).map(([key, value]) => [key, fill(value)]);
    const env = { TMPDIR: temporary, [MARK]: mark, ...Object.fromEntries(named) } as const;
    if (server.url === undefined) {
      const target = { command: program, args, env, cwd };
      return await use({ home, mark, target, call });
    }
    const child = spawn(program, args, {
      cwd,
      env: { ...base(home), ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const output = outputOf(child);
    await listening(child, port, output, signal);
    const target = { url: fill(server.url) };
    return await use({ home, mark, target, call });
  } finally {
    await endMarked(mark);
    rmSync(root, { recursive: true, force: true, maxRetries: 3 });
  }
}

/** The same with every text in it changed. */
export function filled<T>(value: T, fill: (text: string) => string): T {
  return JSON.parse(JSON.stringify(value), (_key, part: unknown) =>
    typeof part === "string" ? fill(part) : part,
  ) as T;
}

/** What a server over HTTP gets besides its own variables: as much as the clients give one over stdio. */
export function base(home: string): Record<string, string> {
  return { HOME: home, PATH: process.env["PATH"] ?? "" };
}

/** Nobody else has it now; a server that finds it taken says so and ends. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** @throws {Error} if the server ends, or does not listen in time. */
async function listening(
  child: ChildProcess,
  port: string,
  output: () => string,
  signal: AbortSignal,
): Promise<void> {
  let ended: string | undefined;
  child.once("error", (error) => (ended = error.message));
  child.once("exit", (code, by) => (ended = `ended with ${by ?? code}`));
  const deadline = performance.now() + LISTEN_MS;
  while (!(await accepts(port))) {
    if (ended !== undefined) throw new Error(`the server ${ended}: ${output()}`);
    if (performance.now() > deadline) throw new Error(`nobody listens on the port: ${output()}`);
    await sleep(50, undefined, { signal });
  }
}

function accepts(port: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(Number(port), "127.0.0.1");
    socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
    socket.once("connect", () => socket.destroy());
  });
}
