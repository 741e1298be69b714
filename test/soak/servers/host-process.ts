// The host of the HTTP servers as its parent sees it.

import { fork } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import path from "node:path";

export interface HostOrder {
  readonly id: number;
  readonly name: string;
  /** Absent: all of them. */
  readonly server: string | undefined;
  readonly detail: string | undefined;
}

export interface HostReply {
  readonly id: number;
  readonly value: Readonly<Record<string, string | number>>;
  readonly error?: string;
}

export class Host {
  readonly urls: Readonly<Record<string, string>>;
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, (reply: HostReply) => void>();
  #count = 0;

  static async start(folder: string): Promise<Host> {
    const child = fork(path.join(import.meta.dirname, "host.ts"), [folder], {
      stdio: ["ignore", "inherit", "inherit", "ipc"],
    });
    const [ready] = (await once(child, "message")) as [HostReply];
    return new Host(child, ready.value as Record<string, string>);
  }

  private constructor(child: ChildProcess, urls: Readonly<Record<string, string>>) {
    this.#child = child;
    this.urls = urls;
    child.on("error", (cause) => {
      throw new Error("the host of the HTTP servers has ended", { cause });
    });
    child.on("message", (reply: HostReply) => {
      this.#waiting.get(reply.id)?.(reply);
      this.#waiting.delete(reply.id);
    });
  }

  /** Resolves when it is carried out. */
  async order(name: string, server?: string, detail?: string): Promise<HostReply["value"]> {
    const id = this.#count++;
    const reply = await new Promise<HostReply>((resolve) => {
      this.#waiting.set(id, resolve);
      this.#child.send({ id, name, server, detail } satisfies HostOrder);
    });
    if (reply.error !== undefined) throw new Error(`${name} ${server}: ${reply.error}`);
    return reply.value;
  }

  async openSockets(): Promise<Record<string, number>> {
    return { ...(await this.order("sockets")) } as Record<string, number>;
  }

  async close(): Promise<void> {
    const exited = once(this.#child, "exit");
    this.#child.disconnect();
    await exited;
  }
}
