// What the tests of this folder share: a server whose transports are fakes, made to order.

import { ConnectGate } from "../../../src/connection/connect-gate.ts";
import { Connection } from "../../../src/connection/connection.ts";
import { resolveServer } from "../../../src/connection/options.ts";
import { Supervisor } from "../../../src/connection/supervisor.ts";
import type { SupervisorEvents } from "../../../src/connection/supervisor-events.ts";
import { TRANSITIONS } from "../../../src/connection/state.ts";
import type { ConnectionStateName } from "../../../src/connection/state.ts";
import { McpConnectionError } from "../../../src/core/errors.ts";
import type { McpError } from "../../../src/core/errors.ts";
import { GuardedStore } from "../../../src/core/guarded-store.ts";
import { SleepWatch } from "../../../src/core/sleep-watch.ts";
import { Interceptors } from "../../../src/connection/interceptors.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { FakeDuplex, FakeHttp, initializeResult, repairLog } from "../fakes.ts";
import type { Script, Sent } from "../fakes.ts";

export const STDIO = { command: "fake" };
export const HTTP = { url: "http://127.0.0.1:9/mcp", transport: "http", listen: false };

export function refused(retryable = true): McpConnectionError {
  return new McpConnectionError("CONNECTION_FAILED", "refused", { server: "s", retryable });
}

export function lost(): McpConnectionError {
  return new McpConnectionError("CONNECTION_LOST", "exit", { server: "s", retryable: true });
}

/** Where the mocked modules get their transports from; one per test file, filled by each test. */
export class Backend {
  readonly duplexes: FakeDuplex[] = [];
  readonly https: FakeHttp[] = [];
  /** What `start` does; `undefined` is success. */
  start: () => McpError | undefined = () => undefined;
  /** What the server does with anything but `initialize` and `ping`. */
  script: Script = () => {};
  /** The session is forgotten: pings are refused with this until the next `initialize`. */
  forgotten: McpError | undefined;
  /** Whether the change stream comes up; otherwise it hangs. */
  opensStreams = true;
  initialize: (sent: Sent) => void = (sent) => sent.head().reply(initializeResult());

  stdio(): FakeDuplex {
    const transport = this.#prepare(new FakeDuplex());
    this.duplexes.push(transport);
    return transport;
  }

  http(): FakeHttp {
    const transport = this.#prepare(new FakeHttp());
    transport.onListen = (listening) => {
      if (this.opensStreams) listening.onOpen();
    };
    this.https.push(transport);
    return transport;
  }

  get transports(): (FakeDuplex | FakeHttp)[] {
    return [...this.duplexes, ...this.https];
  }

  /** How often a request was handed to the server, over all transports. */
  count(method: string): number {
    return this.transports.reduce((sum, transport) => sum + transport.of(method).length, 0);
  }

  #prepare<T extends FakeDuplex | FakeHttp>(transport: T): T {
    transport.onStart = async () => {
      const error = this.start();
      if (error !== undefined) throw error;
    };
    transport.script = (sent) => {
      if (sent.method === "initialize") {
        this.forgotten = undefined;
        return this.initialize(sent);
      }
      if (sent.method === "ping" && this.forgotten !== undefined) return sent.fail(this.forgotten);
      const result = this.script(sent);
      return result ?? (sent.method === "ping" && result !== null ? {} : undefined);
    };
    return transport;
  }
}

/** What becomes of a connection once its era is known: how that is found out is tested elsewhere. */
const SESSIONS = { protocol: "legacy" } as const;

function memoryStore(clock: ManualClock): GuardedStore {
  return new GuardedStore(new Map(), clock, () => {});
}

const DEPENDENCIES = {
  clientInfo: { name: "test", version: "1" },
  handlers: { sampling: { tools: false, context: false } },
};

export interface Supervised {
  readonly clock: ManualClock;
  readonly supervisor: Supervisor;
  /** Every state entered; an illegal move has thrown. */
  readonly states: ConnectionStateName[];
  readonly warnings: unknown[];
}

export function supervise(
  config: object,
  options: { events?: Partial<SupervisorEvents>; name?: string } = {},
): Supervised {
  const clock = new ManualClock();
  const states: ConnectionStateName[] = [];
  const warnings: unknown[] = [];
  const supervisor = new Supervisor(
    resolveServer(options.name ?? "s", config, SESSIONS),
    {
      clock,
      store: memoryStore(clock),
      gate: new ConnectGate(32, clock),
      quirks: repairLog(),
      ...DEPENDENCIES,
    },
    {
      onSession: async () => {},
      answeredCount: () => 0,
      onListChanged: () => {},
      onResourceUpdated: () => {},
      onMissed: () => {},
      onLog: () => {},
      onWarning: (message) => void warnings.push(message),
      onSecret: () => {},
      ...options.events,
      onState: (next, previous, error) => {
        if (!TRANSITIONS[previous].includes(next)) throw new Error(`${previous} -> ${next}`);
        states.push(next);
        options.events?.onState?.(next, previous, error);
      },
    },
  );
  return { clock, supervisor, states, warnings };
}

export function connect(config: object): {
  clock: ManualClock;
  connection: Connection;
  states: ConnectionStateName[];
  sessions: boolean[];
  warnings: unknown[];
} {
  const clock = new ManualClock();
  const states: ConnectionStateName[] = [];
  const sessions: boolean[] = [];
  const warnings: unknown[] = [];
  const connection = new Connection(
    resolveServer("s", config, SESSIONS),
    {
      clock,
      store: memoryStore(clock),
      gate: new ConnectGate(32, clock),
      sleepWatch: new SleepWatch(clock),
      interceptors: new Interceptors(),
      ...DEPENDENCIES,
    },
    {
      onCircuitOpened: () => {},
      onCircuitClosed: () => {},
      onState: (next) => states.push(next),
      onSession: (renewed) => sessions.push(renewed),
      onListChanged: () => {},
      onResourceUpdated: () => {},
      onMissed: () => {},
      onLog: () => {},
      onWarning: (message) => void warnings.push(message),
    },
  );
  return { clock, connection, states, sessions, warnings };
}

/** What a promise has come to, without waiting for it. */
export function watch<T>(promise: Promise<T>): { value?: T; error?: unknown } {
  const outcome: { value?: T; error?: unknown } = {};
  promise.then(
    (value) => (outcome.value = value),
    (error: unknown) => (outcome.error = error),
  );
  return outcome;
}
