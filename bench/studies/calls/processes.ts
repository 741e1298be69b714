// Who takes part in a study of calls: the server, and each contender in a process of its own.

import { fileURLToPath } from "node:url";
import { Child } from "../../children.ts";
import type { ClientSetup, Order, Reply } from "./calls.child.ts";
import type { Sample } from "../../study.ts";

const NO_LEAK_WARNINGS = "--disable-warning=MaxListenersExceededWarning";

const serverUrl = (file: string): URL => new URL(`../../servers/${file}.mjs`, import.meta.url);

export const STDIO_SERVER: string = fileURLToPath(serverUrl("stdio"));

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
    const child = new Child({ name: "the HTTP server", file: serverUrl(file) });
    const { port } = (await child.next()) as { port: number };
    return new HttpServer(child, port);
  }

  /** The next call of a tool; only the raw server has this. */
  record(): Promise<RecordedRequest> {
    return this.#child.ask("record") as Promise<RecordedRequest>;
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

  /** @param execPath another Node than this one, for a client that needs it */
  static async start(setup: ClientSetup, execPath?: string): Promise<ClientProcess> {
    const child = new Child({
      name: setup.contender,
      file: new URL("./calls.child.ts", import.meta.url),
      args: [JSON.stringify(setup)],
      // The official clients leave a listener behind with each stream, and writing of it would be measured too.
      execArgv: ["floor", "pool", "other"].some((own) => setup.contender.startsWith(own))
        ? []
        : [NO_LEAK_WARNINGS],
      execPath,
    });
    try {
      const ready = (await child.next()) as Reply & { kind: "ready" };
      return new ClientProcess(child, ready.text);
    } catch (error) {
      await child.end(false);
      throw error;
    }
  }

  async measure(order: Order): Promise<Sample> {
    const { sample } = (await this.#child.ask(order)) as Reply & { kind: "sample" };
    return sample;
  }

  async close(): Promise<void> {
    this.#child.send("close");
    await this.#child.end(true);
  }
}
