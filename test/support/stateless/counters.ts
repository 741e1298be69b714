// How often the tools of the scripted stateless server ran, whichever era called them.

/** `execution`: a handler was entered. `question`: it ended in `input_required`. `result`: in a result or a task. */
export type Count = "execution" | "question" | "result";

export class Counters {
  readonly #counts = new Map<string, number>();
  readonly #changed: () => void;

  constructor(changed: () => void) {
    this.#changed = changed;
  }

  add(count: Count, tool: string, key: unknown): void {
    this.#increment(`${count}\n${tool}`);
    if (typeof key === "string" || typeof key === "number") {
      this.#increment(`${count}\n${tool}\n${key}`);
    }
    this.#changed();
  }

  get(count: Count, tool: string, key?: string): number {
    return this.#counts.get(`${count}\n${tool}${key === undefined ? "" : `\n${key}`}`) ?? 0;
  }

  #increment(name: string): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1);
  }
}
