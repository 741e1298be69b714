// One fault: what is needed, what happens, and the worst that our own client may make of it.

import type { Ability } from "./adapter.ts";
import type { Scene } from "./scene.ts";
import type { Outcome } from "./verdict.ts";

export interface Fault {
  /** For `--fault`. */
  readonly id: string;
  readonly title: string;
  /** How the tools called may be repeated: U never, R if the client believes the server's word. */
  readonly class: "U" | "R";
  readonly needs: readonly Ability[];
  /** The worst that is in order here. A longer explanation is in docs/RELIABILITY.md. */
  readonly permits: Extract<Outcome, "recovered" | "error">;
  /** Memory that the client's process may take at its peak beyond what it began with, MB. Default: not looked at. */
  readonly memoryMb?: number;
  run(scene: Scene): Promise<void>;
}
