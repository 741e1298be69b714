// The repair log: deviations of one server from the specification, counted and named once.

/** A deviation: one sentence on the server, one on the pool. Both stand in warnings and in docs/COMPATIBILITY.md. */
export interface Quirk {
  /** Follows the server's name: "answers requests with …". */
  readonly server: string;
  /** Follows "the pool": "takes …". */
  readonly pool: string;
}

/** The stable codes, in the order of the table below. */
export type QuirkCode =
  | "id-as-string"
  | "ping-refused"
  | "replicas-without-affinity"
  | "session-refused-in-other-words";

/** Every deviation that the pool repairs or reports. */
export const QUIRKS: { readonly [code in QuirkCode]: Quirk } = {
  "id-as-string": {
    server: 'answers with the request\'s id as a string ("1" for 1)',
    pool: "takes the string for the number",
  },
  "ping-refused": {
    server: "refuses ping, which every server must answer, with an HTTP status",
    pool: "takes the answer for the sign of life that it is",
  },
  "replicas-without-affinity": {
    server:
      "is several replicas behind one address that do not share their sessions: each session is known to one of them only",
    pool: "sends refused requests again until they meet that one; configure session affinity at the load balancer, by cookie or by the header Mcp-Session-Id",
  },
  "session-refused-in-other-words": {
    server: "refuses a session that it has forgotten with another answer than HTTP 404",
    pool: "asks once with ping, begins a new session if that is refused too, and sends the refused requests again",
  },
};

export interface QuirksOptions {
  /** True: nothing is repaired, and the pool judges servers by the letter of the specification. */
  readonly strict: boolean;
  /** Called the first time that a deviation is seen, with a sentence about it. Must not throw. */
  readonly onFirst: (code: QuirkCode, message: string) => void;
}

/** The deviations of one server, over all its connections. */
export class Quirks {
  readonly strict: boolean;
  readonly #onFirst: QuirksOptions["onFirst"];
  readonly #counts: Map<QuirkCode, number> = new Map();

  constructor({ strict, onFirst }: QuirksOptions) {
    this.strict = strict;
    this.#onFirst = onFirst;
  }

  /** How often each deviation was seen. Empty for a server that keeps the specification. */
  get counts(): { readonly [code in QuirkCode]?: number } {
    return Object.fromEntries(this.#counts);
  }

  /**
   * Counts a deviation and says whether the caller is to repair it: always, unless the option `strict` is set.
   *
   * @param detail what was seen, for the warning: short, and free of secrets
   */
  repair(code: QuirkCode, detail?: string): boolean {
    if (this.strict) return false;
    this.note(code, detail);
    return true;
  }

  /** Counts a deviation that there is nothing to decide about, also with `strict`. */
  note(code: QuirkCode, detail?: string): void {
    const count = (this.#counts.get(code) ?? 0) + 1;
    this.#counts.set(code, count);
    if (count > 1) return;
    const { server, pool } = QUIRKS[code];
    const seen = detail === undefined ? "" : ` (${detail})`;
    this.#onFirst(code, `the server ${server}${seen}; the pool ${pool}`);
  }
}
