// One union-typed state, one setter, a table of legal moves; leaving a state cleans up what it owned.

export interface State<Name extends string> {
  readonly name: Name;
  /** Called once when the state is left. */
  readonly dispose?: (() => void) | undefined;
}

export type TransitionTable<Name extends string> = { readonly [From in Name]: readonly Name[] };

export class StateMachine<S extends State<string>> {
  readonly #table: TransitionTable<S["name"]>;
  readonly #onChange: (next: S, previous: S) => void;
  #current: S;
  /** Moves that are not told of yet: one that a listener makes is told of after the one that it heard of. */
  readonly #untold: (readonly [next: S, previous: S])[] = [];
  #isTelling = false;

  constructor(options: {
    initial: S;
    table: TransitionTable<S["name"]>;
    /** Runs after the previous state was disposed. */
    onChange?: (next: S, previous: S) => void;
  }) {
    this.#current = options.initial;
    this.#table = options.table;
    this.#onChange = options.onChange ?? (() => {});
  }

  get current(): S {
    return this.#current;
  }

  canMoveTo(name: S["name"]): boolean {
    return this.#table[this.#current.name as S["name"]].includes(name);
  }

  /** @throws {Error} on a move that the table does not have: a bug here, never the user's fault. */
  moveTo(next: S): void {
    const previous = this.#current;
    if (!this.canMoveTo(next.name)) {
      throw new Error(`illegal state transition: ${previous.name} -> ${next.name}`);
    }
    this.#current = next;
    this.#untold.push([next, previous]);
    previous.dispose?.();
    this.#tell();
  }

  /**
   * The same for what was decided in state `from`: if that was left meanwhile, by a listener or by a caller of this side,
   * nothing happens, and what `next` owns is freed.
   */
  moveFrom(from: S, next: S): boolean {
    if (this.#current !== from) {
      next.dispose?.();
      return false;
    }
    this.moveTo(next);
    return this.#current === next;
  }

  #tell(): void {
    if (this.#isTelling) return;
    this.#isTelling = true;
    try {
      for (let move = this.#untold.shift(); move !== undefined; move = this.#untold.shift()) {
        this.#onChange(...move);
      }
    } finally {
      this.#isTelling = false;
    }
  }
}
