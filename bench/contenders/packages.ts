// What one installs to have each client, in the versions that are measured.

import { readFileSync } from "node:fs";

interface Manifest {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
}

const PACKAGES = {
  "sdk-v1": ["@modelcontextprotocol/sdk"],
  "sdk-v2": ["@modelcontextprotocol/client"],
  langchain: ["@langchain/mcp-adapters", "@langchain/core", "@langchain/langgraph"],
  "ai-sdk": ["@ai-sdk/mcp"],
  mcporter: ["mcporter"],
  mastra: ["@mastra/mcp", "@mastra/core"],
} as const;

export type Installable = keyof typeof PACKAGES;

export const INSTALLABLE = Object.keys(PACKAGES) as readonly Installable[];

/** As npm takes them, for example `mcporter@0.12.3`: the client first, then what it demands beside itself. */
export function specsOf(name: Installable): readonly string[] {
  const { devDependencies } = readManifest("../../package.json");
  const { dependencies } = readManifest("../../test/peers/package.json");
  const versions = { ...dependencies, ...devDependencies };
  return PACKAGES[name].map((id) => `${id}@${versions[id]}`);
}

function readManifest(at: string): Manifest {
  return JSON.parse(readFileSync(new URL(at, import.meta.url), "utf8")) as Manifest;
}
