// What the host asks of each of its servers.

import type { Listener } from "./listener.ts";

export interface SoakServer {
  readonly listener: Listener;
  readonly path: string;
  /** Carries out a fault; `heal` ends all that is going on. */
  order(name: string, detail?: string): Promise<void>;
}
