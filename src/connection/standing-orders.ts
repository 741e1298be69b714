// What must hold in every session with a server: subscriptions and the log level, set again when a new one begins.

import { delay } from "../core/clock.ts";
import type { Clock } from "../core/clock.ts";
import type { EraSession } from "../eras/era.ts";
import type { LogLevel } from "../spec/types.ts";

/** How long a new session may keep callers waiting until it has confirmed, milliseconds. */
const PATIENCE_MS = 2_000;

export class StandingOrders {
  /** By URI: how many subscribers it has, and the request that the first of them made. */
  readonly #subscribed: Map<string, { count: number; readonly asked: Promise<unknown> }> =
    new Map();
  #logLevel: LogLevel | undefined;
  #rootsChanged = false;

  /** The first subscriber asks the server; those who come later share the answer. */
  async subscribe(uri: string, ask: () => Promise<unknown>): Promise<void> {
    let order = this.#subscribed.get(uri);
    if (order === undefined) this.#subscribed.set(uri, (order = { count: 0, asked: ask() }));
    order.count += 1;
    try {
      await order.asked;
    } catch (error) {
      if (this.#subscribed.get(uri) === order) this.#subscribed.delete(uri);
      throw error;
    }
  }

  /** True if it has no subscriber any more. */
  unsubscribe(uri: string): boolean {
    const order = this.#subscribed.get(uri);
    if (order === undefined) return false;
    order.count -= 1;
    return order.count === 0 && this.#subscribed.delete(uri);
  }

  setLogLevel(level: LogLevel): void {
    this.#logLevel = level;
  }

  /** The next session that begins must be told, because the server was not there when it happened. */
  announceRoots(): void {
    this.#rootsChanged = true;
  }

  /**
   * Tells a new session. What it refuses is reported, not thrown, and what it does not answer is not waited for
   * longer than {@link PATIENCE_MS}: calls work without.
   */
  async applyTo(
    session: EraSession,
    clock: Clock,
    onRefused: (what: string, cause: unknown) => void,
  ): Promise<void> {
    const orders: Promise<void>[] = [];
    const give = (what: string, order: Promise<void>): void => {
      orders.push(order.catch((cause: unknown) => onRefused(what, cause)));
    };
    if (this.#logLevel !== undefined && session.capabilities.logging !== undefined) {
      give("the log level could not be set again", session.setLogLevel(this.#logLevel));
    }
    if (session.capabilities.resources?.subscribe === true) {
      for (const uri of this.#subscribed.keys()) {
        give(`the subscription to ${uri} could not be made again`, session.subscribe(uri));
      }
    }
    if (this.#rootsChanged) {
      this.#rootsChanged = false;
      give("the new roots could not be told", session.notify("notifications/roots/list_changed"));
    }
    if (orders.length === 0) return;
    const done = new AbortController();
    const late = delay(clock, PATIENCE_MS, { signal: done.signal }).then(
      () => onRefused("subscriptions or the log level are not confirmed yet", undefined),
      () => {},
    );
    await Promise.race([Promise.all(orders), late]);
    done.abort();
  }
}
