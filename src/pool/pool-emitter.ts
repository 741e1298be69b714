// The events of a pool: warnings at a pace, everything else at once.

import type { Clock } from "../core/clock.ts";
import { Emitter, type Listener } from "../core/emitter.ts";
import type { PoolEvent, PoolEvents } from "./events.ts";
import { WarningPace } from "./warning-pace.ts";

export class PoolEmitter {
  readonly #emitter: Emitter<PoolEvents> = new Emitter((cause, event) => {
    // A `warning` listener that throws cannot be told of by a warning.
    if (event !== "warning") this.warn(undefined, `a listener of "${event}" threw`, cause);
  });
  readonly #warnings: WarningPace;

  constructor(clock: Clock) {
    this.#warnings = new WarningPace(clock, (warning) => this.#emitter.emit("warning", warning));
  }

  on<K extends PoolEvent>(event: K, listener: Listener<PoolEvents[K]>): () => void {
    return this.#emitter.on(event, listener);
  }

  off<K extends PoolEvent>(event: K, listener: Listener<PoolEvents[K]>): void {
    this.#emitter.off(event, listener);
  }

  emit<K extends PoolEvent>(event: K, payload: PoolEvents[K]): void {
    if (event === "warning") this.#warnings.add(payload as PoolEvents["warning"]);
    else this.#emitter.emit(event, payload);
  }

  readonly warn = (server: string | undefined, message: string, cause: unknown): void => {
    this.#warnings.add({ server, message, cause, code: undefined });
  };

  /** Tells what was counted and not told yet. */
  close(): void {
    this.#warnings.close();
  }
}
