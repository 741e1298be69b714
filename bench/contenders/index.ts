// The contenders by name, each loaded only in the process that runs it.

import type { Client, Era, Target } from "./contender.ts";

const KINDS = ["floor", "pool", "sdk-v1", "sdk-v2"] as const;

/** Other clients, in an era of their own choice: they take part where their study says so. */
export const PEERS = ["langchain", "ai-sdk", "mcporter", "mastra"] as const;

/** `other` is a second build of the pool, for a comparison of two versions. */
export type Kind = (typeof KINDS)[number] | (typeof PEERS)[number] | "other";

/** A kind in an era; the session era goes without saying. */
export type ContenderName = Kind | `${Kind}-stateless`;

/** In the order of the report. */
export const CONTENDERS: { readonly [era in Era]: readonly ContenderName[] } = {
  session: KINDS,
  stateless: ["floor-stateless", "pool-stateless", "sdk-v2-stateless"],
};

const SUFFIX = "-stateless";

export function contender(kind: Kind, era: Era): ContenderName {
  return era === "session" ? kind : `${kind}${SUFFIX}`;
}

export function eraOf(name: ContenderName): Era {
  return name.endsWith(SUFFIX) ? "stateless" : "session";
}

export function kindOf(name: ContenderName): Kind {
  return name.replace(SUFFIX, "") as Kind;
}

/** @param build folder of the pool's build to measure */
export async function connect(name: ContenderName, target: Target, build: string): Promise<Client> {
  const era = eraOf(name);
  const kind = kindOf(name);
  switch (kind) {
    case "floor":
      return target.kind === "http"
        ? (await import("./floor-http.ts")).connectFloorHttp(target, era)
        : (await import("./floor-stdio.ts")).connectFloorStdio(target, era);
    case "pool":
    case "other":
      return (await import("./pool.ts")).connectPool(build, target, era);
    case "sdk-v1":
      return (await import("./sdk-v1.ts")).connectSdkV1(target);
    case "sdk-v2":
      return (await import("./sdk-v2.ts")).connectSdkV2(target, era);
    case "langchain":
    case "ai-sdk":
    case "mcporter":
    case "mastra":
      return (await import("./peer.ts")).connectPeer(kind, target);
  }
}
