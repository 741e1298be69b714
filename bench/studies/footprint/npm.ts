// npm as the user has it, in a folder that is there for this only.

import { execFile } from "node:child_process";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { promisify } from "node:util";

/** Longest that one command of npm may take, milliseconds. */
const LIMIT_MS = 120_000;

const QUIET = ["--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error"];

/** A folder with a manifest of its own, so that npm looks in none above it; removed at the end. */
export async function inFreshFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(path.join(os.tmpdir(), "mcp-client-pool-bench-"));
  try {
    await writeFile(path.join(folder, "package.json"), `{ "private": true }\n`);
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true, maxRetries: 3 });
  }
}

/** Installs them for production, by the scripts of none. */
export async function install(folder: string, specs: readonly string[]): Promise<void> {
  await npm(folder, ["install", "--omit=dev", "--ignore-scripts", ...QUIET, ...specs]);
}

/** Packs a package that is built already, and gives what installs it from there. */
export async function pack(root: string, folder: string): Promise<string> {
  await npm(folder, ["pack", "--ignore-scripts", ...QUIET, root]);
  const tarball = (await readdir(folder)).find((name) => name.endsWith(".tgz"));
  if (tarball === undefined) throw new Error("npm pack gave no tarball");
  return `./${tarball}`;
}

async function npm(cwd: string, args: readonly string[]): Promise<void> {
  // A .cmd file is run by a shell only, and that splits at spaces.
  const shell = process.platform === "win32";
  const [command, given] = shell ? ["npm.cmd", args.map((arg) => `"${arg}"`)] : ["npm", [...args]];
  try {
    const limits = { timeout: LIMIT_MS, killSignal: "SIGKILL" } as const;
    await promisify(execFile)(command, given, { cwd, shell, ...limits });
  } catch (error) {
    const { killed, stderr } = error as { killed?: boolean; stderr?: string };
    const code = stderr?.match(/npm error code (\S+)/)?.[1] ?? "an error";
    const why = killed === true ? `took more than ${LIMIT_MS} ms` : `failed with ${code}`;
    throw new Error(`npm ${args[0]} ${why}`, { cause: error });
  }
}
