// A client under test in a process of its own, seen from outside: what it is asked settles, does not, or it dies.

import { fork } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import type { Adapter } from "./adapter.ts";

/** Whether a call ran, by its error. */
export type Says = "may have run" | "did not run" | "nothing";

export interface ClientError {
  readonly name: string;
  readonly code?: string | number;
  readonly message: string;
  readonly says: Says;
  readonly isTimeout: boolean;
}

export type Settled = { readonly ms: number } & (
  | { readonly status: "ok"; readonly value: unknown }
  | { readonly status: "error"; readonly error: ClientError }
  | { readonly status: "hung" }
  | { readonly status: "died"; readonly why: string }
);

export interface ClientSpec {
  /** For `--only`. */
  readonly id: string;
  /** Path of the adapter's module. */
  readonly adapter: string;
  /** The Node that runs it. */
  readonly node: string;
  readonly env?: Readonly<Record<string, string>>;
}

export type ClientInfo = Required<Pick<Adapter, "name" | "version" | "cannot">>;

interface Answer {
  readonly ready?: ClientInfo;
  /** Instead: what is wrong with the adapter. */
  readonly failed?: string;
  readonly id?: number;
  readonly value?: unknown;
  readonly error?: ClientError;
}

const HOST = path.join(import.meta.dirname, "host.mjs");
/** How much of what the process writes is kept, characters. */
const OUTPUT_KEPT = 4_000;
/** A client that needs more than that for anything in here has lost its hold. */
const HEAP_MB = 768;
const START_MS = 30_000;

/** What is wrong with an adapter, with its file. */
export class AdapterError extends Error {
  constructor(file: string, what: string) {
    super(`${shown(file)} ${what}`);
  }
}

export class ClientProcess {
  readonly #adapter: string;
  readonly #child: ChildProcess;
  readonly #pending = new Map<number, (answer: Answer) => void>();
  readonly #exited: Promise<string>;
  readonly #ready: Promise<ClientInfo>;
  #output = "";
  #lastId = 0;

  constructor({ adapter, node, env }: ClientSpec) {
    const loader = adapter.endsWith(".ts") ? ["--import", "tsx"] : [];
    const child = fork(HOST, [path.resolve(adapter)], {
      execPath: node,
      execArgv: [...loader, `--max-old-space-size=${HEAP_MB}`],
      stdio: ["ignore", "pipe", "pipe", "ipc"],
      env: environment(env),
    });
    this.#adapter = adapter;
    this.#child = child;
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding("utf8").on("data", (chunk: string) => {
        this.#output = (this.#output + chunk).slice(-OUTPUT_KEPT);
      });
    }
    this.#exited = new Promise((resolve) => {
      child.once("error", (error) => resolve(String(error)));
      child.once("exit", (code, signal) => resolve(this.#describeExit(code, signal)));
    });
    this.#ready = new Promise((resolve, reject) => {
      child.on("message", (message) => {
        const answer = message as Answer;
        if (answer.ready !== undefined) resolve(answer.ready);
        else if (answer.failed !== undefined) reject(new AdapterError(adapter, answer.failed));
        else if (answer.id !== undefined) this.#pending.get(answer.id)?.(answer);
      });
    });
    // Whoever asks for it gets it; nobody may ask.
    this.#ready.catch(() => {});
    // Asking a process that has just died is answered by its exit.
    child.on("error", () => {});
  }

  /** @throws {AdapterError} if the adapter cannot be loaded, or is none. */
  async ready(): Promise<ClientInfo> {
    const died = this.#exited.then((why) => {
      throw new AdapterError(this.#adapter, `did not start: ${why}`);
    });
    return await bounded(Promise.race([this.#ready, died]), START_MS, () => {
      const what = `was not ready within ${START_MS} ms: ${this.output}`;
      throw new AdapterError(this.#adapter, what);
    });
  }

  /** The end of what the process wrote. */
  get output(): string {
    return this.#output.trim();
  }

  async ask(op: string, args: object, boundMs: number): Promise<Settled> {
    const id = ++this.#lastId;
    const startedAt = performance.now();
    const ms = (): number => Math.round(performance.now() - startedAt);
    const answered = new Promise<Settled>((resolve) => {
      this.#pending.set(id, ({ value, error }) =>
        resolve(
          error === undefined
            ? { status: "ok", value, ms: ms() }
            : { status: "error", error, ms: ms() },
        ),
      );
    });
    const died = this.#exited.then((why): Settled => ({ status: "died", why, ms: ms() }));
    if (this.#child.connected) this.#child.send({ id, op, args });
    const settled = Promise.race([answered, died]);
    try {
      return await bounded(settled, boundMs, (): Settled => ({ status: "hung", ms: ms() }));
    } finally {
      this.#pending.delete(id);
    }
  }

  /** Whether it ends by itself within that time. */
  async endsWithin(boundMs: number): Promise<boolean> {
    return await bounded(
      this.#exited.then(() => true),
      boundMs,
      () => false,
    );
  }

  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    if (this.#child.pid === undefined) return;
    const exited = once(this.#child, "exit");
    this.#child.kill("SIGKILL");
    await exited;
  }

  #describeExit(code: number | null, signal: string | null): string {
    const how = signal === null ? `exit code ${code}` : signal;
    const said = this.#output.match(/^.*(?:Error|FATAL).*$/m)?.[0];
    return said === undefined ? how : `${how}, ${said.trim().slice(0, 200)}`;
  }
}

/** As one would type it. */
function shown(file: string): string {
  const relative = path.relative(process.cwd(), file);
  const isBelow = !relative.startsWith("..") && !path.isAbsolute(relative);
  return isBelow ? `./${relative}` : file;
}

/** Ours may be under vitest, which has clients believe that they are tested. */
function environment(added: ClientSpec["env"]): NodeJS.ProcessEnv {
  const env: NodeJS.ProcessEnv = { ...process.env, ...added };
  for (const name of Object.keys(env)) {
    if (/^(?:VITEST|NODE_V8_COVERAGE|NODE_OPTIONS|NODE_ENV|TSX_|TEST$)/.test(name))
      delete env[name];
  }
  return env;
}

/** What `late` gives if it takes longer. */
export async function bounded<T>(work: Promise<T>, boundMs: number, late: () => T): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<T>((resolve, reject) => {
    timer = setTimeout(() => {
      try {
        resolve(late());
      } catch (error) {
        reject(error as Error);
      }
    }, boundMs);
  });
  try {
    return await Promise.race([work, limit]);
  } finally {
    clearTimeout(timer);
  }
}
