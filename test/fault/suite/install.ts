// What other clients need, installed on first use: their packages, and the Node 24 of the conformance suite.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";

const folder = path.join(import.meta.dirname, "../../peers");
const conformance = path.join(import.meta.dirname, "../../conformance");

/** @throws {Error} if npm fails, or `signal` ends it. */
export async function installPeers(signal: AbortSignal): Promise<void> {
  const { dependencies } = readManifest(folder);
  const isMissing = Object.entries(dependencies).some(([name, version]) => {
    const at = path.join(folder, "node_modules", name);
    return !existsSync(path.join(at, "package.json")) || readManifest(at).version !== version;
  });
  if (!isMissing) return;
  console.error("installing the other clients (npm ci in test/peers)");
  const npm = process.platform === "win32" ? "npm.cmd" : "npm";
  const args = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
  // A .cmd file is run by a shell only.
  const shell = process.platform === "win32";
  const child = spawn(npm, args, { cwd: folder, stdio: ["ignore", 2, 2], shell, signal });
  const [code] = (await once(child, "exit")) as [number | null];
  if (code !== 0) throw new Error("npm ci in test/peers failed");
}

/** Its path; undefined where npm has none for this platform. */
export async function installNode24(): Promise<string | undefined> {
  const suite = pathToFileURL(path.join(conformance, "suite.mjs")).href;
  const { install } = (await import(suite)) as { install: () => Promise<void> };
  await install();
  const platform = process.platform === "win32" ? "win" : process.platform;
  const bin = path.join(conformance, "node_modules", `node-${platform}-${process.arch}`, "bin");
  return ["node", "node.exe"].map((name) => path.join(bin, name)).find((file) => existsSync(file));
}

function readManifest(at: string): { version: string; dependencies: Record<string, string> } {
  return JSON.parse(readFileSync(path.join(at, "package.json"), "utf8")) as ReturnType<
    typeof readManifest
  >;
}
