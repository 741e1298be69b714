// Packages of the corpus, each in a folder of its own under the system's temporary folder, installed on first use.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { runToEnd } from "./processes.ts";
import type { CorpusServer } from "./servers.ts";

const CACHE = path.join(tmpdir(), "mcp-client-pool-corpus");
const INSTALL_MS = 300_000;

const installing = new Map<string, Promise<void>>();

/**
 * No script of a package is run on installation.
 *
 * @returns the path of the server's program
 * @throws {Error} if npm fails
 */
export async function install(server: CorpusServer, signal: AbortSignal): Promise<string> {
  const folder = path.join(CACHE, `${server.package.replaceAll("/", "+")}@${server.version}`);
  // Two entries of the corpus may be one package over two transports.
  const underway = installing.get(folder) ?? installInto(folder, server, signal);
  installing.set(folder, underway);
  await underway;
  const program = path.join(folder, "node_modules/.bin", server.bin);
  if (!existsSync(program)) {
    throw new Error(`${server.package} ${server.version} has no program ${server.bin}`);
  }
  return program;
}

async function installInto(
  folder: string,
  { package: name, version }: CorpusServer,
  signal: AbortSignal,
): Promise<void> {
  if (isInstalled(folder, name, version)) return;
  mkdirSync(folder, { recursive: true });
  // npm would otherwise install into the next folder above that has one.
  writeFileSync(path.join(folder, "package.json"), '{ "private": true }\n');
  const npm = process.platform === "win32" ? "npm.cmd" : "npm";
  const quiet = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
  const args = ["install", "--save-exact", ...quiet, `${name}@${version}`];
  const options = { cwd: folder, timeoutMs: INSTALL_MS, signal };
  const { code, output } = await runToEnd(npm, args, options);
  if (code !== 0) throw new Error(`npm could not install ${name} ${version}: ${output}`);
}

/** npm writes the version into the folder's own package.json last. */
function isInstalled(folder: string, name: string, version: string): boolean {
  const file = path.join(folder, "package.json");
  if (!existsSync(file)) return false;
  const { dependencies } = JSON.parse(readFileSync(file, "utf8")) as {
    dependencies?: Record<string, string>;
  };
  return dependencies?.[name] === version;
}
