// A real intermediary as a child process: its configuration from a file of ../configs, a free port, a folder of its own.

import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { connect, createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { render } from "./render.ts";
import type { Values } from "./render.ts";
import { PROGRAMS, binaryOf } from "./programs.ts";
import type { ProgramName } from "./programs.ts";

export const CONFIGS: string = path.join(import.meta.dirname, "../configs");

/** Longest that a program may take until it listens, milliseconds: Varnish compiles its configuration first. */
const START_MS = 30_000;
/** Longest that it may take to end when it is told to, milliseconds. */
const STOP_MS = 5_000;
/** Another program may have taken the free port in the meantime. */
const ATTEMPTS = 3;

/** Those that run: whatever ends this process ends them too. */
const running = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of running) child.kill("SIGTERM");
});

/** An intermediary that listens. Disposing of it ends its process and removes its folder. */
export class Intermediary implements AsyncDisposable {
  readonly port: number;
  readonly folder: string;
  readonly #child: ChildProcess;
  readonly #output: readonly string[];

  constructor(child: ChildProcess, port: number, folder: string, output: readonly string[]) {
    this.#child = child;
    this.port = port;
    this.folder = folder;
    this.#output = output;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/mcp`;
  }

  /** All that the program has written to stdout, to stderr and to its error log. */
  get output(): string {
    return outputOf(this.#output, this.folder);
  }

  /** The lines of a log in its folder. */
  logOf(file: string): string[] {
    const text = readFileSync(path.join(this.folder, file), "utf8");
    return text.split("\n").filter((line) => line !== "");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await end(this.#child);
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/**
 * @param config a file of `../configs`, as in `recommended`: without its folder, with its extension.
 * @param values what stands in it between double braces; `port` and `folder` are added.
 * @param prepare writes the files that the configuration names.
 */
export async function startIntermediary(
  name: ProgramName,
  config: string,
  values: Values = {},
  prepare: (folder: string) => void = () => {},
): Promise<Intermediary> {
  const binary = binaryOf(name);
  if (binary === undefined) throw new Error(`${name} is not installed`);
  for (let attempt = 1; ; attempt += 1) {
    const folder = mkdtempSync(path.join(tmpdir(), "mcp-client-pool-proxy-"));
    // Some give up root's rights for those of a user of their own.
    chmodSync(folder, 0o777);
    try {
      prepare(folder);
      return await startOnce(name, binary, config, values, folder);
    } catch (error) {
      rmSync(folder, { recursive: true, force: true });
      const isTaken = /address (already )?in use|cannot bind/i.test((error as Error).message);
      if (!isTaken || attempt === ATTEMPTS) throw error;
    }
  }
}

async function startOnce(
  name: ProgramName,
  binary: string,
  config: string,
  values: Values,
  folder: string,
): Promise<Intermediary> {
  const program = PROGRAMS[name];
  const port = await freePort();
  const file = path.join(folder, path.basename(config));
  writeFileSync(file, configOf(program.folder, config, { ...values, port, folder }));
  mkdirSync(path.join(folder, "home"));
  const child = spawn(binary, program.args({ config: file, folder, port }), {
    cwd: folder,
    stdio: ["ignore", "pipe", "pipe"],
    env: { PATH: process.env["PATH"], HOME: path.join(folder, "home") },
  });
  running.add(child);
  child.once("exit", () => running.delete(child));
  const output: string[] = [];
  const keep = (chunk: Buffer): void => void output.push(chunk.toString("utf8"));
  child.stdout.on("data", keep);
  child.stderr.on("data", keep);
  try {
    await untilListening(child, port);
  } catch (cause) {
    await end(child);
    throw new Error(`${name} with ${config} does not listen:\n${outputOf(output, folder)}`, {
      cause,
    });
  }
  return new Intermediary(child, port, folder, output);
}

/** A configuration as the program gets it: inside of the program's frame, if it has one. */
function configOf(folder: string, config: string, values: Values): string {
  const read = (name: string): string => readFileSync(path.join(CONFIGS, folder, name), "utf8");
  const frame = `frame${path.extname(config)}`;
  const text = read(config);
  if (!existsSync(path.join(CONFIGS, folder, frame))) return render(text, values);
  return render(read(frame), { ...values, config: render(text, values) });
}

function outputOf(written: readonly string[], folder: string): string {
  const log = path.join(folder, "error.log");
  return written.join("") + (existsSync(log) ? readFileSync(log, "utf8") : "");
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise<void>((resolve) => server.close(() => resolve()));
  return port;
}

async function untilListening(child: ChildProcess, port: number): Promise<void> {
  const deadline = performance.now() + START_MS;
  while (!(await accepts(port))) {
    if (hasEnded(child)) throw new Error(`it ended with exit code ${child.exitCode}`);
    if (performance.now() > deadline) throw new Error(`it has not listened for ${START_MS} ms`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  // Another program's port would accept too.
  if (hasEnded(child)) throw new Error(`it ended with exit code ${child.exitCode}`);
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    const settle = (result: boolean) => (): void => {
      socket.destroy();
      resolve(result);
    };
    socket.once("connect", settle(true));
    socket.once("error", settle(false));
  });
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null || child.pid === undefined;
}

async function end(child: ChildProcess): Promise<void> {
  if (hasEnded(child)) return;
  const gone = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), STOP_MS);
  await gone;
  clearTimeout(timer);
}
