// Who takes part: the pool and the official clients on this Node, other clients on it too if they run on it, else on
// Node 24 with the pool beside them.

import { PEERS, kindOf } from "../../contenders/index.ts";
import type { ContenderName } from "../../contenders/index.ts";
import { INSTALLABLE, specsOf } from "../../contenders/packages.ts";
import type { Settings } from "../../study.ts";
import { PEERS as KNOWN, isNewEnough } from "../../../test/fault/suite/clients.ts";
import { installNode24, installPeers } from "../../../test/fault/suite/install.ts";

export interface Entrant {
  /** As its rows show it. */
  readonly name: string;
  readonly contender: ContenderName;
  /** Another Node than this one. */
  readonly execPath?: string;
}

const INSTALL_LIMIT_MS = 300_000;

/** Installs what is missing, and notes who takes part and who cannot. */
export async function enlist(
  { contenders }: Settings,
  note: (line: string) => void,
): Promise<Entrant[]> {
  const isChosen = (name: ContenderName): boolean =>
    contenders.length === 0 || contenders.includes(name);
  const onOwn: ContenderName[] = (["pool", "sdk-v1", "sdk-v2"] as const).filter(isChosen);
  const onOther: ContenderName[] = [];
  for (const peer of await installed(PEERS.filter(isChosen), note)) {
    (runsHere(peer) ? onOwn : onOther).push(peer);
  }
  const entrants = [
    ...onOwn.map((name): Entrant => ({ name, contender: name })),
    ...(onOther.length === 0 ? [] : await onNode24(onOther, isChosen("pool"), note)),
  ];
  noteVersions(entrants, note);
  return entrants;
}

/** None, and a note, where there is no Node 24. */
async function onNode24(
  peers: readonly ContenderName[],
  withPool: boolean,
  note: (line: string) => void,
): Promise<Entrant[]> {
  const execPath = await node24(note);
  if (execPath === undefined) {
    note(`Left out, because they need a newer Node than this one: ${peers.join(", ")}.`);
    return [];
  }
  const names: ContenderName[] = withPool ? ["pool", ...peers] : [...peers];
  return names.map((name) => ({ name: `${name} (Node 24)`, contender: name, execPath }));
}

async function installed<Name extends string>(
  peers: readonly Name[],
  note: (line: string) => void,
): Promise<readonly Name[]> {
  if (peers.length === 0) return peers;
  try {
    await installPeers(AbortSignal.timeout(INSTALL_LIMIT_MS));
    return peers;
  } catch (error) {
    note(`Left out, because they could not be installed (${String(error)}): ${peers.join(", ")}.`);
    return [];
  }
}

/** Undefined where npm has none for this platform. */
async function node24(note: (line: string) => void): Promise<string | undefined> {
  try {
    return await installNode24();
  } catch (error) {
    note(`Node 24 could not be installed: ${String(error)}.`);
    return undefined;
  }
}

function runsHere(peer: string): boolean {
  const known = KNOWN.find(({ id }) => id === peer);
  return known !== undefined && isNewEnough(known);
}

function noteVersions(entrants: readonly Entrant[], note: (line: string) => void): void {
  const kinds = entrants.map(({ contender }) => kindOf(contender));
  const specs = INSTALLABLE.filter((name) => kinds.includes(name)).flatMap((name) =>
    specsOf(name).slice(0, 1),
  );
  if (specs.length > 0) note(`Other clients: ${specs.map((spec) => `\`${spec}\``).join(", ")}.`);
}
