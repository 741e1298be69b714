// The options of the scripted stateless server, and what its handlers are given.

import type { IncomingMessage, ServerResponse } from "node:http";
import type { RecordedRequest } from "../http-server.ts";
import type { JsonObject, RpcId } from "./protocol.ts";
import type { TaskTable } from "./tasks.ts";

/**
 * `stateless`: revision 2026-07-28 only; traffic of a session is refused with 400 -32022.
 * `both`: a request with the envelope is served statelessly, `initialize` and the traffic of a session in a session.
 * `sessions`: 2025-11-25 only; a request with the envelope is answered as legacy servers do: 400, -32000, id null.
 */
export type Era = "stateless" | "both" | "sessions";

/** What one request claims to be. `unclear`: neither an envelope nor anything of a session. */
export type RequestEra = "stateless" | "session" | "unclear";

export interface StatelessRecord extends RecordedRequest {
  readonly era: RequestEra;
}

/** For `onRequest`: the record, and the means to answer it. */
export interface StatelessRequest extends StatelessRecord {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
}

export interface HandlerContext extends StatelessRequest {
  readonly id: RpcId;
  readonly params: JsonObject;
  /** `params._meta`. */
  readonly meta: JsonObject;
  /** What the client declared with this request (empty in a session). */
  readonly clientCapabilities: JsonObject;
  /** Given on the retry of an answer that was `input_required`. */
  readonly inputResponses: JsonObject | undefined;
  readonly requestState: string | undefined;
  /** Aborted when the response stream is closed before the answer: by the client, or by a cut. */
  readonly signal: AbortSignal;
  readonly tasks: TaskTable;
  /** Sends a progress notification, if the request asked for progress. The answer becomes an SSE stream. */
  readonly progress: (progress: number, total?: number, message?: string) => void;
  /** Sends a log message, if the request asked for this level (a session gets every level). */
  readonly log: (level: string, data: unknown, logger?: string) => void;
  /** Sends any message on this request's stream, allowed or not. */
  readonly notify: (message: object) => void;
  /** Sends the head of an SSE stream now. */
  readonly openStream: () => void;
  /** Sends the head of an SSE stream, then destroys the socket: the client never gets an answer. */
  readonly cut: () => void;
}

export type Awaitable<T> = T | Promise<T>;

export interface StatelessTool {
  readonly title?: string;
  readonly description?: string;
  /** Default `{ type: "object" }`. */
  readonly inputSchema?: JsonObject;
  readonly outputSchema?: JsonObject;
  readonly annotations?: object;
  /** Client capabilities without which a stateless call is refused: 400 -32021, not executed. */
  readonly requires?: JsonObject;
  /**
   * What it gives back decides the answer: `inputRequired({…})`, a task of `context.tasks.createTask()`, an object with
   * `content` or `resultType` (sent as it is), anything else (its text). A thrown `RpcError` is a JSON-RPC
   * error, any other throw a result with `isError`. Default: gives back the arguments.
   */
  readonly handler?: (args: JsonObject, context: HandlerContext) => unknown;
}

export interface StatelessResource {
  readonly name?: string;
  readonly mimeType?: string;
  /** Default `text of <uri>`. */
  readonly text?: string;
  /** Instead of `text`: a string (the text), `inputRequired({…})`, or an object with `contents` (sent as it is). */
  readonly read?: (uri: string, context: HandlerContext) => unknown;
}

export interface StatelessPrompt {
  readonly description?: string;
  readonly arguments?: readonly object[];
  /** A string (one user message), `inputRequired({…})`, or an object with `messages` (sent as it is). */
  readonly get?: (args: JsonObject, context: HandlerContext) => unknown;
}

export interface CacheHint {
  readonly ttlMs?: unknown;
  readonly cacheScope?: unknown;
}

/** What a `subscriptions/listen` asks for, and what an acknowledgement grants. */
export interface ListenFilter {
  toolsListChanged?: boolean;
  promptsListChanged?: boolean;
  resourcesListChanged?: boolean;
  resourceSubscriptions?: string[];
  taskIds?: string[];
}

/** Every one may be changed at any time; a change holds from the next request on. */
export interface StatelessServerOptions {
  /** Default `stateless`. Change it by `setEra()`, which also ends what the other era had open. */
  era?: Era;
  /**
   * Default `json`: an answer is one JSON object, unless its handler opened a stream. `sse`: every answer is a stream.
   * A function decides by request.
   */
  replies?: "json" | "sse" | ((record: StatelessRecord) => "json" | "sse");
  /** By name, in this order. Default: one tool, `echo`. */
  tools?: Record<string, StatelessTool>;
  /** By URI. Default none: `resources/*` is an unknown method. */
  resources?: Record<string, StatelessResource>;
  resourceTemplates?: readonly object[];
  /** By name. Default none: `prompts/*` is an unknown method. */
  prompts?: Record<string, StatelessPrompt>;
  /** The values. Default none: `completion/complete` is an unknown method. */
  complete?: (params: JsonObject, context: HandlerContext) => Awaitable<readonly string[]>;
  /** Any further request method, by name; gives back the result. */
  methods?: Record<string, (params: JsonObject, context: HandlerContext) => Awaitable<JsonObject>>;
  /** By method. Default `{ ttlMs: 0, cacheScope: "private" }`; `null` leaves the hints out. Sent as they are. */
  caching?: Record<string, CacheHint | null>;
  /** Entries per page of every list. Default: all on one page. */
  pageSize?: number;
  /** The cursor of the second page, the third, … Default `page-1`, `page-2`, … The empty string is allowed. */
  cursors?: readonly string[];
  /** Default: what the other options offer, each with `listChanged`, resources with `subscribe`; and the tasks extension. */
  capabilities?: JsonObject;
  instructions?: string;
  /** Default `{ name: "test-stateless-server", version: "1.0.0" }`; `null` leaves it out. */
  serverInfo?: JsonObject | null;
  /** Default false: the identity is in the `_meta` of `server/discover` only. True: in every result. */
  identifyResults?: boolean;
  /** Default false. True: `resultType: "complete"` is left out, as by servers of drafts. */
  omitResultType?: boolean;
  /** Versions that `server/discover` and -32022 name. Default `["2026-07-28"]`, with `2025-11-25` when `both`. */
  supportedVersions?: readonly string[];
  /** Default `normal`. A function gives back the whole result, or throws an `RpcError`. */
  discover?: "normal" | ((context: HandlerContext) => Awaitable<JsonObject>);
  /**
   * The filter that is acknowledged to a `subscriptions/listen`. `null`: nothing is acknowledged. A thrown `RpcError`
   * refuses. Default: what was asked for and the capabilities offer.
   */
  ack?: (requested: ListenFilter, context: HandlerContext) => Awaitable<ListenFilter | null>;
  /** Version that `initialize` answers in a session. Default `2025-11-25`. */
  sessionVersion?: string;
  /** Default false: a GET of a session is answered with 405. */
  getStream?: boolean;
  /**
   * What tells clients apart whose ids are checked. Default: all requests come from one client; see `newClient()`.
   * Example: `({ headers }) => String(headers["x-client"])`.
   */
  clientOf?: (record: StatelessRecord) => string;
  /**
   * Default `never-reused`: a second request with an id of the same client is a violation. `not-outstanding`: only while
   * the first is unanswered, which is all that the revision demands.
   */
  ids?: "never-reused" | "not-outstanding";
  /** Sees every request first. `true`: it was answered (or will be), the server does nothing more, and checks nothing. */
  onRequest?: (context: StatelessRequest) => Awaitable<boolean | void>;
}
