// The servers: processes with many each.

import { Child } from "../../children.ts";

/** In one process. */
const MAX_EACH = 1_000;

/** Longest wait for a process to listen on all its ports, milliseconds. */
const LIMIT_MS = 60_000;

/** What the servers were asked. */
export interface Asked {
  /** That were opened. */
  readonly sockets: number;
  readonly sessions: number;
  readonly lists: number;
  readonly ended: number;
}

export class FleetServers {
  readonly urls: readonly string[];
  readonly #children: readonly Child[];

  private constructor(children: readonly Child[], ports: readonly number[]) {
    this.#children = children;
    this.urls = ports.map((port) => `http://127.0.0.1:${port}/mcp`);
  }

  static async start(count: number): Promise<FleetServers> {
    const children: Child[] = [];
    for (let first = 0; first < count; first += MAX_EACH) {
      const each = Math.min(MAX_EACH, count - first);
      children.push(
        new Child({
          name: "a process of servers",
          file: new URL("../../servers/fleet.mjs", import.meta.url),
          args: [`${first}`, `${each}`],
        }),
      );
    }
    try {
      const all = await Promise.all(children.map((child) => child.next(LIMIT_MS)));
      return new FleetServers(
        children,
        all.flatMap((one) => (one as { ports: number[] }).ports),
      );
    } catch (error) {
      await Promise.all(children.map((child) => child.end(false)));
      throw error;
    }
  }

  /** Since it was last asked for. */
  async asked(): Promise<Asked> {
    const all = (await Promise.all(this.#children.map((child) => child.ask("asked")))) as Asked[];
    const sum = (key: keyof Asked): number => all.reduce((total, one) => total + one[key], 0);
    return {
      sockets: sum("sockets"),
      sessions: sum("sessions"),
      lists: sum("lists"),
      ended: sum("ended"),
    };
  }

  async end(): Promise<void> {
    await Promise.all(this.#children.map((child) => child.end(false)));
  }
}
