// Why a socket or HTTP failure happened, read from error codes only. https://nodejs.org/api/errors.html#nodejs-error-codes

import {
  McpConfigError,
  McpConnectionError,
  McpProtocolError,
  type McpError,
} from "../../core/errors.ts";
import { ProxyError } from "./proxied.ts";
import { ProxySettingError } from "./proxy-environment.ts";

import { afterSilence, proxyHint } from "./silence.ts";

export type NodeFailureKind =
  | "refused"
  | "unresolved"
  | "timeout"
  | "unreachable"
  | "certificate"
  | "tls"
  | "reset"
  | "malformed"
  | "invalid"
  | "closed"
  | "unknown";

export interface NodeFailure {
  readonly kind: NodeFailureKind;
  /** The code that decided, or the first one on the chain. */
  readonly code: string | undefined;
}

/** How far the request had got. */
export type SendStage = "queued" | "written" | "answered";

/** Longest cause chain that is followed. */
const MAX_CHAIN = 16;

const KIND_BY_CODE: ReadonlyMap<string, NodeFailureKind> = new Map([
  ["ECONNREFUSED", "refused"],
  ["ENOTFOUND", "unresolved"],
  ["EAI_AGAIN", "unresolved"],
  ["EAI_FAIL", "unresolved"],
  ["EAI_NODATA", "unresolved"],
  ["EAI_NONAME", "unresolved"],
  ["ETIMEDOUT", "timeout"],
  ["UND_ERR_CONNECT_TIMEOUT", "timeout"],
  ["UND_ERR_HEADERS_TIMEOUT", "timeout"],
  ["UND_ERR_BODY_TIMEOUT", "timeout"],
  ["ERR_TLS_HANDSHAKE_TIMEOUT", "timeout"],
  ["EHOSTUNREACH", "unreachable"],
  ["EHOSTDOWN", "unreachable"],
  ["ENETUNREACH", "unreachable"],
  ["ENETDOWN", "unreachable"],
  ["EADDRNOTAVAIL", "unreachable"],
  ["HOSTNAME_MISMATCH", "certificate"],
  ["INVALID_CA", "certificate"],
  ["INVALID_PURPOSE", "certificate"],
  ["PATH_LENGTH_EXCEEDED", "certificate"],
  ["UND_ERR_PRX_TLS", "certificate"],
  ["EPROTO", "tls"],
  ["ECONNRESET", "reset"],
  ["ECONNABORTED", "reset"],
  ["EPIPE", "reset"],
  ["UND_ERR_SOCKET", "reset"],
  ["UND_ERR_RES_CONTENT_LENGTH_MISMATCH", "reset"],
  ["UND_ERR_HEADERS_OVERFLOW", "malformed"],
  ["UND_ERR_INVALID_ARG", "invalid"],
  ["UND_ERR_NOT_SUPPORTED", "invalid"],
  ["ERR_INVALID_URL", "invalid"],
  ["ERR_INVALID_CHAR", "invalid"],
  ["UND_ERR_CLOSED", "closed"],
  ["UND_ERR_DESTROYED", "closed"],
]);

const KIND_BY_PREFIX: readonly (readonly [string, NodeFailureKind])[] = [
  ["ERR_TLS_CERT_", "certificate"],
  ["CERT_", "certificate"],
  ["UNABLE_TO_", "certificate"],
  ["SELF_SIGNED", "certificate"],
  ["DEPTH_ZERO", "certificate"],
  ["ERROR_IN_CERT", "certificate"],
  ["ERR_TLS_", "tls"],
  ["ERR_SSL_", "tls"],
  ["HPE_", "malformed"],
];

const TEXT: Readonly<Record<NodeFailureKind, string>> = {
  refused: "the connection was refused",
  unresolved: "the host name could not be resolved",
  timeout: "no connection within the time allowed",
  unreachable: "the network does not reach the host",
  certificate: "its TLS certificate was not accepted",
  tls: "no TLS connection could be agreed on",
  reset: "the connection was closed",
  malformed: "its answer is not valid HTTP",
  invalid: "the request could not be built",
  closed: "the dispatcher is closed",
  unknown: "the connection failed",
};

const ADVICE: Readonly<Record<NodeFailureKind, string>> = {
  refused: "check that the server is running and listens there",
  unresolved: "check the host name and the DNS",
  timeout: "check the address, firewalls and proxies, or raise timeouts.connectMs",
  unreachable: "check the address and the network",
  certificate: "check the host name, or give the issuing authority to Node (NODE_EXTRA_CA_CERTS)",
  tls: "check that the address speaks HTTPS",
  reset: "check the server's own log",
  malformed: "check that the address is an HTTP server",
  invalid: "check the URL, the headers and the proxy settings",
  closed: "give the server a dispatcher that is open",
  unknown: "check the server and the network",
};

/** Classifies by the first known code along the chain of causes. */
export function classifyNodeError(reason: unknown): NodeFailure {
  let first: string | undefined;
  let current = reason;
  for (let depth = 0; depth < MAX_CHAIN && current instanceof Error; depth++) {
    const code: unknown = Reflect.get(current, "code");
    if (typeof code === "string") {
      first ??= code;
      const kind = kindOf(code);
      if (kind !== undefined) return { kind, code };
    }
    // Node tries every address of a host and gathers the failures; the first is as good as another.
    current =
      current.cause ?? (current instanceof AggregateError ? current.errors.at(0) : undefined);
  }
  return { kind: "unknown", code: first };
}

export interface FailedRequest {
  readonly server: string;
  /** Redacted. */
  readonly address: string;
  readonly method: string | undefined;
  readonly stage: SendStage;
  /** Over TCP itself, so that what is written is the request and nothing else. */
  readonly isPlain: boolean;
  /** How long nothing had been heard, once it was written. */
  readonly silentMs?: number;
}

/** The error that a failed request is reported with. */
export function errorFromNodeReason(reason: unknown, request: FailedRequest): McpError {
  const { kind, code } = classifyNodeError(reason);
  const { server, address, method, stage, isPlain, silentMs = 0 } = request;
  const what =
    reason instanceof ProxySettingError
      ? reason.message
      : code === undefined
        ? TEXT[kind]
        : `${TEXT[kind]} (${code})`;
  const common = { server, method, cause: reason };
  const proxyError = proxyErrorIn(reason);
  if (proxyError !== undefined) return errorFromProxy(proxyError, request);
  if (stage === "queued") {
    const message = `cannot connect to "${server}" at ${address}: ${what}; ${ADVICE[kind]}`;
    if (kind === "invalid") return new McpConfigError(message, common);
    const retryable = kind !== "certificate" && kind !== "tls" && kind !== "closed";
    return new McpConnectionError("CONNECTION_FAILED", message, { ...common, retryable });
  }
  if (stage === "written" && isPlain && isRefusedWrite(reason)) {
    return new McpConnectionError(
      "CONNECTION_LOST",
      `the connection to "${server}" at ${address} was closed before the request was written: ${what}`,
      { ...common, retryable: true, sent: "no" },
    );
  }
  if (stage === "written" && kind === "malformed") {
    return new McpProtocolError(`"${server}" at ${address}: ${what}; ${ADVICE[kind]}`, {
      ...common,
      sent: "yes",
    });
  }
  return new McpConnectionError(
    "CONNECTION_LOST",
    stage === "written"
      ? `lost the connection to "${server}" at ${address} before it answered${afterSilence(silentMs)}: ${what}${proxyHint(silentMs)}`
      : `lost the connection to "${server}" at ${address} in the middle of its answer${afterSilence(silentMs)}: ${what}${proxyHint(silentMs)}`,
    { ...common, retryable: true, sent: stage === "written" ? "unknown" : "yes" },
  );
}

/** Statuses of a proxy after which the very same CONNECT may succeed. */
const RETRYABLE_CONNECT: ReadonlySet<number> = new Set([408, 425, 429, 500, 502, 503, 504]);

/** The proxy did not open the way: the server has not got a byte. */
function errorFromProxy(
  error: ProxyError,
  { server, address, method }: FailedRequest,
): McpConnectionError {
  const { status } = error;
  const { kind, code } = classifyNodeError(error.cause);
  const [what, advice] =
    status === undefined
      ? ([code === undefined ? TEXT[kind] : `${TEXT[kind]} (${code})`, PROXY_ADVICE] as const)
      : answerOf(status);
  const detail = error.detail === "" ? "" : ` [${error.detail}]`;
  const retryable =
    status === undefined
      ? kind !== "certificate" && kind !== "tls" && kind !== "closed" && kind !== "invalid"
      : RETRYABLE_CONNECT.has(status);
  return new McpConnectionError(
    "CONNECTION_FAILED",
    `cannot connect to "${server}" at ${address} through the proxy ${error.proxy}: ${what}${detail}; ${advice.replace("https_proxy", error.variable)}`,
    { server, method, cause: error, retryable },
  );
}

const PROXY_ADVICE = "check that the proxy in https_proxy is running and listens there";

/** A proxy's answer to CONNECT, and what to do about it. */
function answerOf(status: number): readonly [what: string, advice: string] {
  switch (status) {
    case 407:
      return [
        "it wants credentials, or others than those given (407)",
        "give the proxy's credentials in https_proxy, as in http://user:password@host:port",
      ];
    case 403:
      return [
        "it does not allow that (403)",
        "ask the proxy's owner to allow this host and port, or name the host in no_proxy",
      ];
    case 502:
    case 503:
    case 504:
      return [
        `it could not reach the host (${status})`,
        "check the host name, and that the proxy can resolve and reach it",
      ];
    default:
      return [
        `it answered CONNECT with ${status}`,
        "check that https_proxy names a forward proxy, and ask the proxy's owner",
      ];
  }
}

function proxyErrorIn(reason: unknown): ProxyError | undefined {
  let current = reason;
  for (let depth = 0; depth < MAX_CHAIN && current instanceof Error; depth++) {
    if (current instanceof ProxyError) return current;
    current = current.cause;
  }
  return undefined;
}

/**
 * The system refused to take bytes of the request: the server has not got all of it, and cannot have run it. Over TLS
 * that is not known: a record of the protocol itself may be what was refused, long after the request.
 */
function isRefusedWrite(reason: unknown): boolean {
  let current = reason;
  for (let depth = 0; depth < MAX_CHAIN && current instanceof Error; depth++) {
    if (Reflect.get(current, "syscall") === "write") return true;
    current = current.cause;
  }
  return false;
}

function kindOf(code: string): NodeFailureKind | undefined {
  const exact = KIND_BY_CODE.get(code);
  if (exact !== undefined) return exact;
  for (const [prefix, kind] of KIND_BY_PREFIX) if (code.startsWith(prefix)) return kind;
  return undefined;
}
