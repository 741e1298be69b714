// What a server answered to `initialize`, read liberally, with a list of what was wrong with it.
// https://modelcontextprotocol.io/specification/2025-11-25/schema#initializeresult

import { isObject } from "../../core/is-object.ts";
import { excerpt } from "../../core/redact.ts";
import type { QuirkCode } from "../../jsonrpc/quirk-table.ts";
import type { Implementation, InitializeResult, ServerCapabilities } from "../../spec/types.ts";
import { isSessionVersion, nearestSessionVersion } from "../../spec/versions.ts";
import type { SessionVersion } from "../../spec/versions.ts";

export interface Deviation {
  readonly code: QuirkCode;
  readonly detail: string;
  /** Forgiven even where the letter of the specification counts. */
  readonly isHarmless: boolean;
}

export interface ReadResult {
  readonly result: InitializeResult;
  /** The revision whose rules hold; `result.protocolVersion` is the server's own name for it. */
  readonly version: SessionVersion;
  readonly deviations: readonly Deviation[];
}

/** Names of revisions that can be sent in a header. */
const VERSION = /^[\x21-\x7e]{1,64}$/;

/** Reads the answer to an offer of `offered`. `undefined`: it is no InitializeResult at all. */
export function readInitializeResult(
  given: object,
  offered: SessionVersion,
): ReadResult | undefined {
  const { protocolVersion, capabilities, serverInfo, instructions } = given as {
    readonly [key in keyof InitializeResult]?: unknown;
  };
  const isOne = typeof protocolVersion === "string" || isObject(capabilities);
  if (!isOne && !isObject(serverInfo)) return undefined;
  const deviations: Deviation[] = [];
  const note = (code: QuirkCode, detail: string, isHarmless = false): void => {
    deviations.push({ code, detail, isHarmless });
  };
  const said = readVersion(protocolVersion);
  if (said === undefined) note("initialize-incomplete", "protocolVersion");
  else if (!isSessionVersion(said)) note("version-unknown", excerpt(said, 40));
  if (!isObject(capabilities)) {
    note("initialize-incomplete", "capabilities", Array.isArray(capabilities));
  }
  const { name, version } = isObject(serverInfo) ? (serverInfo as Partial<Implementation>) : {};
  if (typeof name !== "string" || typeof version !== "string") {
    note("initialize-incomplete", "serverInfo", true);
  }
  const isText = instructions === undefined || typeof instructions === "string";
  if (!isText) note("initialize-incomplete", "instructions", true);
  return {
    result: {
      protocolVersion: said ?? offered,
      capabilities: isObject(capabilities) ? (capabilities as ServerCapabilities) : {},
      serverInfo: {
        ...(isObject(serverInfo) ? serverInfo : {}),
        name: typeof name === "string" ? name : "unknown",
        version: typeof version === "string" ? version : "unknown",
      },
      ...(typeof instructions === "string" ? { instructions } : {}),
    },
    version: said === undefined ? offered : nearestSessionVersion(said),
    deviations,
  };
}

function readVersion(given: unknown): string | undefined {
  return typeof given === "string" && VERSION.test(given) ? given : undefined;
}
