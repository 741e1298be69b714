// The intermediaries that are tested: where each program is, and how it is started in the foreground.

import { execFileSync } from "node:child_process";
import { accessSync, constants } from "node:fs";
import path from "node:path";

export type ProgramName = "nginx" | "HAProxy" | "Squid" | "Apache" | "Varnish" | "Caddy";

/** What a program is given: its configuration is written already. */
export interface Place {
  readonly config: string;
  /** A folder that is its own, removed when it has ended. */
  readonly folder: string;
  readonly port: number;
}

interface Program {
  /** The names of its binary, the usual one first. */
  readonly binaries: readonly string[];
  readonly folder: string;
  readonly versionArgs: readonly string[];
  args(place: Place): readonly string[];
}

export const PROGRAMS: Readonly<Record<ProgramName, Program>> = {
  nginx: {
    binaries: ["nginx"],
    folder: "nginx",
    versionArgs: ["-v"],
    args: ({ config, folder }) => ["-p", folder, "-e", "stderr", "-c", config],
  },
  HAProxy: {
    binaries: ["haproxy"],
    folder: "haproxy",
    versionArgs: ["-v"],
    args: ({ config }) => ["-db", "-f", config],
  },
  Squid: {
    binaries: ["squid"],
    folder: "squid",
    versionArgs: ["-v"],
    args: ({ config }) => ["-N", "-d", "1", "-f", config],
  },
  Apache: {
    binaries: ["apache2", "httpd"],
    folder: "apache",
    versionArgs: ["-v"],
    args: ({ config, folder }) => ["-d", folder, "-f", config, "-D", "FOREGROUND"],
  },
  Varnish: {
    binaries: ["varnishd"],
    folder: "varnish",
    versionArgs: ["-V"],
    args: ({ config, folder, port }) => [
      ...["-F", "-n", path.join(folder, "work"), "-a", `127.0.0.1:${port}`, "-f", config],
      ...["-s", "default,32m", "-j", "none", "-T", "none"],
    ],
  },
  Caddy: {
    binaries: ["caddy"],
    folder: "caddy",
    versionArgs: ["version"],
    args: ({ config }) => ["run", "--adapter", "caddyfile", "--config", config],
  },
};

/** Debian keeps servers where the PATH of a plain user does not look. */
const FOLDERS = [
  ...(process.env["PATH"] ?? "").split(path.delimiter),
  "/usr/local/sbin",
  "/usr/sbin",
  "/sbin",
];

export function binaryOf(name: ProgramName): string | undefined {
  const files = PROGRAMS[name].binaries.flatMap((binary) =>
    FOLDERS.map((folder) => path.join(folder, binary)),
  );
  return files.find(isExecutable);
}

export function isInstalled(name: ProgramName): boolean {
  return binaryOf(name) !== undefined;
}

/** As in `1.22.1`. */
export function versionOf(name: ProgramName): string {
  const binary = binaryOf(name);
  if (binary === undefined) throw new Error(`${name} is not installed`);
  // Some programs write their version to stderr.
  const said = execFileSync(
    "/bin/sh",
    ["-c", '"$0" "$@" 2>&1', binary, ...PROGRAMS[name].versionArgs],
    {
      encoding: "utf8",
    },
  );
  return /\d+\.\d+(?:\.\d+)*/.exec(said)?.[0] ?? "unknown";
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
