// The user's handlers, as one server's connection sees them.

import type { ClientHandlers } from "../eras/handlers.ts";
import { checkRoots } from "../eras/roots.ts";
import type { Root } from "../spec/types.ts";
import type { PoolOptions, ResolvedPoolOptions } from "./options.ts";

export class Handlers {
  readonly #options: ResolvedPoolOptions;
  #roots: PoolOptions["roots"];

  constructor(options: ResolvedPoolOptions) {
    this.#options = options;
    this.#roots = options.roots;
  }

  /** Whether servers were, or will be, told that there are roots. */
  get declareRoots(): boolean {
    return this.#roots !== undefined;
  }

  setRoots(roots: readonly Root[]): void {
    this.#roots = checkRoots(roots);
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
      roots: this.declareRoots ? roots : undefined,
    };
  }
}
