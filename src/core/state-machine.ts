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
    previous.dispose?.();
    this.#onChange(next, previous);
  }
}
