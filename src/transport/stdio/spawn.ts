// Starting a server's process, without a shell, and what it means when that fails.

import { spawn as spawnProgram } from "node:child_process";
import type { ChildProcess, SpawnOptionsWithoutStdio } from "node:child_process";
import { statSync } from "node:fs";
import type { Readable, Writable } from "node:stream";
import spawn from "cross-spawn";
import { McpConnectionError } from "../../core/errors.ts";
import { printable } from "../../core/printable.ts";
import { childEnvironment } from "./environment.ts";
import {
  batchCommandLine,
  comspecOf,
  findCommand,
  isBatchFile,
  isProgram,
  hasUnsafeArgument,
} from "./windows.ts";

export interface SpawnOptions {
  readonly server: string;
  readonly command: string;
  readonly args: readonly string[];
  /** Added to the minimal environment. */
  readonly env: Readonly<Record<string, string>>;
  /** Absent: ours. */
  readonly cwd: string | undefined;
}

export interface SpawnedChild {
  readonly child: ChildProcess;
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
}

/** The system is short of something at the moment; later the same command may start. */
const TRANSIENT_CODES: ReadonlySet<string> = new Set(["EAGAIN", "EMFILE", "ENFILE", "ENOMEM"]);

/** Ours: an argument that cmd.exe cannot pass on. */
const UNSAFE_ARGUMENT = "ERR_UNSAFE_ARGUMENT";

/** @throws {McpConnectionError} `CONNECTION_FAILED`, for what the system refuses at once. */
export function spawnServer(options: SpawnOptions): SpawnedChild {
  let child: ChildProcess;
  try {
    child = start(options, {
      env: childEnvironment(options.env),
      cwd: options.cwd,
      // Leads a process group of its own, so that whatever it starts can be ended with it.
      detached: process.platform !== "win32",
      shell: false,
      stdio: "pipe",
      windowsHide: true,
    });
  } catch (cause) {
    throw spawnError(options, cause);
  }
  const { stdin, stdout, stderr } = child;
  // Out of descriptors, Node makes no streams at all, whatever its types say; its `error` event still comes.
  if (!stdin || !stdout || !stderr) {
    child.once("error", () => {});
    throw spawnError(options, Object.assign(new Error("no pipes"), { code: "EMFILE" }));
  }
  return { child, stdin, stdout, stderr };
}

function start(options: SpawnOptions, how: SpawnOptionsWithoutStdio): ChildProcess {
  const { command, args, cwd } = options;
  if (process.platform !== "win32") return spawn(command, args, how);
  const environment = { ...process.env, ...how.env };
  const path = findCommand({ command, environment, cwd: cwd ?? process.cwd(), isFile });
  if (path === undefined) throw Object.assign(new Error("not found"), { code: "ENOENT" });
  if (isProgram(path)) return spawnProgram(path, args, how);
  // A script with an interpreter of its own.
  if (!isBatchFile(path)) return spawn(path, args, how);
  if (hasUnsafeArgument(args)) throw Object.assign(new Error("unsafe"), { code: UNSAFE_ARGUMENT });
  const { file, args: line } = batchCommandLine(path, args, comspecOf(environment));
  return spawnProgram(file, line, { ...how, windowsVerbatimArguments: true });
}

/** Resolves once the process runs. Rejects with a classified error, or with the signal's reason. */
export function untilSpawned(
  child: ChildProcess,
  options: SpawnOptions,
  signal: AbortSignal,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (done: () => void): void => {
      child.off("spawn", onSpawn);
      child.off("error", onError);
      signal.removeEventListener("abort", onAbort);
      // After an abort the failure to start may still come, and must not be thrown at nobody.
      child.on("error", () => {});
      done();
    };
    const onSpawn = (): void => settle(resolve);
    const onError = (error: Error): void => settle(() => reject(spawnError(options, error)));
    const onAbort = (): void => settle(() => reject(signal.reason as Error));
    child.on("spawn", onSpawn);
    child.on("error", onError);
    signal.addEventListener("abort", onAbort);
  });
}

/** Names the command, and the directory if that is to blame; never the arguments or the environment. */
export function spawnError(options: SpawnOptions, cause: unknown): McpConnectionError {
  const { server, cwd } = options;
  const command = printable(options.command, 200);
  const code = codeOf(cause);
  const badDirectory = cwd !== undefined && !isDirectory(cwd);
  return new McpConnectionError(
    "CONNECTION_FAILED",
    badDirectory
      ? `server "${server}": could not start "${command}": its working directory "${cwd}" does not exist or is no directory`
      : `server "${server}": could not start "${command}": ${describe(code)}`,
    {
      server,
      retryable: code !== undefined && TRANSIENT_CODES.has(code),
      sent: "no",
      // The system's error carries the arguments, which may hold secrets.
      cause: code === undefined ? undefined : Object.assign(new Error(describe(code)), { code }),
    },
  );
}

/** Whether an `error` of a running child says that there never was such a command: cross-spawn on Windows. */
export function isNotFound(error: unknown): boolean {
  return codeOf(error) === "ENOENT";
}

function describe(code: string | undefined): string {
  switch (code) {
    case "ENOENT":
      return "command not found (ENOENT); check its spelling and PATH, and that its arguments are in args";
    case "EACCES":
      return "not executable, or permission denied (EACCES)";
    case UNSAFE_ARGUMENT:
      return "an argument holds a line break or a NUL, which cmd.exe cannot hand to a batch file; name the program behind the batch file in command, such as node with the script in args";
    case undefined:
      return "the system refused to start it";
    default:
      return `the system refused to start it (${code})`;
  }
}

function codeOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const code: unknown = Reflect.get(error, "code");
  return typeof code === "string" ? code : undefined;
}

function isFile(path: string): boolean {
  try {
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

function isDirectory(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}
