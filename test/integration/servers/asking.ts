// Asking the client by a result: a handler runs again from its start, with the answers so far, until it has all of them.
// https://modelcontextprotocol.io/specification/2026-07-28/basic/patterns/mrtr

import { createHash } from "node:crypto";
import { inputRequired } from "@modelcontextprotocol/server";
import type { InputRequest, ServerContext } from "@modelcontextprotocol/server";
import { InputNeeded, RpcFailure } from "./wire.ts";
import type { Params } from "./wire.ts";

type Answers = { readonly [question: string]: Params };

/** Breaks a client that trims, escapes or re-encodes what it was told to give back as it is. */
const MARK = ' "ü\u2028\\n%20=+ ';

/** One run of one handler. */
export class Asking {
  readonly #answers: Answers;
  readonly #needed: { [question: string]: InputRequest } = {};
  #asked = 0;

  /** @throws {RpcFailure} if the client did not give back the state, or gave answers of an older round. */
  constructor({ requestState, inputResponses = {} }: ServerContext["mcpReq"]) {
    const state = requestState<string>();
    const isAnswered = Object.keys(inputResponses).length > 0;
    if (isAnswered && state === undefined) throw new RpcFailure(-32602, "no requestState");
    const earlier = open(state);
    for (const question of Object.keys(inputResponses)) {
      if (question in earlier) throw new RpcFailure(-32602, `${question} was answered before`);
    }
    this.#answers = { ...earlier, ...(inputResponses as Answers) };
  }

  /** The handler asks the same in each run, so that its questions can be counted. */
  ask(method: string, params: Params = {}): Promise<Params> {
    // Nothing to wait for: what was sent before the result is on the same stream.
    if (method === "ping") return Promise.resolve({});
    this.#asked += 1;
    const question = `question ${this.#asked}`;
    const answer = this.#answers[question];
    if (answer !== undefined) return Promise.resolve(answer);
    this.#needed[question] = requestOf(method, params);
    return Promise.reject(new InputNeeded(question));
  }

  /** The result that asks. */
  result(): object {
    return inputRequired({ inputRequests: this.#needed, requestState: seal(this.#answers) });
  }
}

function requestOf(method: string, params: Params): InputRequest {
  if (method === "roots/list") return inputRequired.listRoots();
  if (method === "sampling/createMessage") return inputRequired.createMessage(params as never);
  if (params["mode"] !== "url") return inputRequired.elicit(params as never);
  const { message, url } = params;
  return inputRequired.elicitUrl({ message: String(message), url: String(url) });
}

function seal(answers: Answers): string {
  const body = MARK + JSON.stringify(answers);
  return digest(body) + body;
}

function open(sealed: string | undefined): Answers {
  if (sealed === undefined) return {};
  const body = sealed.slice(digest("").length);
  if (digest(body) + body !== sealed) throw new RpcFailure(-32602, "requestState was changed");
  return JSON.parse(body.slice(MARK.length)) as Answers;
}

function digest(body: string): string {
  return createHash("sha256").update(body).digest("base64");
}
