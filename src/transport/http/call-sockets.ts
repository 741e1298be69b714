// The sockets for the calls of one server: each is taken by one call at a time, and given back.
// Hot path: `acquire`, `markAnswered` and `release`.

import type { Dispatcher } from "undici";
import type { Route } from "../../jsonrpc/transport.ts";

/**
 * So often in all a call that follows the last at once waits for its socket instead of opening the second: as often as
 * a handshake and the first list need it. Of very many servers most are never asked anything else.
 */
const MAX_PAUSES = 3;

/** Sockets that are held at once; one more is closed. */
const MAX_HELD = 16;

/** A request that is to be sent. */
export interface Sender {
  /** Its answer is a stream that stays open, over a socket of its own. */
  readonly isLongLived: boolean;
  /** Over which socket. */
  readonly route: Route;
  /** It may be over meanwhile, and is then not sent. */
  sendUnlessOver(): void;
}

/** What a call is sent over. A class, because it is looked at for each call. */
export class CallSocket {
  readonly dispatcher: Dispatcher;
  /**
   * - `busy`: taken · `answered`: its call has the answer, and ends at once
   * - `resting`: given back, and the event loop has not polled since · `free`
   * - `held`: its server did not know the session, and other requests keep away from it
   * - `shared`: for any number of calls, which do not give it back · `retired`: no call takes it any more
   */
  state: "busy" | "answered" | "resting" | "free" | "held" | "shared" | "retired";

  constructor(dispatcher: Dispatcher, state: "busy" | "shared") {
    this.dispatcher = dispatcher;
    this.state = state;
  }
}

export interface CallSocketsOptions {
  /** Sockets at the most. */
  readonly count: number;
  /** Makes one. May throw. */
  readonly create: () => Dispatcher;
  /** Makes what all calls share that are too many for those. Without it they wait. */
  readonly createShared?: (() => Dispatcher) | undefined;
}

export class CallSockets {
  readonly #options: CallSocketsOptions;
  #all: CallSocket[] = [];
  /** The last one first: those that are not needed grow old, and are closed. */
  readonly #free: CallSocket[] = [];
  /** Those over which the session was refused, until it is known whether the socket was to blame. */
  readonly #held: CallSocket[] = [];
  /**
   * Given back in this turn of the event loop, and in the last. A call that follows at once takes another socket, if
   * need be a new one: that the server closes the one it has just answered on is not known before the event loop polls,
   * and the call would be lost there. Two turns, because the first may end before the poll.
   */
  #resting: CallSocket[] = [];
  #rested: CallSocket[] = [];
  #isTurning = false;
  /** Those for whom there was none, first come first served; some may be over. */
  #waiting: Sender[] = [];
  #shared: CallSocket | undefined;
  #pauses = 0;

  constructor(options: CallSocketsOptions) {
    this.#options = options;
  }

  /** For one call, which gives it back. Undefined: there is none, and `sender` is told to send when there is. */
  acquire(sender: Sender): CallSocket | undefined {
    const open = this.#takeOpen(sender.route);
    if (open !== undefined) {
      open.state = "busy";
      return open;
    }
    const { count, create, createShared } = this.#options;
    if (this.#all.length < count) {
      const socket = new CallSocket(create(), "busy");
      this.#all.push(socket);
      return socket;
    }
    if (createShared !== undefined) {
      return (this.#shared ??= new CallSocket(createShared(), "shared"));
    }
    const spare = this.#free.pop() ?? this.#held.pop();
    if (spare !== undefined) {
      spare.state = "busy";
      return spare;
    }
    this.#waiting.push(sender);
    return undefined;
  }

  /** The call has its answer, and will soon be over. */
  markAnswered(socket: CallSocket): void {
    if (socket.state === "busy") socket.state = "answered";
  }

  release(socket: CallSocket): void {
    if (socket.state === "shared" || socket.state === "retired") return;
    socket.state = "resting";
    this.#resting.push(socket);
    this.#turn();
  }

  /**
   * The call failed, or was aborted: no other one takes this. undici may open a socket anew for the call that is over,
   * and after a certificate of another host it holds that call to be under way for ever.
   */
  discard(socket: CallSocket): void {
    if (socket.state === "shared" || socket.state === "retired") return;
    socket.state = "retired";
    this.#all.splice(this.#all.indexOf(socket), 1);
    // Not from inside undici, which reports the failure.
    queueMicrotask(() => socket.dispatcher.destroy(null, () => {}));
    if (this.#waiting.length > 0) this.#turn();
  }

  /** The call was refused because its server does not know the session, which another server may know. */
  hold(socket: CallSocket): void {
    if (socket.state === "shared" || socket.state === "retired") return;
    if (this.#held.length >= MAX_HELD) return this.discard(socket);
    socket.state = "held";
    this.#held.push(socket);
    if (this.#waiting.length > 0) this.#turn();
  }

  /** Ends the holding: `keep` gives the sockets back to all calls, `drop` closes them. */
  releaseHeld(verdict: "keep" | "drop"): void {
    for (const socket of this.#held.splice(0)) {
      if (verdict === "keep") this.release(socket);
      else this.discard(socket);
    }
  }

  /** Whether a call had better wait a moment for the only socket that is open. */
  takePause(): boolean {
    const [only] = this.#all;
    if (only === undefined || this.#all.length > 1 || this.#pauses === MAX_PAUSES) return false;
    if (only.state !== "answered" && only.state !== "resting") return false;
    this.#pauses += 1;
    return true;
  }

  /** Takes all of them out, for whoever has one to use to the end. */
  retire(): Dispatcher[] {
    const all = this.#all;
    if (this.#shared !== undefined) all.push(this.#shared);
    this.#all = [];
    this.#shared = undefined;
    this.#free.length = 0;
    this.#held.length = 0;
    for (const socket of all) socket.state = "retired";
    if (this.#waiting.length > 0) this.#turn();
    return all.map(({ dispatcher }) => dispatcher);
  }

  #takeOpen(route: Route): CallSocket | undefined {
    if (route === "any") return this.#free.pop();
    return route === "refused" ? this.#held.pop() : undefined;
  }

  #turn(): void {
    if (this.#isTurning) return;
    this.#isTurning = true;
    setImmediate(endTurn, this);
  }

  /** For `endTurn`: those that have rested are free, and whoever waits is served. */
  endTurn(): void {
    this.#isTurning = false;
    const rested = this.#rested;
    for (const socket of rested) {
      if (socket.state !== "resting") continue;
      socket.state = "free";
      this.#free.push(socket);
    }
    rested.length = 0;
    this.#rested = this.#resting;
    this.#resting = rested;
    if (this.#rested.length > 0) this.#turn();
    if (this.#waiting.length > 0) this.#serve();
  }

  /** Those for whom there is still none wait again, in the same order. */
  #serve(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const sender of waiting) sender.sendUnlessOver();
  }
}

/** One function for all: a closure for each would be garbage on the hot path. */
function endTurn(sockets: CallSockets): void {
  sockets.endTurn();
}
