// What an HTTP status says. https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#sending-messages-to-the-server

import {
  McpAuthError,
  McpConnectionError,
  McpHttpError,
  McpResponseError,
  type McpError,
} from "../../core/errors.ts";
import { describeBody } from "../../core/html-text.ts";
import { keptText } from "../../core/flat.ts";
import { excerpt, redactUrl } from "../../core/redact.ts";
import { bounded, SERVER_NUMBERS } from "../../core/server-number.ts";
import type { JsonRpcFailure, RequestId } from "../../jsonrpc/messages.ts";
import { tryParse } from "../../jsonrpc/parse.ts";
import type { AnswerHeaders } from "./answer-headers.ts";
import type { HttpContext } from "./context.ts";
import { afterSilence, proxyHint } from "./silence.ts";

/** Bytes of a body that is no answer; the rest is not read. */
export const ERROR_BODY_BYTES: number = 64 * 1024;

export interface HttpAnswer {
  readonly status: number;
  readonly headers: AnswerHeaders;
  /** At most {@link ERROR_BODY_BYTES} of it. */
  readonly body: string;
  /** From the writing of the request to the head of the answer, whole milliseconds. */
  readonly answeredAfterMs: number;
}

/** The answered request; `id` is undefined if it asked for no response. */
export interface AnsweredRequest {
  readonly method: string | undefined;
  readonly id: RequestId | undefined;
  /** It carried a session id: the server has answered at this very address before. */
  readonly hasSession?: boolean | undefined;
}

const INSUFFICIENT_SCOPE = /\berror\s*=\s*"?insufficient_scope\b/i;
/** Statuses after which the very same request may succeed. */
const RETRYABLE: ReadonlySet<number> = new Set([408, 425, 429, 502, 503, 504]);
const HTTP_DATE = /^[A-Za-z]{3,9},? .* GMT$/;

/** The error that an answer other than 2xx stands for. */
export function statusError(
  context: HttpContext,
  request: AnsweredRequest,
  answer: HttpAnswer,
): McpError {
  const { server, address } = context;
  const { method } = request;
  const { status, headers, body, answeredAfterMs } = answer;
  const challenge = headers.all("www-authenticate");
  const common = { server, method, sent: "yes", status, answeredAfterMs } as const;
  const who = `"${server}" at ${address}`;
  if (status === 401) {
    return new McpAuthError(
      "AUTH_REQUIRED",
      `${who} asks for authorization (401); give its token in headers.Authorization`,
      {
        ...common,
        challenge,
      },
    );
  }
  if (status === 403 && challenge !== undefined && INSUFFICIENT_SCOPE.test(challenge)) {
    return new McpAuthError("INSUFFICIENT_SCOPE", `${who} asks for a wider scope (403)`, {
      ...common,
      challenge,
    });
  }
  const { forwardProxy } = context.sockets;
  // No server asks for that: it is the proxy, and the server has not got the request.
  // https://www.rfc-editor.org/rfc/rfc9110#section-15.5.8
  const isProxy = status === 407 && headers.all("proxy-authenticate") !== undefined;
  if (isProxy && forwardProxy !== undefined) {
    return new McpConnectionError(
      "CONNECTION_FAILED",
      `cannot connect to ${who} through the proxy ${forwardProxy}: it wants credentials, or others than those given (407); give the proxy's credentials in http_proxy, as in http://user:password@host:port`,
      { server, method, sent: "no", retryable: false },
    );
  }
  // A notification too can be refused in words, without an id.
  const failure = method === undefined ? undefined : rpcFailure(context, body, request.id);
  const waitMs = retryAfterMs(headers.all("retry-after"), context.clock.wallTime());
  if (failure !== undefined) return rpcError(context, method, failure, answer, waitMs);
  const piece = excerpt(body);
  const shown = describeBody(body);
  const location = headers.all("location");
  const detail =
    location !== undefined && status >= 300 && status < 400
      ? `redirects to ${redactLocation(location, context.url)}, which is not followed; use that address if it is yours`
      : `answered with HTTP ${status}${lateness(status, answeredAfterMs)}${status === 404 ? notFound(request) : ""}${shown === "" ? "" : `: ${shown}`}`;
  const via = forwardProxy === undefined ? "" : ` (${passedOn(forwardProxy, headers)})`;
  return new McpHttpError(`${who} ${detail}${via}`, {
    ...common,
    retryable: RETRYABLE.has(status),
    retryAfterMs: waitMs,
    excerpt: piece,
  });
}

/** A gateway that waited in vain says so by these. */
const GATEWAY_STATUSES: ReadonlySet<number> = new Set([502, 503, 504]);

function lateness(status: number, answeredAfterMs: number): string {
  if (!GATEWAY_STATUSES.has(status)) return "";
  return `${afterSilence(answeredAfterMs)}${proxyHint(answeredAfterMs)}`;
}

/** Headers that proxies add to answers of their own. */
const TELLING_HEADERS = ["proxy-status", "x-squid-error", "via"];

/** The status alone does not say whether the server answered, or the proxy. */
function passedOn(proxy: string, headers: AnswerHeaders): string {
  const said = TELLING_HEADERS.flatMap((name) => {
    const value = headers.all(name);
    return value === undefined ? [] : [`, ${name}: ${excerpt(value, 100)}`];
  });
  return `through the proxy ${proxy}, which may be what answered${said.join("")}`;
}

/** The server's JSON-RPC error as our error, with the HTTP status that carried it. */
export function rpcError(
  context: HttpContext,
  method: string | undefined,
  failure: JsonRpcFailure,
  answer: { readonly status: number; readonly answeredAfterMs: number },
  waitMs?: number,
): McpResponseError {
  const { code, data } = failure.error;
  const message = keptText(failure.error.message ?? "");
  const text = excerpt(message);
  return new McpResponseError(`"${context.server}" answered with error ${code}: ${text}`, {
    server: context.server,
    method,
    rpcCode: code,
    rpcMessage: message,
    data,
    status: answer.status,
    retryAfterMs: waitMs,
    answeredAfterMs: answer.answeredAfterMs,
    isUnattributed: failure.id == null,
  });
}

/** `Retry-After` in milliseconds from now: seconds or an HTTP date, nothing else. */
export function retryAfterMs(value: string | undefined, wallTimeMs: number): number | undefined {
  if (value === undefined) return undefined;
  const trimmed = value.trim();
  if (/^\d+$/.test(trimmed)) return bounded(Number(trimmed) * 1_000, SERVER_NUMBERS.retryAfter);
  if (!HTTP_DATE.test(trimmed)) return undefined;
  const at = Date.parse(trimmed);
  return Number.isNaN(at) ? undefined : bounded(at - wallTimeMs, SERVER_NUMBERS.retryAfter);
}

/** What stands before `;`, in lower case. */
export function mediaType(contentType: string | undefined): string {
  if (contentType === undefined) return "";
  // The exact form is by far the most frequent one.
  if (contentType === "application/json" || contentType === "text/event-stream") return contentType;
  const semicolon = contentType.indexOf(";");
  return (semicolon === -1 ? contentType : contentType.slice(0, semicolon)).trim().toLowerCase();
}

function notFound({ hasSession }: AnsweredRequest): string {
  return hasSession === true
    ? "; it does not know the session of this request: has it been restarted, or are there replicas behind a load balancer without session affinity?"
    : "; check the path of the URL";
}

/** The JSON-RPC error in `body`, if it answers request `id` or cannot say which. */
function rpcFailure(
  context: HttpContext,
  body: string,
  id: RequestId | undefined,
): JsonRpcFailure | undefined {
  const message = tryParse(body, context.sink.repairs);
  if (typeof message === "string") return undefined;
  if (Array.isArray(message) || !("error" in message)) return undefined;
  if (message.id === id || message.id === undefined || message.id === null) return message;
  if (message.id !== String(id)) return undefined;
  return context.quirks.repair("id-as-string") ? message : undefined;
}

function redactLocation(location: string, base: URL): string {
  return URL.canParse(location, base.href) ? redactUrl(new URL(location, base)) : "<invalid URL>";
}
