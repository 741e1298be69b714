// What the fault tests share: servers and pools that end with their test, a clock that can be held, answers by hand.

import type { ServerResponse } from "node:http";
import { McpClientPool, McpError } from "mcp-client-pool";
import type { Clock, PoolEvent, PoolEvents, ServerConfig, Timer } from "mcp-client-pool";
import { expect, onTestFinished } from "vitest";
import { LOOK_MS } from "../../src/core/sleep-watch.ts";
import { rpcResult, startHttpServer } from "../support/http-server.ts";
import type {
  RequestContext,
  TestHttpServer,
  TestHttpServerOptions,
  TestTool,
} from "../support/http-server.ts";

/** Reconnects that a test need not wait for. */
export const QUICK = { jitterMs: 0, initialMs: 5, maxMs: 10 } as const;

type PoolOptions = NonNullable<ConstructorParameters<typeof McpClientPool>[0]>;

/** Ends with the test, and fails it if a client's socket outlives its pool. */
export async function serve(options: TestHttpServerOptions = {}): Promise<TestHttpServer> {
  const server = await startHttpServer(options);
  onTestFinished(async () => {
    await server.until(({ openSockets }) => openSockets === 0);
    await server.close();
  });
  return server;
}

/** Not connected yet. Closed with the test: make it after its servers. */
export function poolOf(
  servers: Readonly<Record<string, TestHttpServer | ServerConfig>>,
  options: Omit<PoolOptions, "servers"> = {},
): McpClientPool {
  const configs = Object.entries(servers).map(([name, server]) => [
    name,
    "openSockets" in server ? { url: server.url } : server,
  ]);
  const pool = new McpClientPool({
    reconnect: QUICK,
    ...options,
    servers: Object.fromEntries(configs) as Record<string, ServerConfig>,
  });
  onTestFinished(() => pool.closeAll({ drainMs: 0 }));
  return pool;
}

/** One server, connected as `s`. */
export async function connected(
  server: TestHttpServer,
  config: Partial<ServerConfig> = {},
  options: Omit<PoolOptions, "servers"> = {},
): Promise<McpClientPool> {
  const pool = poolOf({ s: { ...config, url: server.url } as ServerConfig }, options);
  expect(await pool.connect()).toMatchObject({ connected: ["s"], failed: {} });
  return pool;
}

/** The error of what must be rejected with one of ours. */
export async function failure(promise: Promise<unknown>): Promise<McpError> {
  const reason = await promise.then(
    (value) => expect.fail(`resolved with ${JSON.stringify(value)}`),
    (error: unknown) => error,
  );
  expect(reason).toBeInstanceOf(McpError);
  return reason as McpError;
}

/** The next event that `fits`. */
export function nextEvent<K extends PoolEvent>(
  pool: McpClientPool,
  event: K,
  fits: (payload: PoolEvents[K]) => boolean = () => true,
): Promise<PoolEvents[K]> {
  return new Promise((resolve) => {
    const off = pool.on(event, (payload) => {
      if (!fits(payload)) return;
      off();
      resolve(payload);
    });
  });
}

/** Everything that is told of from now on. */
export function collect<K extends PoolEvent>(pool: McpClientPool, event: K): PoolEvents[K][] {
  const payloads: PoolEvents[K][] = [];
  pool.on(event, (payload) => {
    payloads.push(payload);
  });
  return payloads;
}

/** Stops the server `s`; when it resolves, the pool knows: what is called now waits. */
export async function lose(pool: McpClientPool, server: TestHttpServer): Promise<void> {
  await server.stop();
  const disconnected = nextEvent(pool, "server.disconnected");
  // Class S: it may be asked again, and so finds out whatever became of its first attempt.
  pool.call("s", "tools/list").catch(() => {});
  await disconnected;
}

export interface Gate {
  readonly opened: Promise<void>;
  open(): void;
}

export function gate(): Gate {
  let open = (): void => {};
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { opened, open };
}

/** For a tool that answers by hand. */
export function unanswered(): Promise<never> {
  return new Promise(() => {});
}

export function toolResult({ body }: RequestContext, text: string): object {
  return rpcResult(body?.id ?? null, { content: [{ type: "text", text }] });
}

export function textOf(text: string): object {
  return { content: [{ type: "text", text }] };
}

/** Begins an event stream as the answer. */
export function startStream({ res }: RequestContext, text = ""): ServerResponse {
  res.writeHead(200, { "content-type": "text/event-stream" }).flushHeaders();
  if (text !== "") res.write(text);
  return res;
}

/** Breaks the connection once `text`, the last of its bytes, is on its way. */
export function cut(res: ServerResponse, text = ": cut\n\n"): void {
  res.write(text, () => res.destroy());
}

/** A tool, `work`, that answers by hand. */
export function byHand(answer: (context: RequestContext) => void): Record<string, TestTool> {
  const handler = (_args: unknown, context: RequestContext): Promise<never> => {
    answer(context);
    return unanswered();
  };
  return { work: { handler } };
}

export const LIST_CHANGED = { jsonrpc: "2.0", method: "notifications/tools/list_changed" };
/** For what is logged: behind it on the same stream, it says that all before was read. */
export const LOG_CAPABILITY = { tools: { listChanged: true }, logging: {} };

export function logMessage(data: string): object {
  return { jsonrpc: "2.0", method: "notifications/message", params: { level: "info", data } };
}

/** A tool that runs `fault` instead of answering, the first `times` times. */
export function faulty(
  fault: (context: RequestContext) => void,
  options: { times?: number; annotations?: object } = {},
): TestTool {
  const { times = 1, annotations } = options;
  let left = times;
  return {
    ...(annotations === undefined ? {} : { annotations }),
    handler(_args, context) {
      if (left-- <= 0) return "done";
      fault(context);
      return unanswered();
    },
  };
}

interface TestTimer {
  readonly delayMs: number;
  readonly callback: () => void;
  readonly real: NodeJS.Timeout | undefined;
}

/** The system's clock; knows which timers are armed, and holds those that a test wants to fire itself. */
export class TestClock implements Clock {
  /** Timers for which it is true do not fire by themselves. */
  holds: (delayMs: number) => boolean = () => false;
  readonly #armed = new Set<TestTimer>();
  readonly #watchers = new Set<() => void>();

  /** Delays of all timers that have neither fired nor been cleared. */
  get armed(): number[] {
    return Array.from(this.#armed, ({ delayMs }) => delayMs).toSorted((a, b) => a - b);
  }

  get held(): number[] {
    return this.armed.filter((delayMs) => this.holds(delayMs));
  }

  now(): number {
    return performance.now();
  }

  wallTime(): number {
    return Date.now();
  }

  random(): number {
    return 0.5;
  }

  setTimer(callback: () => void, delayMs: number, background = false): Timer {
    // Whether the machine slept is looked at for as long as there is a connection: no test waits for that.
    if (background && delayMs === LOOK_MS) return setTimeout(callback, delayMs).unref();
    const fire = (): void => {
      if (!this.#armed.delete(timer)) return;
      callback();
      this.#notify();
    };
    const real = this.holds(delayMs) ? undefined : setTimeout(fire, delayMs);
    if (background) real?.unref();
    const timer: TestTimer = { delayMs, callback: fire, real };
    this.#armed.add(timer);
    this.#notify();
    return timer;
  }

  clearTimer(timer: Timer): void {
    const { real } = timer as TestTimer;
    clearTimeout(real);
    this.#armed.delete(timer as TestTimer);
    this.#notify();
  }

  /** Resolves when `count` timers are held. */
  async untilHeld(count = 1): Promise<void> {
    await this.#until(() => this.held.length >= count);
  }

  /** Resolves when no timer is armed. */
  async untilIdle(): Promise<void> {
    await this.#until(() => this.#armed.size === 0);
  }

  /** Fires what is held. */
  release(): void {
    for (const timer of [...this.#armed]) if (timer.real === undefined) timer.callback();
  }

  async #until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => this.#watchers.add(resolve));
  }

  #notify(): void {
    const watchers = [...this.#watchers];
    this.#watchers.clear();
    for (const watcher of watchers) watcher();
  }
}
