// The process of a family's servers, as the process of the pool sees it: what is measured there is the pool's alone.

import { fork } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import type { Servers } from "./family.ts";
import type { Order, Reply } from "./messages.ts";

export class ServerProcess implements Servers {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, (reply: Reply) => void>();
  #count = 0;

  static async start(module: URL): Promise<ServerProcess> {
    const child = fork(path.join(import.meta.dirname, "server-host.ts"), [module.href], {
      stdio: ["ignore", "inherit", "inherit", "ipc"],
      serialization: "advanced",
    });
    const started = new ServerProcess(child);
    await once(child, "message");
    return started;
  }

  private constructor(child: ChildProcess) {
    this.#child = child;
    child.on("message", (reply: Reply) => {
      this.#waiting.get(reply.id)?.(reply);
      this.#waiting.delete(reply.id);
    });
    child.on("exit", (code) => {
      for (const [id, settle] of this.#waiting)
        settle({ id, error: `its process ended with ${code}` });
    });
  }

  async ask<T>(order: unknown): Promise<T> {
    const id = this.#count++;
    const reply = await new Promise<Reply>((resolve) => {
      this.#waiting.set(id, resolve);
      this.#child.send({ id, order } satisfies Order);
    });
    if (reply.error !== undefined) throw new Error(`the servers of this family: ${reply.error}`);
    return reply.value as T;
  }

  async close(): Promise<void> {
    if (this.#child.exitCode !== null) return;
    const exited = once(this.#child, "exit");
    this.#child.disconnect();
    await exited;
  }
}
