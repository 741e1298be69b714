// The calls of one server: who may go now, what becomes of each, and the books of them.
// Hot path: `ask`, which makes one object for each call, and `onResult`, where its answer is counted and handed over.

import type { Clock } from "../core/clock.ts";
import { inputError } from "../core/input-error.ts";
import type { Redactor } from "../core/redactor.ts";
import type { SleepWatch } from "../core/sleep-watch.ts";
import type { Tool } from "../spec/types.ts";
import { Admission, type AdmissionEvents } from "./admission.ts";
import { Call } from "./call.ts";
import type { Asker, CallOptions, CallOwner } from "./call.ts";
import { CallRunner } from "./call-runner.ts";
import type { ConnectionCounts } from "./description.ts";
import type { ResolvedServer } from "./options.ts";
import type { Supervisor } from "./supervisor.ts";

export interface CallsOptions {
  readonly server: ResolvedServer;
  readonly clock: Clock;
  readonly supervisor: Supervisor;
  readonly sleepWatch: SleepWatch;
  readonly redactor: Redactor;
  readonly events: AdmissionEvents & {
    /** Another one has ended, however. Must not throw. */
    onEnded(): void;
  };
}

/** Weight of the newest call in the mean latency. */
const LATENCY_WEIGHT = 0.1;

export class Calls implements CallOwner {
  readonly server: ResolvedServer;
  readonly admission: Admission;
  readonly #clock: Clock;
  readonly #sleepWatch: SleepWatch;
  readonly #redactor: Redactor;
  readonly #events: CallsOptions["events"];
  readonly #runner: CallRunner;
  #asked = 0;
  #succeeded = 0;
  #failed = 0;
  #latencyMs: number | undefined;
  #fastestMs: number | undefined;

  constructor({ server, clock, supervisor, sleepWatch, redactor, events }: CallsOptions) {
    this.server = server;
    this.#clock = clock;
    this.#sleepWatch = sleepWatch;
    this.#redactor = redactor;
    this.#events = events;
    this.admission = new Admission(server, clock, events);
    this.#runner = new CallRunner({ clock, supervisor, admission: this.admission, owner: this });
  }

  /** Moving mean of answered calls. */
  get latencyMs(): number | undefined {
    return this.#latencyMs;
  }

  get fastestMs(): number | undefined {
    return this.#fastestMs;
  }

  get answeredCount(): number {
    return this.#succeeded;
  }

  /** Those that wait for a place included. */
  get openCount(): number {
    return this.#asked - this.#succeeded - this.#failed;
  }

  get counts(): Omit<ConnectionCounts, "renewals" | "reconnects" | "crashes"> {
    const queued = this.admission.limiter.queuedCount;
    return {
      calls: this.#asked,
      succeeded: this.#succeeded,
      failed: this.#failed,
      inFlight: this.openCount - queued,
      queued,
      replays: this.#runner.replayCount,
    };
  }

  /** @param tool the asker's, unless it is another that is called */
  ask(
    method: string,
    params: object | undefined,
    options: CallOptions,
    asker: Asker,
    tool: Tool | undefined,
  ): Promise<object> {
    const startedAt = this.#clock.now();
    let call: Call;
    try {
      call = new Call(this, method, params, options, asker, tool, startedAt);
    } catch (error) {
      return Promise.reject(inputError(error, "the options of a call"));
    }
    this.#asked += 1;
    this.#sleepWatch.look(startedAt);
    return this.admission.tryEnter(method) ? this.#run(call) : this.#runLater(call);
  }

  #run(call: Call): Promise<object> {
    this.admission.budget.onCall(call.turnAt);
    try {
      return this.#runner.run(call);
    } catch (error) {
      // What cannot even be put together (a getter that throws) is a failed call like any other.
      return Promise.reject(
        this.#fail(inputError(error, `the input of ${call.method}`), call) as Error,
      );
    }
  }

  #runLater(call: Call): Promise<object> {
    return new Promise((resolve, reject) => {
      call.resolve = resolve;
      call.reject = reject;
      try {
        this.admission.enter(call);
      } catch (error) {
        // A signal that is none, from an interceptor.
        this.onRefused(call, error);
      }
    });
  }

  // --- CallOwner ---

  onPlace(call: Call): void {
    call.turnAt = this.#clock.now();
    call.attemptAt = call.turnAt;
    void this.#run(call).then(call.resolve, call.reject);
  }

  onRefused(call: Call, error: unknown): void {
    this.#countFailed();
    call.reject?.(this.#redactor.error(error) as Error);
  }

  onResult(call: Call, result: object): object | Promise<object> {
    this.admission.onAnswer(call.turnAt);
    this.#succeeded += 1;
    const now = this.#clock.now();
    const answeredMs = now - call.attemptAt;
    if (answeredMs < (this.#fastestMs ?? Infinity)) this.#fastestMs = answeredMs;
    const tookMs = now - call.startedAt;
    const mean = this.#latencyMs ?? tookMs;
    this.#latencyMs = mean + (tookMs - mean) * LATENCY_WEIGHT;
    this.admission.leave(call.method);
    this.#events.onEnded();
    return call.asker.finish === undefined ? result : call.asker.finish(result);
  }

  onError(call: Call, error: unknown): never {
    throw this.#fail(error, call);
  }

  /** Counted first: the next call is sent before `leave` returns. */
  #fail(error: unknown, { method, isPlaceless }: Call): unknown {
    this.#countFailed();
    if (!isPlaceless) this.admission.leave(method);
    return this.#redactor.error(error);
  }

  #countFailed(): void {
    this.#failed += 1;
    this.#events.onEnded();
  }
}
