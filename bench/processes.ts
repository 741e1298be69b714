// The children of a benchmark: started, asked, ended, each within a limit.

import { fork } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { ClientSetup, Order, Reply, Sample } from "./client.ts";

/** Longest wait for any answer of a child, milliseconds: no benchmark hangs. */
const LIMIT_MS = 30_000;

const NO_LEAK_WARNINGS = "--disable-warning=MaxListenersExceededWarning";

const pathOf = (file: string): string => fileURLToPath(new URL(file, import.meta.url));

export const STDIO_SERVER: string = pathOf("./servers/stdio.mjs");

export class Child {
  readonly #process: ChildProcess;
  readonly #name: string;

  constructor(name: string, file: string, args: readonly string[], execArgv: string[]) {
    this.#name = name;
    this.#process = fork(pathOf(file), args, { execArgv });
  }

  /** The next message, or an error if the child ends or says nothing for too long. */
  async next(): Promise<unknown> {
    const signal = AbortSignal.timeout(LIMIT_MS);
    const ended = new AbortController();
    const onExit = (): void => ended.abort(new Error(`${this.#name} ended early`));
    this.#process.once("exit", onExit);
    try {
      const [message] = (await once(this.#process, "message", {
        signal: AbortSignal.any([signal, ended.signal]),
      })) as [unknown];
      return message;
    } catch (error) {
      throw (error as Error).cause ?? error;
    } finally {
      this.#process.off("exit", onExit);
    }
  }

  send(message: object | string): void {
    this.#process.send(message);
  }

  /** Waits for its own end if it was asked to; then ends it by its id. */
  async end(isAsked: boolean): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const exited = once(this.#process, "exit");
    const timer = setTimeout(() => this.#process.kill("SIGKILL"), isAsked ? LIMIT_MS : 0);
    await exited;
    clearTimeout(timer);
  }
}

/** A request as it came to the server. */
export interface RecordedRequest {
  /** Names and values by turns. */
  readonly rawHeaders: readonly string[];
  readonly body: string;
}

export class HttpServer {
  readonly origin: string;
  readonly #child: Child;

  private constructor(child: Child, port: number) {
    this.#child = child;
    this.origin = `http://127.0.0.1:${port}`;
  }

  static async start(file: "http" | "http-sdk"): Promise<HttpServer> {
    const child = new Child("the HTTP server", `./servers/${file}.mjs`, [], []);
    const { port } = (await child.next()) as { port: number };
    return new HttpServer(child, port);
  }

  /** The next call of a tool; only the raw server has this. */
  record(): Promise<RecordedRequest> {
    this.#child.send("record");
    return this.#child.next() as Promise<RecordedRequest>;
  }

  end(): Promise<void> {
    return this.#child.end(false);
  }
}

/** One contender in its process, connected. */
export class ClientProcess {
  readonly #child: Child;
  /** What its first call gave. */
  readonly text: string;

  private constructor(child: Child, text: string) {
    this.#child = child;
    this.text = text;
  }

  static async start(setup: ClientSetup): Promise<ClientProcess> {
    const child = new Child(
      setup.contender,
      "./client.ts",
      [JSON.stringify(setup)],
      [
        // With the loader that runs this file.
        ...process.execArgv,
        // The official clients leave a listener behind with each stream, and writing of it would be measured too.
        ...(setup.contender.startsWith("sdk") ? [NO_LEAK_WARNINGS] : []),
      ],
    );
    try {
      const ready = (await child.next()) as Reply & { kind: "ready" };
      return new ClientProcess(child, ready.text);
    } catch (error) {
      await child.end(false);
      throw error;
    }
  }

  async measure(order: Order): Promise<Sample> {
    this.#child.send(order);
    const { sample } = (await this.#child.next()) as Reply & { kind: "sample" };
    return sample;
  }

  async close(): Promise<void> {
    this.#child.send("close");
    await this.#child.end(true);
  }
}
