// The sockets for the calls of one server: each is taken by one call at a time, and given back.
// Hot path: `acquire`, `markAnswered` and `release`.

import type { Dispatcher } from "undici";

/** Sockets beyond those for calls: what cancels a call, or answers for it, must not wait for one to end. */
const SPARE_SOCKETS = 16;

/**
 * These take turns: a call that follows the last at once takes the other one. That the server closes the one it has
 * just answered on may not be known yet, and the call would be lost there.
 */
const TURN_TAKERS = 2;

/**
 * So often in all a call that follows the last at once waits for its socket instead of opening the second: as often as
 * a handshake and the first list need it. Of very many servers most are never asked anything else.
 */
const MAX_PAUSES = 3;

/** What a call is sent over. A class, because one is made for each socket and looked at for each call. */
export class CallSocket {
  readonly dispatcher: Dispatcher;
  /** Waits for a turn of the event loop before it is used again; the others do not. */
  readonly takesTurns: boolean;
  /**
   * - `busy`: taken · `answered`: the call has its answer and ends at once, or has ended in this turn of the event loop
   * - `shared`: for any number of calls, never given back · `retired`: no call takes it any more
   */
  state: "free" | "busy" | "answered" | "shared" | "retired";

  constructor(dispatcher: Dispatcher, state: "busy" | "shared", takesTurns: boolean = false) {
    this.dispatcher = dispatcher;
    this.state = state;
    this.takesTurns = takesTurns;
  }
}

export interface CallSocketsOptions {
  /** Calls under way at once. */
  readonly callCount: number;
  /** For so many connections at the most; one: a single socket. May throw. */
  readonly create: (connections: number) => Dispatcher;
  /** Whether each call beyond the first two has a socket of its own; otherwise they share a dispatcher for all. */
  readonly areSingle: boolean;
}

export class CallSockets {
  readonly #options: CallSocketsOptions;
  readonly #takers: CallSocket[] = [];
  /** The last one that was given back first: those that are not needed grow old, and are closed. */
  readonly #free: CallSocket[] = [];
  /** All but the turn-takers. */
  readonly #others: CallSocket[] = [];
  #shared: CallSocket | undefined;
  #pauses = 0;

  constructor(options: CallSocketsOptions) {
    this.#options = options;
  }

  /** For one call; `release` it when the call is over. */
  acquire(): CallSocket {
    for (const taker of this.#takers) {
      if (taker.state !== "free") continue;
      taker.state = "busy";
      return taker;
    }
    if (this.#takers.length < TURN_TAKERS) return this.#open(this.#takers, true);
    const last = this.#free.pop();
    if (last !== undefined) {
      last.state = "busy";
      return last;
    }
    const { callCount, areSingle } = this.#options;
    // As many as calls: those that wait for a turn are none that a call could take.
    return areSingle && this.#others.length < callCount
      ? this.#open(this.#others, false)
      : this.#share();
  }

  /** The call has its answer, and will soon be over. */
  markAnswered(socket: CallSocket): void {
    if (socket.state === "busy") socket.state = "answered";
  }

  release(socket: CallSocket): void {
    if (socket.state === "shared" || socket.state === "retired") return;
    if (socket.takesTurns) {
      socket.state = "answered";
      setImmediate(free, socket);
    } else {
      socket.state = "free";
      this.#free.push(socket);
    }
  }

  /** Whether a call had better wait a moment for the only socket that is open. */
  takePause(): boolean {
    if (this.#takers.length !== 1 || this.#pauses === MAX_PAUSES) return false;
    if (this.#takers[0]?.state !== "answered") return false;
    this.#pauses += 1;
    return true;
  }

  /** Takes all of them out: whoever has one may still use it. */
  retire(): Dispatcher[] {
    const all = [...this.#takers.splice(0), ...this.#others.splice(0)];
    if (this.#shared !== undefined) all.push(this.#shared);
    this.#shared = undefined;
    this.#free.length = 0;
    for (const socket of all) socket.state = "retired";
    return all.map(({ dispatcher }) => dispatcher);
  }

  #open(sockets: CallSocket[], takesTurns: boolean): CallSocket {
    const socket = new CallSocket(this.#options.create(1), "busy", takesTurns);
    sockets.push(socket);
    return socket;
  }

  #share(): CallSocket {
    if (this.#shared !== undefined) return this.#shared;
    const { callCount, areSingle, create } = this.#options;
    const rest = SPARE_SOCKETS - TURN_TAKERS;
    return (this.#shared = new CallSocket(create(areSingle ? rest : callCount + rest), "shared"));
  }
}

/** One function for all calls: a closure for each would be garbage on the hot path. */
function free(socket: CallSocket): void {
  if (socket.state === "answered") socket.state = "free";
}
