// The user's handlers, as one server's connection sees them.

import { callUser } from "../core/callback.ts";
import { McpConfigError } from "../core/errors.ts";
import { reading } from "../core/input-error.ts";
import type { ClientHandlers } from "../eras/handlers.ts";
import { checkRoots } from "../eras/roots.ts";
import type { Root } from "../spec/types.ts";
import type { PoolEvents } from "./events.ts";
import type { PoolOptions, ResolvedPoolOptions } from "./options.ts";

export class Handlers {
  readonly #options: ResolvedPoolOptions;
  readonly #onWarning: (server: string, message: string, cause: unknown) => void;
  #roots: PoolOptions["roots"];

  constructor(
    options: ResolvedPoolOptions,
    onWarning: (server: string, message: string, cause: unknown) => void,
  ) {
    this.#options = options;
    this.#onWarning = onWarning;
    this.#roots = options.roots;
  }

  /** @throws {McpConfigError} if servers were told that there are none. */
  setRoots(roots: readonly Root[]): void {
    if (this.#roots === undefined) {
      throw new McpConfigError(
        "setRoots needs a pool that was made with the option roots (an empty array will do): the capability is declared in the handshake",
        { path: "roots" },
      );
    }
    this.#roots = reading("roots", () => checkRoots(roots));
  }

  log({ server, level, logger, data }: PoolEvents["log"]): void {
    const message = logger === undefined ? { level, data } : { level, logger, data };
    callUser(
      () => this.#options.onLog?.(message, { server }),
      (cause) => this.#onWarning(server, "the onLog handler threw", cause),
    );
  }

  for(server: string): ClientHandlers {
    const { elicitForm, elicitUrl, sample, sampling } = this.#options;
    // Asked anew each time: they may have been replaced.
    const roots = async (): Promise<readonly Root[]> => {
      const current = this.#roots ?? [];
      return typeof current === "function" ? current(server) : current;
    };
    return {
      elicitForm,
      elicitUrl,
      sample,
      sampling,
      roots: this.#roots === undefined ? undefined : roots,
    };
  }
}
