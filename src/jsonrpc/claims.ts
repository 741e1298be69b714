// Answers that do not name their call as they should: which call is meant, and when that is certain.
// Never on the hot path: asked after no call was found by its id.

import { McpProtocolError } from "../core/errors.ts";
import { excerpt } from "../core/redact.ts";
import type { JsonRpcResponse, RequestId } from "./messages.ts";
import { namedId } from "./named-id.ts";
import { describeRequest, Pending } from "./pending.ts";
import type { PendingTable } from "./pending-table.ts";
import type { Quirks } from "./quirks.ts";
import { decimalOf, hasEmptyResult } from "./repair.ts";
import type { RepairContext, UnusableResult } from "./repair.ts";
import type { Exchange, Transport } from "./transport.ts";

/** So many of the ids that callers chose are remembered; after that, no id is taken for another one. */
const MAX_CHOSEN = 1_000;

/** Ids that callers choose above this do not move the counter, which would lose its precision. */
export const MAX_COUNTED_ID: number = 2 ** 52;

export interface ClaimsOptions {
  readonly server: string;
  readonly quirks: Quirks;
  readonly transport: Transport;
}

export class Claims implements RepairContext {
  readonly quirks: Quirks;
  readonly #server: string;
  readonly #isDuplex: boolean;
  readonly #pending: PendingTable<Pending>;
  /** Ids of callers that are 0, or strings that look like numbers: a late answer to one must not end the call with that number. */
  readonly #chosen: Set<RequestId> = new Set();
  /** The id that followed the last message of ours that asks for no answer; 0 before the first one. */
  #boundary = 0;

  constructor({ server, quirks, transport }: ClaimsOptions, pending: PendingTable<Pending>) {
    this.quirks = quirks;
    this.#server = server;
    this.#isDuplex = transport.channel === "duplex";
    this.#pending = pending;
  }

  /** A caller chose this id for a request. */
  onChosenId(id: RequestId): void {
    const isAmbiguous = id === 0 || decimalOf(id) !== undefined;
    if (isAmbiguous && this.#chosen.size < MAX_CHOSEN) this.#chosen.add(id);
  }

  /**
   * A notification or a response leaves. Some servers answer even those with an error whose id is null.
   *
   * @param nextId the next request's
   */
  onUnanswerable(nextId: number): void {
    this.#boundary = nextId;
  }

  isAwaiting(id: RequestId): boolean {
    return this.#pending.get(id) !== undefined || this.#byText(id) !== undefined;
  }

  /** The call that a response means whose id is not that of any call. */
  claim(message: JsonRpcResponse, exchange: Exchange | undefined): Pending | undefined {
    const { id } = message;
    const named = this.#byText(id);
    if (named !== undefined) {
      if (!this.quirks.repair("id-as-string", JSON.stringify(id))) return undefined;
      // For those who look for their response in the message afterwards. An object of the user's may be frozen.
      Reflect.set(message, "id", named.id);
      return named;
    }
    const isNameless = id === undefined || id === null || (id === 0 && !this.#isChosen(id));
    if (!isNameless || !("error" in message) || this.quirks.strict || this.#pending.size === 0)
      return undefined;
    const pending = exchange instanceof Pending ? exchange : this.#onlyCall();
    // A call that is over already has had its answer: then this one is late, and no deviation.
    if (exchange instanceof Pending && this.#pending.get(exchange.id) !== exchange) {
      return undefined;
    }
    this.quirks.repair("id-unread", `id ${id === undefined ? "absent" : JSON.stringify(id)}`);
    return pending;
  }

  /**
   * A response that no call waits for. One to a request that is over is no deviation; one whose number was never used is.
   *
   * @param nextId the next request's
   */
  onStray(id: unknown, nextId: number): void {
    const number = typeof id === "number" ? id : decimalOf(id);
    // Callers may have used any number beyond the counter's reach, and any string.
    const isNew = number !== undefined && number >= nextId && number < MAX_COUNTED_ID;
    if (isNew && !this.#isChosen(id as RequestId)) this.quirks.note("unknown-id", `id ${number}`);
  }

  /** The progress token that a server means: the same, or the number for the string. */
  token(token: RequestId, watched: ReadonlyMap<RequestId, unknown>): RequestId {
    if (typeof token === "number" || this.#pending.get(token) !== undefined || watched.has(token)) {
      return token;
    }
    const number = decimalOf(token);
    if (number === undefined || this.#isChosen(token)) return token;
    const isKnown = this.#pending.get(number) !== undefined || watched.has(number);
    return isKnown && this.quirks.repair("id-as-string", `a progress token, "${token}"`)
      ? number
      : token;
  }

  /** The call that a text means that is no message. */
  broken(text: string): Pending | undefined {
    if (this.quirks.strict || this.#pending.size === 0) return undefined;
    const id = namedId(text);
    if (id === undefined) return undefined;
    return this.#pending.get(id) ?? this.#byText(id);
  }

  brokenError(pending: Pending, text: string): McpProtocolError {
    return this.#unusable(pending, excerpt(text, 200), "is no JSON-RPC message");
  }

  /** Ends a call whose response has no result that is an object. */
  settle(pending: Pending, { shown }: UnusableResult): void {
    if (hasEmptyResult(pending.request.method) && this.quirks.repair("empty-result", shown)) {
      pending.resolve({});
      return;
    }
    pending.reject(this.#unusable(pending, shown, "has neither a result nor an error"));
  }

  #unusable({ request }: Pending, shown: string, why: string): McpProtocolError {
    const { method, subject } = request;
    this.quirks.note("unusable-answer", method);
    return new McpProtocolError(
      `the answer of server "${this.#server}" to ${describeRequest(method, subject)} ${why}: ${shown}; it may have run. Report this to the author of the server`,
      { server: this.#server, method, sent: "yes" },
    );
  }

  #byText(id: unknown): Pending | undefined {
    const number = decimalOf(id);
    if (number === undefined || this.#isChosen(id as string)) return undefined;
    return this.#pending.get(number);
  }

  #isChosen(id: RequestId): boolean {
    return this.#chosen.has(id) || this.#chosen.size === MAX_CHOSEN;
  }

  /**
   * The only call under way, if an error that names none can only be the answer to it: not to a notification that was
   * sent before, unless a request was answered since then.
   */
  #onlyCall(): Pending | undefined {
    if (!this.#isDuplex || this.#pending.size !== 1) return undefined;
    const [pending] = this.#pending.all();
    const id = pending?.id;
    const isCertain = this.#boundary === 0 || (typeof id === "number" && id > this.#boundary);
    return isCertain ? pending : undefined;
  }
}
