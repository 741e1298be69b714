// One entrant, connected, in a process of its own. That it fails is noted, and ends nothing but its own part.

import type { Target } from "../../contenders/contender.ts";
import type { Sample } from "../../study.ts";
import type { Order } from "../calls/calls.child.ts";
import { ClientProcess } from "../calls/processes.ts";
import type { HttpServer, RecordedRequest } from "../calls/processes.ts";
import { BYTES } from "../calls/targets.ts";
import { bytesOf } from "../calls/wire.ts";
import type { Entrant } from "./entrants.ts";

const ONE_CALL: Order = { inFlight: 1, durationMs: 0 };

export class Participant {
  readonly name: string;
  readonly #client: ClientProcess;
  readonly #note: (line: string) => void;
  #hasFailed = false;
  #request: RecordedRequest | undefined;

  private constructor(name: string, client: ClientProcess, note: (line: string) => void) {
    this.name = name;
    this.#client = client;
    this.#note = note;
  }

  /** Undefined, and noted, if it does not connect. */
  static async start(
    { name, contender, execPath }: Entrant,
    target: Target,
    build: string,
    note: (line: string) => void,
  ): Promise<Participant | undefined> {
    try {
      const client = await ClientProcess.start({ contender, target, build }, execPath);
      return new Participant(name, client, note);
    } catch (error) {
      note(`${name} did not connect (${firstLine(error)}).`);
      return undefined;
    }
  }

  /** What its first call gave. */
  get text(): string {
    return this.#client.text;
  }

  /** The revision that it says it speaks, where the server has seen a call. */
  get revision(): string | undefined {
    const { rawHeaders = [] } = this.#request ?? {};
    const at = rawHeaders.findIndex((text) => text.toLowerCase() === "mcp-protocol-version");
    return at === -1 ? undefined : rawHeaders[at + 1];
  }

  /** Has the server look at a call; nobody else may call at that time. */
  async showTo(server: HttpServer): Promise<void> {
    // Of a client that fails there is no call to see.
    const recorded = server.record().catch(() => undefined);
    if ((await this.measure(ONE_CALL)) !== undefined) this.#request = await recorded;
  }

  /** Undefined once it has failed. */
  async measure(order: Order): Promise<Sample | undefined> {
    if (this.#hasFailed) return undefined;
    try {
      const sample = await this.#client.measure(order);
      return this.#request === undefined ? sample : { ...sample, [BYTES]: bytesOf(this.#request) };
    } catch (error) {
      this.#hasFailed = true;
      this.#note(`${this.name} failed with ${order.inFlight} in flight (${firstLine(error)}).`);
      return undefined;
    }
  }

  close(): Promise<void> {
    return this.#client.close();
  }
}

function firstLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.split("\n", 1).join("");
}
