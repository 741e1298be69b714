// The types of duplex.mjs, which is plain JavaScript because child processes start with it.

import type { Era } from "../fleet.ts";
import type { Log } from "../log.ts";
import type { Fate } from "../plan.ts";
import type { Message, Order } from "./protocol.mjs";

export interface Served {
  readonly message: Message;
  readonly order: Order;
  readonly answer: Message;
  /** Logs the execution. */
  readonly run: () => void;
  /** Sends the answer, and logs that. */
  readonly finish: () => void;
}

export interface DuplexServer {
  onMessage(message: Message): void;
  /** Changes the tools, and says so that many times. */
  storm(count: number): void;
  /** What was to happen later does not happen. */
  close(): void;
}

export function createDuplexServer(options: {
  readonly name: string;
  readonly era: Era;
  readonly send: (message: Message) => void;
  readonly log: Log;
  readonly special?: Partial<Record<Fate, (served: Served) => void>>;
}): DuplexServer;
