// What the scripted stateless server remembers of a client to catch reused ids and tokens and unfaithful retries.

import { isDeepStrictEqual } from "node:util";
import type { RpcMessage } from "../http-server.ts";
import { INPUT_METHODS, isObject, metaOf, paramsOf } from "./protocol.ts";
import type { JsonObject } from "./protocol.ts";

interface Client {
  readonly ids: Set<string>;
  readonly outstandingIds: Set<string>;
  readonly outstandingTokens: Set<string>;
}

/** An answer of `input_required` that was given out. */
interface Asked {
  readonly method: string | undefined;
  readonly params: JsonObject;
  readonly keys: readonly string[];
  readonly state: unknown;
  /** A retry with its inputs got a result: to send them once more is wrong. */
  used: boolean;
}

export interface RetryCheck {
  readonly problems: readonly string[];
  /** To be called when this retry was answered with a result. */
  readonly use: () => void;
}

export class Ledger {
  readonly #clients = new Map<string, Client>();
  readonly #asked: Asked[] = [];
  /** By tool: the input schema that a `tools/list` gave out last, as JSON. */
  readonly #schemas = new Map<string, string>();

  /** As if nobody had ever come: the next client may use the ids of the last, and knows no schema. */
  forget(): void {
    this.#clients.clear();
    this.#schemas.clear();
  }

  /** Takes a request in; what is wrong with its id and progress token. */
  open(name: string, body: RpcMessage, ids: "never-reused" | "not-outstanding"): string[] {
    const client = this.#client(name);
    const problems: string[] = [];
    const id = typed(body.id);
    if (client.outstandingIds.has(id)) problems.push(`id ${id} is outstanding already`);
    else if (ids === "never-reused" && client.ids.has(id))
      problems.push(`id ${id} was used before`);
    client.ids.add(id);
    client.outstandingIds.add(id);
    const token = metaOf(body)["progressToken"];
    if (token !== undefined) {
      if (client.outstandingTokens.has(typed(token))) {
        problems.push(`progressToken ${typed(token)} is in use by another request`);
      }
      client.outstandingTokens.add(typed(token));
    }
    return problems;
  }

  /** The request was answered, or its response is closed. */
  close(name: string, body: RpcMessage): void {
    const client = this.#client(name);
    client.outstandingIds.delete(typed(body.id));
    client.outstandingTokens.delete(typed(metaOf(body)["progressToken"]));
  }

  gaveSchema(tool: string, inputSchema: unknown): void {
    this.#schemas.set(tool, JSON.stringify(inputSchema));
  }

  /** Whether the client was last given this very schema: only then can its headers be its own fault. */
  knowsSchema(tool: string, inputSchema: unknown): boolean {
    return this.#schemas.get(tool) === JSON.stringify(inputSchema);
  }

  asked(body: RpcMessage, result: JsonObject): void {
    const { inputRequests, requestState } = result;
    const keys = isObject(inputRequests) ? Object.keys(inputRequests) : [];
    this.#asked.push({
      method: body.method,
      params: original(body),
      keys,
      state: requestState,
      used: false,
    });
  }

  /** Judges a request as the retry that its `inputResponses` or `requestState` make it. */
  checkRetry(body: RpcMessage): RetryCheck {
    const { inputResponses, requestState } = paramsOf(body);
    if (inputResponses === undefined && requestState === undefined) return judged([]);
    if (body.method === "tasks/update") return judged(checkResponses(inputResponses));
    if (!INPUT_METHODS.has(body.method ?? "")) {
      return judged([`inputResponses or requestState on ${body.method}`]);
    }
    const sameState = this.#asked.filter(({ state }) => state === requestState);
    if (sameState.length === 0) {
      return judged([`requestState ${JSON.stringify(requestState)} was never given out`]);
    }
    const params = original(body);
    const same = sameState.filter(
      (one) => one.method === body.method && isDeepStrictEqual(one.params, params),
    );
    if (same.length === 0) {
      return judged(["a retry differs from its request in more than its inputs"]);
    }
    const problems = checkResponses(inputResponses);
    const given = new Set(isObject(inputResponses) ? Object.keys(inputResponses) : []);
    const fitting = same.filter(({ keys }) => isDeepStrictEqual(new Set(keys), given));
    if (fitting.length === 0) {
      problems.push(`inputResponses are for [${[...given].join(", ")}], not for what was asked`);
    }
    const asked = fitting.find(({ used }) => !used);
    if (fitting.length > 0 && asked === undefined) {
      problems.push("the inputs of an earlier round were sent once more");
    }
    return judged(problems, asked);
  }

  #client(name: string): Client {
    let client = this.#clients.get(name);
    if (client === undefined) {
      client = { ids: new Set(), outstandingIds: new Set(), outstandingTokens: new Set() };
      this.#clients.set(name, client);
    }
    return client;
  }
}

/** `1` and `"1"` are different ids. */
function typed(value: unknown): string {
  return JSON.stringify(value) ?? "undefined";
}

function judged(problems: readonly string[], asked?: Asked): RetryCheck {
  const use = (): void => {
    if (asked !== undefined) asked.used = true;
  };
  return { problems, use };
}

function original(body: RpcMessage): JsonObject {
  const { _meta, inputResponses: _responses, requestState: _state, ...params } = paramsOf(body);
  return params;
}

function checkResponses(inputResponses: unknown): string[] {
  if (inputResponses === undefined) return [];
  if (!isObject(inputResponses)) return ["inputResponses is no object"];
  return Object.entries(inputResponses)
    .filter(([, one]) => !isObject(one) || "jsonrpc" in one || "result" in one || "error" in one)
    .map(([key]) => `inputResponses.${key} is no bare result`);
}
