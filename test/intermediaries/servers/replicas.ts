// Replicas of one server, each a child process, and the ledger of what they ran.

import { fork } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

const PROGRAM = path.join(import.meta.dirname, "replica.mjs");

export interface ReplicaOptions {
  /** Answers are JSON bodies, not event streams. Default false. */
  readonly json?: boolean;
  /** The answers lack `X-Accel-Buffering: no`, with which the SDK asks nginx to let streams through. Default false. */
  readonly allowBuffering?: boolean;
  /** The status for a session that is not known: the SDK says 404, its much copied example 400. Default 404. */
  readonly refusal?: 404 | 400;
}

export interface Entry {
  readonly what: "ran" | "counted" | "initialize" | "refused" | "listening";
  readonly replica: string;
  /** Of a call that ran. */
  readonly key?: string;
  /** `X-Request-Id`: the proxy gives each request of its client one, and keeps it when it repeats the request. */
  readonly request?: string;
  /** Of a refused request. */
  readonly method?: string;
}

/** One replica. It keeps its port when it is started again, and nothing else. */
export class Replica {
  readonly name: string;
  readonly #settings: string;
  #child: ChildProcess | undefined;
  #port = 0;

  constructor(name: string, settings: object) {
    this.name = name;
    this.#settings = JSON.stringify({ name, ...settings });
  }

  get port(): number {
    return this.#port;
  }

  /** Boots a process that does not listen yet, so that the time a boot takes is no part of an outage. */
  async boot(): Promise<() => Promise<void>> {
    const child = fork(PROGRAM, [this.#settings], {
      stdio: ["ignore", "ignore", "inherit", "ipc"],
    });
    await nextMessage(child);
    return async () => {
      child.send({ port: this.#port });
      const { port } = (await nextMessage(child)) as { port: number };
      this.#port = port;
      this.#child = child;
    };
  }

  async start(): Promise<void> {
    const listen = await this.boot();
    await listen();
  }

  /** As a crash ends it: nothing is answered any more. */
  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGKILL");
    await gone;
  }
}

/** All replicas of one server. Disposing of them ends their processes and removes the ledger. */
export class Replicas implements AsyncDisposable {
  readonly all: readonly Replica[];
  readonly #folder: string;
  readonly #ledger: string;

  private constructor(count: number, options: ReplicaOptions) {
    this.#folder = mkdtempSync(path.join(tmpdir(), "mcp-client-pool-replicas-"));
    this.#ledger = path.join(this.#folder, "ledger");
    writeFileSync(this.#ledger, "");
    const { json = false, allowBuffering = false, refusal = 404 } = options;
    const settings = { ledger: this.#ledger, json, allowBuffering, refusal };
    this.all = Array.from({ length: count }, (_, at) => {
      return new Replica(String.fromCodePoint(97 + at), settings);
    });
  }

  static async start(count: number, options: ReplicaOptions = {}): Promise<Replicas> {
    const replicas = new Replicas(count, options);
    await Promise.all(replicas.all.map((replica) => replica.start()));
    return replicas;
  }

  get first(): Replica {
    const [first] = this.all;
    if (first === undefined) throw new Error("there is no replica");
    return first;
  }

  get entries(): Entry[] {
    const lines = readFileSync(this.#ledger, "utf8").split("\n");
    return lines.filter((line) => line !== "").map((line) => JSON.parse(line) as Entry);
  }

  count(what: Entry["what"]): number {
    return this.entries.filter((entry) => entry.what === what).length;
  }

  /** Keys of the calls that ran more than once. */
  get doubled(): string[] {
    const keys = this.entries.flatMap(({ what, key }) =>
      what === "ran" && key !== undefined ? key : [],
    );
    return [...new Set(keys.filter((key, at) => keys.indexOf(key) !== at))];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.all.map((replica) => replica.kill()));
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

function nextMessage(child: ChildProcess): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const failed = (code: number | null): void => {
      reject(new Error(`a replica ended before it was ready, with exit code ${code}`));
    };
    child.once("exit", failed);
    child.once("message", (message) => {
      child.off("exit", failed);
      resolve(message);
    });
  });
}
