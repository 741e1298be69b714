// What a server's reaction to the probe says about its era: the decision tables 2b and 2c, as one pure function.
// https://modelcontextprotocol.io/specification/2026-07-28/basic/versioning#backward-compatibility-with-initialization-based-versions

import {
  McpAuthError,
  McpConnectionError,
  McpHttpError,
  McpProtocolError,
  McpResponseError,
} from "../core/errors.ts";
import {
  HEADER_MISMATCH,
  METHOD_NOT_FOUND,
  MISSING_CAPABILITY,
  UNSUPPORTED_VERSION,
} from "../jsonrpc/messages.ts";
import type { DiscoverResult } from "../spec/types.ts";
import {
  isAfterSessions,
  LATEST_STATELESS_VERSION,
  SESSION_VERSIONS,
  STATELESS_VERSIONS,
} from "../spec/versions.ts";
import type { SessionVersion, StatelessVersion } from "../spec/versions.ts";

/** What came of `server/discover`. */
export type Observation =
  | { readonly kind: "result"; readonly result: object }
  /** `status` is absent where the error came in good order: 2xx, or no HTTP at all. */
  | {
      readonly kind: "rpc-error";
      readonly code: number;
      readonly data: unknown;
      readonly status: number | undefined;
      readonly retryAfterMs?: number | undefined;
    }
  /** A status with a body that is no JSON-RPC error. */
  | {
      readonly kind: "http-error";
      readonly status: number;
      readonly retryAfterMs?: number | undefined;
    }
  /** 401, or 403 that asks for a wider scope. */
  | { readonly kind: "unauthorized" }
  /** 2xx with something that is no MCP. */
  | { readonly kind: "no-mcp" }
  /** The answer began, and broke off. */
  | { readonly kind: "broken-off" }
  /** A socket was there, and was closed on the request before an answer began. */
  | { readonly kind: "closed" }
  /** Network, time limit, caller's will; on stdio also a channel that broke the protocol and is gone. */
  | { readonly kind: "unreachable" }
  /** The channel lives on but does not carry the probe: a transport that is not ours. */
  | { readonly kind: "unsendable" }
  /** Nothing was heard for a while. */
  | { readonly kind: "silence" }
  /** The process, or the channel, ended. */
  | { readonly kind: "died" };

export interface ProbeContext {
  /** `exchange`: HTTP, table 2b. `duplex`: stdio and its like, table 2c. */
  readonly channel: "exchange" | "duplex";
  /** Probes that were answered before this one. */
  readonly asked: number;
}

/** `row` names the row of the table: H1 … H23, S1 … S10. */
export type Verdict = { readonly row: string } & (
  | { readonly era: "stateless"; readonly version: StatelessVersion }
  /** `initialize`; with the newest of the revisions that the server listed, if it listed any. */
  | { readonly era: "session"; readonly version: SessionVersion | undefined }
  /** No evidence, but servers with sessions react so too: `initialize` is tried once. */
  | { readonly era: "maybe-session" }
  /** The probe again, once, with a new id. */
  | { readonly era: "ask-again"; readonly version: StatelessVersion }
  /** Nothing in common. */
  | { readonly era: "incompatible"; readonly supported: readonly string[] }
  /** A new process, and `initialize` at once. */
  | { readonly era: "respawn" }
  /** No evidence: the failure is reported as it is. */
  | { readonly era: "unknown" }
);

/** Whether the status is of a server in trouble: what it will say when it is well is unknown (H18). */
export function isTransient(status: number): boolean {
  return status >= 500 || [408, 425, 429].includes(status);
}

/** Whether an answer with this status says anything of the era: not if it is about credentials, or troubles. */
export function isConclusive(status: number | undefined): boolean {
  if (status === undefined) return true;
  return status !== 401 && status !== 403 && !isTransient(status);
}

/** Codes of drafts, and of SDKs for other things, that look like the stateless era's and are not (H12). */
const DRAFT_CODES: ReadonlySet<number> = new Set([-32001, -32003, -32004]);

export function classify(observation: Observation, context: ProbeContext): Verdict {
  switch (observation.kind) {
    case "result":
      return ofResult(observation.result, context);
    case "rpc-error":
      return context.channel === "exchange"
        ? ofHttpRpcError(observation, context)
        : ofDuplexRpcError(observation, context);
    case "http-error":
      return ofStatus(observation.status, observation.retryAfterMs);
    case "unauthorized":
      return { row: "H16", era: "maybe-session" };
    case "no-mcp":
      return { row: context.channel === "exchange" ? "H6" : "S10", era: "maybe-session" };
    case "broken-off":
      return context.asked === 0
        ? { row: "H21", era: "ask-again", version: LATEST_STATELESS_VERSION }
        : { row: "H21", era: "maybe-session" };
    case "closed":
      return { row: "H23", era: "maybe-session" };
    case "unreachable":
      return { row: "H19", era: "unknown" };
    case "unsendable":
      return session("S4");
    case "silence":
      return context.channel === "exchange" ? { row: "H22", era: "maybe-session" } : session("S6");
    case "died":
      return { row: "S7", era: "respawn" };
  }
}

/** The failure of a probe, as an observation. `isOver`: the channel is gone. */
export function observe(
  error: unknown,
  channel: ProbeContext["channel"],
  isOver: boolean,
): Observation {
  if (error instanceof McpAuthError) return { kind: "unauthorized" };
  if (error instanceof McpResponseError) {
    const { rpcCode: code, data, status, retryAfterMs } = error;
    return { kind: "rpc-error", code, data, status, retryAfterMs };
  }
  if (error instanceof McpHttpError) {
    return { kind: "http-error", status: error.status, retryAfterMs: error.retryAfterMs };
  }
  if (error instanceof McpProtocolError) {
    // Another process of the same command would break the protocol in the same way.
    return { kind: channel === "duplex" && isOver ? "unreachable" : "no-mcp" };
  }
  if (channel === "duplex") {
    if (isOver) return { kind: "died" };
    return { kind: error instanceof McpConnectionError ? "unsendable" : "unreachable" };
  }
  // Nothing is known to have been written: there may be nobody to ask.
  if (!(error instanceof McpConnectionError) || error.sent === "no") return { kind: "unreachable" };
  return { kind: error.sent === "yes" ? "broken-off" : "closed" };
}

/** How `initialize` failed, by the rows L2 to L6: what there is to do about it. */
export type InitializeVerdict =
  /** The server has no sessions at all: the stateless era after all, without asking (L5, 2.16). */
  | "stateless"
  /** A server of 2024-11-05 may be behind the same address (L2). */
  | "try-http-sse"
  /** L3, L4, L6. */
  | "fail";

export function classifyInitialize(error: unknown): InitializeVerdict {
  if (error instanceof McpResponseError) {
    if (error.rpcCode === HEADER_MISMATCH) return "stateless";
    const supported = supportedOf(error.data);
    const isModern = supported.length > 0 && supported.every(isAfterSessions);
    const isRefused = error.rpcCode === UNSUPPORTED_VERSION;
    const knowsOurs = supported.length === 0 || mutualStateless(supported) !== undefined;
    if (isModern || (isRefused && knowsOurs)) return "stateless";
    if (error.rpcCode === MISSING_CAPABILITY || isRefused) return "fail";
  } else if (!(error instanceof McpHttpError)) return "fail";
  return [400, 404, 405].includes(error.status ?? 0) ? "try-http-sse" : "fail";
}

/** Whether a value has the shape of a DiscoverResult (H1). */
export function isDiscoverResult(value: object): value is DiscoverResult {
  const { supportedVersions, capabilities } = value as Partial<DiscoverResult>;
  return (
    Array.isArray(supportedVersions) &&
    supportedVersions.every((version) => typeof version === "string") &&
    typeof capabilities === "object" &&
    capabilities !== null
  );
}

/** The newest stateless revision that both sides speak. */
export function mutualStateless(supported: readonly unknown[]): StatelessVersion | undefined {
  return STATELESS_VERSIONS.findLast((version) => supported.includes(version));
}

/** `data.supported` of an error, as far as it is usable. */
export function supportedOf(data: unknown): string[] {
  const supported = (data as { supported?: unknown } | null | undefined)?.supported;
  if (!Array.isArray(supported)) return [];
  return supported.filter((version): version is string => typeof version === "string");
}

function ofResult(result: object, { channel }: ProbeContext): Verdict {
  const isHttp = channel === "exchange";
  if (!isDiscoverResult(result)) return session(isHttp ? "H4" : "S5");
  const { supportedVersions } = result;
  const version = mutualStateless(supportedVersions);
  if (version !== undefined) return { row: isHttp ? "H1" : "S1", era: "stateless", version };
  const older = mutualSession(supportedVersions);
  if (older !== undefined) return session("H2", older);
  return { row: "H3", era: "incompatible", supported: supportedVersions };
}

function ofHttpRpcError(
  { code, data, status, retryAfterMs }: Observation & { kind: "rpc-error" },
  { asked }: ProbeContext,
): Verdict {
  // A server that says so speaks the era, whatever the status.
  const isOurs = code === UNSUPPORTED_VERSION && mutualStateless(supportedOf(data)) !== undefined;
  if (status !== undefined && !isOurs) {
    if (isTransient(status)) return ofTrouble(status, retryAfterMs);
    if (status === 403) return { row: "H17", era: "maybe-session" };
  }
  switch (code) {
    case UNSUPPORTED_VERSION:
      return ofUnsupported(data, asked, {
        mutual: "H7",
        none: "H8",
        legacy: "H9",
        unusable: "H10",
      });
    case HEADER_MISMATCH:
      // Somebody between strips headers, and will go on doing so.
      return asked === 0
        ? { row: "H11", era: "ask-again", version: LATEST_STATELESS_VERSION }
        : session("H11");
    case MISSING_CAPABILITY:
      return asked === 0
        ? { row: "H11", era: "ask-again", version: LATEST_STATELESS_VERSION }
        : { row: "H11", era: "unknown" };
    case METHOD_NOT_FOUND:
      return session(status === 404 ? "H14" : "H13");
    default:
      return session(DRAFT_CODES.has(code) ? "H12" : "H13");
  }
}

function ofDuplexRpcError(
  { code, data }: Observation & { kind: "rpc-error" },
  { asked }: ProbeContext,
): Verdict {
  switch (code) {
    case UNSUPPORTED_VERSION:
      return ofUnsupported(data, asked, { mutual: "S2", none: "S2", legacy: "S2", unusable: "S2" });
    case MISSING_CAPABILITY:
      return asked === 0
        ? { row: "S3", era: "ask-again", version: LATEST_STATELESS_VERSION }
        : { row: "S3", era: "unknown" };
    default:
      return session("S4");
  }
}

function ofUnsupported(
  data: unknown,
  asked: number,
  rows: { mutual: string; none: string; legacy: string; unusable: string },
): Verdict {
  const supported = supportedOf(data);
  if (supported.length === 0) return session(rows.unusable);
  const version = mutualStateless(supported);
  if (version !== undefined) {
    return asked === 0
      ? { row: rows.mutual, era: "ask-again", version }
      : { row: rows.mutual, era: "unknown" };
  }
  const older = mutualSession(supported);
  if (supported.some(isAfterSessions) || older === undefined) {
    return { row: rows.none, era: "incompatible", supported };
  }
  return session(rows.legacy, older);
}

/** A server that says when to come back, or that it is asked too often, is not asked anything else now. */
function ofTrouble(status: number, retryAfterMs: number | undefined): Verdict {
  const mustWait = status < 500 || retryAfterMs !== undefined;
  return { row: "H18", era: mustWait ? "unknown" : "maybe-session" };
}

function ofStatus(status: number, retryAfterMs: number | undefined): Verdict {
  if (isTransient(status)) return ofTrouble(status, retryAfterMs);
  if (status === 403) return { row: "H17", era: "maybe-session" };
  if (status < 400) return { row: "H20", era: "unknown" };
  return session("H15");
}

function session(row: string, version?: SessionVersion): Verdict {
  return { row, era: "session", version };
}

function mutualSession(supported: readonly string[]): SessionVersion | undefined {
  return SESSION_VERSIONS.findLast((version) => supported.includes(version));
}
