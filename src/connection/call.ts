// One call: what is asked, within which limits, by whom, and what has come of it so far.
// Hot path: one object for each call.

import type { CallFrame, Continuation } from "../eras/era.ts";
import type { RequestId } from "../jsonrpc/messages.ts";
import type { Progress, Tool } from "../spec/types.ts";
import { Applicant } from "./admission.ts";
import type { ResolvedServer } from "./options.ts";
import { replayClassOf } from "./replay.ts";
import type { ReplayClass, ReplayOption } from "./replay.ts";

export interface CallOptions {
  /** Longest wait without any sign of life, milliseconds; progress starts it anew. Default 60,000. */
  readonly timeoutMs?: number | undefined;
  /** Longest wait in all, milliseconds: connection, replays and progress included. Default 300,000. */
  readonly totalTimeoutMs?: number | undefined;
  /** Cancels the call, on the wire too; it rejects with `signal.reason`. */
  readonly signal?: AbortSignal | undefined;
  /** Asks the server for progress reports. */
  readonly onProgress?: ((progress: Progress) => void) | undefined;
  /** Sent as `_meta`; the protocol's own keys are added to it. */
  readonly meta?: { readonly [key: string]: unknown } | undefined;
  /**
   * JSON-RPC id of the first attempt; a replay gets another. Default: a counter. One that is under way, or was given up
   * without an answer, is refused: a late answer would end the wrong call.
   */
  readonly requestId?: RequestId | undefined;
  /**
   * Whether it may run again if its answer is lost: `safe` (default) if that is harmless by the protocol or by
   * the word of a trusted server, `always`, or `never`.
   */
  readonly replay?: ReplayOption | undefined;
}

/** Who asks: what is known there of the request, and what is done there with its answer. */
export interface Asker {
  /** The definition of the tool that is called. */
  readonly tool?: Tool | undefined;
  /** The server asked for input on the way, or an interceptor interfered: the answer depends on that too. */
  readonly onContinued?: (() => void) | undefined;
  /** Makes of the answer what its caller gets. May throw. */
  finish?(answer: object): object | Promise<object>;
}

/** Who makes a call, and is told what becomes of it. */
export interface CallOwner {
  readonly server: ResolvedServer;
  /** The fastest answer so far, milliseconds; `undefined` before the first. */
  readonly fastestMs: number | undefined;
  /** Calls that were answered so far. */
  readonly answeredCount: number;
  /** It waited, and has a place now. Must not throw. */
  onPlace(call: Call): void;
  /** It waited, and gets none. */
  onRefused(call: Call, error: unknown): void;
  /** Gives what its caller gets. */
  onResult(call: Call, result: object): object | Promise<object>;
  /** Throws what its caller gets. */
  onError(call: Call, error: unknown): never;
}

/** A class, as everything that is made for each call: see jsonrpc/running-call.ts. */
export class Call extends Applicant implements CallFrame {
  readonly method: string;
  readonly params: object | undefined;
  readonly options: CallOptions;
  readonly asker: Asker;
  readonly tool: Tool | undefined;
  readonly replayClass: ReplayClass;
  readonly timeoutMs: number;
  readonly totalTimeoutMs: number;
  /** On the clock: one deadline over connecting, waiting, replays and all. */
  readonly startedAt: number;
  /** When it had its place, on the clock. */
  turnAt: number;
  /** When its last attempt began: what it waited for before that says nothing about how fast its server is. */
  attemptAt: number;
  /** What the server has asked for so far, over all attempts. */
  continuation: Continuation | undefined;
  hasBegun = false;
  wasRefused = false;
  readonly onContinued: (() => void) | undefined;
  /** Of its caller's promise, if it had to wait for a place. */
  resolve: ((result: object) => void) | undefined;
  reject: ((error: Error) => void) | undefined;
  readonly #owner: CallOwner;

  /** @param tool the asker's, unless it is another that is called */
  constructor(
    owner: CallOwner,
    method: string,
    params: object | undefined,
    options: CallOptions,
    asker: Asker,
    tool: Tool | undefined,
    startedAt: number,
  ) {
    super(options.signal);
    const { timeouts, trusted } = owner.server;
    this.#owner = owner;
    this.method = method;
    this.params = params;
    this.options = options;
    this.asker = asker;
    this.tool = tool;
    this.replayClass = replayClassOf(method, tool, trusted);
    this.timeoutMs = options.timeoutMs ?? timeouts.timeoutMs;
    this.totalTimeoutMs = options.totalTimeoutMs ?? timeouts.totalTimeoutMs;
    this.startedAt = startedAt;
    this.turnAt = startedAt;
    this.attemptAt = startedAt;
    this.onContinued = asker.onContinued;
  }

  get subject(): string | undefined {
    return this.tool?.name;
  }

  onPlace(): void {
    this.#owner.onPlace(this);
  }

  onRefused(error: unknown): void {
    this.#owner.onRefused(this, error);
  }
}
