// A typed event emitter whose listeners cannot hurt the one who emits.

import { callUser } from "./callback.ts";

/** What it throws, or rejects with, is reported and breaks nothing. */
export type Listener<T> = (payload: T) => unknown;

export class Emitter<Events extends object> {
  readonly #listeners: Map<keyof Events, Set<Listener<never>>> = new Map();
  readonly #onListenerError: (error: unknown, event: keyof Events) => void;

  /** `onListenerError` gets what a listener threw; it must not throw itself. */
  constructor(onListenerError: (error: unknown, event: keyof Events) => void) {
    this.#onListenerError = onListenerError;
  }

  /** Adds a listener; the same function twice is one listener. Returns the function that removes it. */
  on<K extends keyof Events>(event: K, listener: Listener<Events[K]>): () => void {
    let set = this.#listeners.get(event);
    if (set === undefined) this.#listeners.set(event, (set = new Set()));
    set.add(listener as Listener<never>);
    return () => this.off(event, listener);
  }

  off<K extends keyof Events>(event: K, listener: Listener<Events[K]>): void {
    const set = this.#listeners.get(event);
    set?.delete(listener as Listener<never>);
    if (set?.size === 0) this.#listeners.delete(event);
  }

  /** Whether building a payload for `event` is worth the work. */
  has(event: keyof Events): boolean {
    return this.#listeners.has(event);
  }

  emit<K extends keyof Events>(event: K, payload: Events[K]): void {
    const set = this.#listeners.get(event);
    if (set === undefined) return;
    for (const listener of [...set] as Listener<Events[K]>[]) {
      callUser(
        () => listener(payload),
        (error) => this.#onListenerError(error, event),
      );
    }
  }

  clear(): void {
    this.#listeners.clear();
  }
}
