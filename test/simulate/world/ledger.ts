// The ledger of the servers: which call arrived, which was executed, and how often the pool shook hands.

export interface Entry {
  /** Times that it arrived: served, or turned away by a server or a proxy. */
  seen: number;
  /** Times that it was executed. */
  ran: number;
  /** On the virtual clock. */
  readonly ranAt: number[];
}

export class Ledger {
  readonly byKey: Map<string, Entry> = new Map();
  /** `initialize` and `server/discover`, by server. */
  readonly handshakes: Map<string, number> = new Map();
  /** Executions, all keys together. */
  executions = 0;

  see(key: string): void {
    this.#entry(key).seen += 1;
  }

  run(key: string, now: number): void {
    const entry = this.#entry(key);
    entry.ran += 1;
    entry.ranAt.push(now);
    this.executions += 1;
  }

  shake(server: string): void {
    this.handshakes.set(server, (this.handshakes.get(server) ?? 0) + 1);
  }

  #entry(key: string): Entry {
    let entry = this.byKey.get(key);
    if (entry === undefined) this.byKey.set(key, (entry = { seen: 0, ran: 0, ranAt: [] }));
    return entry;
  }
}
