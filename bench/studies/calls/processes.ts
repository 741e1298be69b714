// Who takes part in a study of calls: the server, and each contender in a process of its own.

import { fileURLToPath } from "node:url";
import { Child } from "../../children.ts";
import type { Target } from "../../contenders/contender.ts";
import type { Sample } from "../../study.ts";
import type { ClientSetup, Order, Reply } from "./calls.child.ts";
import type { Case } from "./cases.ts";

const NO_LEAK_WARNINGS = "--disable-warning=MaxListenersExceededWarning";

const serverUrl = (file: string): URL => new URL(`../../servers/${file}.mjs`, import.meta.url);

const STDIO_SERVER = fileURLToPath(serverUrl("stdio"));

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

/** Where a case's server is: `server` that runs, or a child of each client. */
export function targetOf({ path }: Pick<Case, "path">, server: HttpServer | undefined): Target {
  return server === undefined
    ? { kind: "stdio", command: process.execPath, args: [STDIO_SERVER] }
    : { kind: "http", url: `${server.origin}${path}` };
}

/** One contender in its process, connected. */
export class ClientProcess {
  readonly #child: Child;
  /** What its first call gave. */
  readonly text: string;
  #hasFailed = false;

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
      const { text } = expected("ready", await child.next());
      return new ClientProcess(child, text);
    } catch (error) {
      await child.end(false);
      throw error;
    }
  }

  async measure(order: Order): Promise<Sample> {
    try {
      return expected("sample", await this.#child.ask(order)).sample;
    } catch (error) {
      this.#hasFailed = true;
      throw error;
    }
  }

  /** Of one that has failed, and may be gone: ends it without asking. */
  async close(): Promise<void> {
    if (!this.#hasFailed) this.#child.send("close");
    await this.#child.end(!this.#hasFailed);
  }
}

/** @throws {Error} with what the contender says, if that is that it failed. */
function expected<Kind extends "ready" | "sample">(
  kind: Kind,
  message: unknown,
): Reply & { kind: Kind } {
  const reply = message as Reply;
  if (reply.kind === "failed") throw new Error(reply.reason);
  if (reply.kind !== kind) throw new Error(`a contender said ${reply.kind} instead of ${kind}`);
  return reply as Reply & { kind: Kind };
}
