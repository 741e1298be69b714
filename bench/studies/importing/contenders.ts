// Who is imported, and by which specifiers: what a program needs for servers over HTTP and over stdio.

import path from "node:path";
import { pathToFileURL } from "node:url";
import { installPeers } from "../../../test/fault/suite/install.ts";
import type { Settings } from "../../study.ts";

export interface Contender {
  readonly name: string;
  /** Bare ones are found from this folder, whoever it is that imports them. */
  readonly modules: readonly string[];
  /** Whether first-answer.mjs knows how it is called. */
  readonly canCall: boolean;
}

/** npm takes its time, milliseconds. */
const INSTALL_LIMIT_MS = 300_000;

const SDK_V1 = "@modelcontextprotocol/sdk/client";

const OURS: readonly Contender[] = [
  { name: "floor", modules: ["undici"], canCall: true },
  {
    name: "sdk-v1",
    modules: ["index", "streamableHttp", "stdio"].map((file) => `${SDK_V1}/${file}.js`),
    canCall: true,
  },
  {
    name: "sdk-v2",
    modules: ["@modelcontextprotocol/client", "@modelcontextprotocol/client/stdio"],
    canCall: true,
  },
];

const PEERS = path.join(import.meta.dirname, "../../../test/peers");

/** A few lines each, that import the client (AI SDK: with its stdio transport) from a folder of its own. */
const THEIRS: readonly Contender[] = ["ai-sdk", "langchain"].map((name) => ({
  name,
  modules: [urlOf(path.join(PEERS, `${name}.mjs`))],
  canCall: false,
}));

/** All that were chosen and can be imported; `notes` gets a line if the others cannot. */
export async function contendersOf(settings: Settings, notes: string[]): Promise<Contender[]> {
  const { build, against, contenders, quick } = settings;
  const isChosen = ({ name }: Contender): boolean =>
    contenders.length === 0 || contenders.includes(name);
  const own = [poolOf("pool", build), ...OURS].filter(isChosen);
  if (against !== undefined) own.push(poolOf("other", against));
  const theirs = quick ? [] : THEIRS.filter(isChosen);
  if (theirs.length === 0) return own;
  try {
    await installPeers(AbortSignal.timeout(INSTALL_LIMIT_MS));
    return [...own, ...theirs];
  } catch (error) {
    notes.push(`Without other clients: ${(error as Error).message}.`);
    return own;
  }
}

/** Whether a file belongs to what is measured, and not to the lines that import it. */
export function isMeasured(url: string): boolean {
  const isOwn = url.startsWith(urlOf(import.meta.dirname));
  return !isOwn && (!url.startsWith(urlOf(PEERS)) || url.includes("/node_modules/"));
}

function poolOf(name: string, build: string): Contender {
  return { name, modules: [urlOf(path.join(build, "index.js"))], canCall: true };
}

function urlOf(file: string): string {
  return pathToFileURL(file).href;
}
