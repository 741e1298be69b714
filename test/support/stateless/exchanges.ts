// How the scripted stateless server takes a request from its check to its answer, in either era.

import type { Socket } from "node:net";
import { checkNotification, checkPost, checkRequest } from "./check-request.ts";
import type { CheckScope } from "./check-request.ts";
import { Counters } from "./counters.ts";
import { handlerContext } from "./handler-context.ts";
import { Interventions } from "./interventions.ts";
import { Ledger } from "./ledger.ts";
import {
  inputSchemaOf,
  serverCapabilities,
  sessionResult,
  statelessResult,
  toolsOf,
} from "./methods.ts";
import type { MethodScope } from "./methods.ts";
import {
  declaresTasks,
  errorMessage,
  isObject,
  isRpcId,
  missingCapability,
  paramsOf,
  RpcError,
  SESSION_VERSIONS,
  STATELESS_VERSION,
  TASKS_EXTENSION,
  unsupportedVersion,
} from "./protocol.ts";
import type { JsonObject, RpcId } from "./protocol.ts";
import { Reply } from "./reply.ts";
import { asksForInput } from "./results.ts";
import { SessionFront } from "./session-front.ts";
import { offered, TestSubscription } from "./subscriptions.ts";
import type { TaskTable } from "./tasks.ts";
import type {
  Era,
  HandlerContext,
  ListenFilter,
  StatelessRecord,
  StatelessRequest,
  StatelessServerOptions,
} from "./types.ts";

/** A request whose response the client closed before it was answered. */
export interface Cancelled {
  readonly method: string;
  readonly id: RpcId;
  /** `params.name`, if it has one. */
  readonly name: string | undefined;
}

export class Exchanges {
  readonly violations: string[] = [];
  readonly foreign: StatelessRecord[] = [];
  readonly cancelled: Cancelled[] = [];
  readonly subscriptions: TestSubscription[] = [];
  readonly sessions: SessionFront;
  readonly counters: Counters;
  readonly interventions: Interventions;
  readonly ledger = new Ledger();
  readonly #options: StatelessServerOptions;
  readonly #tasks: TaskTable;
  readonly #wasDropped: (socket: Socket) => boolean;
  readonly #changed: () => void;

  constructor(
    options: StatelessServerOptions,
    tasks: TaskTable,
    wasDropped: (socket: Socket) => boolean,
    changed: () => void,
  ) {
    this.#options = options;
    this.#tasks = tasks;
    this.#wasDropped = wasDropped;
    this.#changed = changed;
    this.counters = new Counters(changed);
    this.interventions = new Interventions(changed);
    this.sessions = new SessionFront(
      options,
      (record, violation) => this.#report(record, violation),
      changed,
    );
  }

  async serve(request: StatelessRequest): Promise<void> {
    if (request.method === "POST") await this.#post(request);
    else this.#other(request);
  }

  get #era(): Era {
    return this.#options.era ?? "stateless";
  }

  get #supported(): readonly string[] {
    const default_ = this.#era === "both" ? [STATELESS_VERSION, "2025-11-25"] : [STATELESS_VERSION];
    return this.#options.supportedVersions ?? default_;
  }

  #other(request: StatelessRequest): void {
    const { method, era, res } = request;
    const isSession = era === "session" && (method === "GET" || method === "DELETE");
    if (isSession && this.#era !== "stateless") this.sessions.other(request);
    else {
      if (isSession) this.foreign.push(request);
      else this.#report(request, "only POST is allowed");
      res.writeHead(405, { allow: "POST" }).end();
    }
  }

  async #post(request: StatelessRequest): Promise<void> {
    const reply = new Reply(request.res, () => this.#wasDropped(request.req.socket));
    const isSession = request.era === "session";
    if (isSession && this.#era === "stateless") this.#refuseSession(request, reply);
    else if (isSession) await this.#postInSession(request, reply);
    else if (this.#era === "sessions") {
      this.foreign.push(request);
      const error = new RpcError(-32000, "Bad Request: Server not initialized");
      reply.finish(errorMessage(null, error), false, 400);
    } else await this.#postStateless(request, reply);
  }

  /** What the official server does when it serves this revision alone. */
  #refuseSession(request: StatelessRequest, reply: Reply): void {
    this.foreign.push(request);
    const { body, headers } = request;
    if (body?.method === undefined || !isRpcId(body.id)) {
      reply.end(202);
      return;
    }
    const offeredVersion = paramsOf(body)["protocolVersion"];
    const requested = headers["mcp-protocol-version"] ?? offeredVersion;
    const error = unsupportedVersion(
      this.#supported,
      typeof requested === "string" ? requested : undefined,
    );
    reply.finish(errorMessage(body.id, error), false, error.status);
  }

  async #postInSession(request: StatelessRequest, reply: Reply): Promise<void> {
    if (this.sessions.check(request, reply) === "answered") return;
    this.#enter(request, reply, `session ${String(request.headers["mcp-session-id"])}`);
    const context = handlerContext(request, reply, this.#tasks);
    await this.#exchange(request, reply, async () => {
      return (
        this.sessions.answer(request) ??
        (await sessionResult(this.#methods(request, reply), context))
      );
    });
  }

  async #postStateless(request: StatelessRequest, reply: Reply): Promise<void> {
    const { body } = request;
    const scope = this.#checks(request);
    const refuse = (error: RpcError): void => {
      const id = isObject(body) && isRpcId(body.id) ? body.id : undefined;
      reply.finish(errorMessage(id, error), false, error.status);
    };
    const malformed = checkPost(request, scope);
    if (malformed !== undefined) return refuse(malformed);
    if (body?.id === undefined) {
      const error = checkNotification(request, scope);
      if (error === undefined) reply.end(202);
      else refuse(error);
      return;
    }
    this.#enter(request, reply, this.#options.clientOf?.(request) ?? "");
    const rejected = checkRequest(request, scope);
    if (rejected !== undefined) return refuse(rejected);
    const retry = this.ledger.checkRetry(body);
    for (const problem of retry.problems) this.#report(request, problem);
    const context = handlerContext(request, reply, this.#tasks);
    await this.#exchange(request, reply, async () => {
      if (body.method === "subscriptions/listen") return await this.#subscribe(context, reply);
      const result = await statelessResult(this.#methods(request, reply), context);
      if (asksForInput(result)) this.ledger.asked(body, result);
      reply.onEnd((how) => {
        if (how === "finished") retry.use();
      });
      return result;
    });
  }

  /** Takes the request into the ledger until its response ends. */
  #enter(request: StatelessRequest, reply: Reply, client: string): void {
    const body = request.body ?? {};
    const problems = this.ledger.open(client, body, this.#options.ids ?? "never-reused");
    for (const problem of problems) this.#report(request, problem);
    reply.onEnd((how) => {
      this.ledger.close(client, body);
      if (how === "closed by the client" && body.method !== "subscriptions/listen") {
        const name = paramsOf(body)["name"];
        this.cancelled.push({
          method: body.method ?? "",
          id: body.id ?? "",
          name: typeof name === "string" ? name : undefined,
        });
      }
      this.#changed();
    });
  }

  /** Runs a request through the faults that were ordered. A result of undefined: the response stays open. */
  async #exchange(
    request: StatelessRequest,
    reply: Reply,
    run: () => Promise<JsonObject | undefined>,
  ): Promise<void> {
    const { body, headers } = request;
    const id = body?.id ?? null;
    const finish = (message: object, status: number): void => {
      const { replies } = this.#options;
      const form = typeof replies === "function" ? replies(request) : replies;
      reply.finish(message, form === "sse", status);
    };
    const ordered = this.interventions.takeRejection(request);
    if (ordered !== undefined) {
      const error = withRequested(ordered, headers["mcp-protocol-version"]);
      finish(errorMessage(id, error), error.status);
      return;
    }
    const cut = this.interventions.takeCut(request);
    if (cut === "execution") return reply.cut();
    await this.interventions.pass(request, "execution", reply);
    if (!reply.isOpen) return;
    let message: object;
    let status = 200;
    try {
      const result = await run();
      if (result === undefined) return;
      message = { jsonrpc: "2.0", id, result };
    } catch (cause) {
      const error = cause instanceof RpcError ? cause : new RpcError(-32603, String(cause));
      message = errorMessage(id, error);
      status = error.status;
    }
    await this.interventions.pass(request, "answer", reply);
    if (cut === "answer") return reply.cut();
    await this.interventions.pass(request, "stream", reply);
    if (cut === "stream") reply.cut("head");
    else if (cut === "event") reply.cut({ event: message });
    else finish(message, status);
  }

  async #subscribe(context: HandlerContext, reply: Reply): Promise<undefined> {
    const requested = context.params["notifications"];
    if (!isObject(requested)) {
      this.#report(context, "params.notifications is no object");
      throw new RpcError(-32602, "params.notifications is required");
    }
    const filter = requested as ListenFilter;
    const mayTask = declaresTasks(context.clientCapabilities);
    if (filter.taskIds !== undefined && !mayTask) {
      throw missingCapability({ extensions: { [TASKS_EXTENSION]: {} } });
    }
    const granted =
      this.#options.ack === undefined
        ? offered(filter, serverCapabilities(this.#options))
        : await this.#options.ack(filter, context);
    const subscription = new TestSubscription(context.id, filter, reply, this.#changed);
    this.subscriptions.push(subscription);
    reply.openStream();
    if (granted !== null) subscription.acknowledge(granted);
    this.#changed();
    return undefined;
  }

  #methods(request: StatelessRecord, reply: Reply): MethodScope {
    return {
      options: this.#options,
      counters: this.counters,
      supportedVersions: this.#supported,
      report: (violation) => this.#report(request, violation),
      // Only when the list is on its way: before, the client cannot build headers by it.
      gaveTool: (name, tool) => {
        const schema = inputSchemaOf(tool);
        reply.onEnd((how) => {
          if (how === "finished") this.ledger.gaveSchema(name, schema);
        });
      },
    };
  }

  #checks(request: StatelessRecord): CheckScope {
    return {
      served: this.#supported.filter((version) => !SESSION_VERSIONS.includes(version)),
      supported: this.#supported,
      tool: (name) => {
        const tools = toolsOf(this.#options);
        return Object.hasOwn(tools, name) ? tools[name] : undefined;
      },
      knowsSchema: (name, tool) => this.ledger.knowsSchema(name, inputSchemaOf(tool)),
      report: (violation) => this.#report(request, violation),
    };
  }

  #report({ method, body }: StatelessRecord, violation: string): void {
    const subject = isObject(body) ? `${String(body["method"])} ${JSON.stringify(body["id"])}` : "";
    this.violations.push(`${method} ${subject}: ${violation}`);
    this.#changed();
  }
}

function withRequested(error: RpcError, version: unknown): RpcError {
  if (error.code !== -32022 || !isObject(error.data) || "requested" in error.data) return error;
  const data = { ...error.data, requested: version };
  return new RpcError(error.code, error.message, data, error.status);
}
