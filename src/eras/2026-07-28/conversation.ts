// One call over several requests: input is given, what was rejected is put right, all in the call's own time.
// https://modelcontextprotocol.io/specification/2026-07-28/basic/patterns/mrtr

import { delay } from "../../core/clock.ts";
import { McpProtocolError, McpResponseError, McpTimeoutError } from "../../core/errors.ts";
import { HEADER_MISMATCH, UNSUPPORTED_VERSION } from "../../jsonrpc/messages.ts";
import type { RequestId } from "../../jsonrpc/messages.ts";
import type { CallLimits } from "../../jsonrpc/running-call.ts";
import type { StatelessVersion } from "../../spec/versions.ts";
import { CallTime } from "../call-time.ts";
import { mutualStateless, supportedOf } from "../classify.ts";
import type { CallFrame, Continuation, EraHost, EraRequest } from "../era.ts";
import { emptyList, explained, isRejection, readResultType } from "./corrections.ts";
import {
  answerInputs,
  continuationOf,
  IDLE_ROUND_MS,
  MAX_ROUNDS,
  readDemand,
} from "./input-required.ts";
import type { ToolHeaders } from "./tool-headers.ts";

/** Pages of `tools/list` that are looked through for one tool. */
const MAX_PAGES = 200;

/** What a conversation needs of its session. */
export interface Line {
  readonly host: EraHost;
  /** Absent where nobody looks at headers. */
  readonly tools: ToolHeaders | undefined;
  /** The server did not say what it offers: a list that it does not know is an empty one. */
  readonly isAssumed: boolean;
  send(call: EraRequest, id: RequestId | undefined, limits: CallLimits): Promise<object>;
  accept(call: EraRequest, result: object): object;
  adopt(version: StatelessVersion): void;
}

/** How a request ended. */
export type Outcome = { readonly result: object } | { readonly error: unknown };

/** Goes on after a first request that did not end in a plain result. */
export async function converse(
  line: Line,
  call: EraRequest,
  first: Outcome,
  startedAt: number,
): Promise<object> {
  const time = new CallTime(line.host, call, startedAt);
  const frame: CallFrame = call.frame ?? {};
  const framed: EraRequest = call.frame === undefined ? { ...call, frame } : call;
  const corrected = new Set<number>();
  let rounds = 0;
  let outcome = first;
  for (;;) {
    if ("error" in outcome) {
      // The limit of the whole, and not what was left of it for this request.
      const { error } = outcome;
      const isLate = error instanceof McpTimeoutError && error.limit === "total";
      if (isLate && outcome !== first) throw time.outOfTime();
      const empty = line.isAssumed ? emptyList(call.method, error) : undefined;
      if (empty !== undefined) return empty;
      await putRight(line, framed, error, corrected, time);
      frame.wasRefused = true;
    } else {
      const { result } = outcome;
      const type = readResultType(line.host.server, call.method, result);
      if (type !== "input_required") return line.accept(framed, result);
      if (++rounds > MAX_ROUNDS) throw tooManyRounds(line, call);
      frame.hasBegun = true;
      frame.onContinued?.();
      frame.continuation = await giveInput(line, framed, result, time);
    }
    if (time.isOver) throw time.outOfTime();
    // A request of its own, with an id of its own (1.4).
    outcome = await line.send(framed, undefined, time.limits()).then(
      (result) => ({ result }),
      (error: unknown) => ({ error }),
    );
  }
}

async function giveInput(
  { host }: Line,
  call: EraRequest,
  result: object,
  time: CallTime,
): Promise<Continuation> {
  const { server, clock, handlers } = host;
  const { method } = call;
  const demand = readDemand(server, method, result);
  const { inputRequests } = demand;
  if (inputRequests === undefined) {
    await delay(clock, Math.min(IDLE_ROUND_MS, time.leftMs), { signal: call.signal });
    return continuationOf(demand, undefined);
  }
  // A person's time is no silence of the server's, but it is part of the whole.
  const responses = await time.race((signal) =>
    answerInputs({ server, method, handlers, signal }, inputRequests),
  );
  return continuationOf(demand, responses);
}

/** Each cause once: the server rejected the request without running it (4.14). Throws what cannot be put right. */
async function putRight(
  line: Line,
  call: EraRequest,
  error: unknown,
  corrected: Set<number>,
  time: CallTime,
): Promise<void> {
  if (!(error instanceof McpResponseError) || corrected.has(error.rpcCode)) throw error;
  const { rpcCode } = error;
  const isHarmless = call.method !== "tools/call";
  if (!isHarmless && !isRejection(error, line.host.transport.channel)) throw explained(error);
  corrected.add(rpcCode);
  if (rpcCode === UNSUPPORTED_VERSION) {
    const version = mutualStateless(supportedOf(error.data));
    if (version === undefined) throw error;
    return line.adopt(version);
  }
  if (rpcCode === HEADER_MISMATCH && call.method === "tools/call" && line.tools !== undefined) {
    // If even that cannot be had, the answer to the call stays what it was: it did not run.
    return learnTools(line, call, time).catch(() => {
      call.signal?.throwIfAborted();
      throw error;
    });
  }
  throw explained(error);
}

/** Its tools may have changed: what is mirrored is learnt anew, and the catalogue told (10.10). */
async function learnTools(line: Line, call: EraRequest, time: CallTime): Promise<void> {
  line.host.events.onListChanged("tools");
  let params: object = {};
  for (let page = 0; page < MAX_PAGES; page++) {
    const list = { method: "tools/list", params, limits: time.limits(), signal: call.signal };
    const result = await line.send(list, undefined, list.limits);
    line.tools?.screen(result);
    const { nextCursor } = result as { nextCursor?: unknown };
    if (typeof nextCursor !== "string") return;
    params = { cursor: nextCursor };
  }
}

function tooManyRounds({ host }: Line, { method }: EraRequest): McpProtocolError {
  const { server } = host;
  return new McpProtocolError(
    `server "${server}" asked for input more than ${MAX_ROUNDS} times during one ${method}`,
    { code: "LIMIT_EXCEEDED", server, method, sent: "yes" },
  );
}
