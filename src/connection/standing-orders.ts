// What must hold in every session with a server: subscriptions and the log level, set again when a new one begins.

import type { EraSession } from "../eras/era.ts";
import type { LogLevel } from "../spec/types.ts";

export class StandingOrders {
  /** How many subscribers each URI has. */
  readonly #subscribers: Map<string, number> = new Map();
  #logLevel: LogLevel | undefined;

  /** True if the URI has its first subscriber now. */
  subscribe(uri: string): boolean {
    const count = this.#subscribers.get(uri) ?? 0;
    this.#subscribers.set(uri, count + 1);
    return count === 0;
  }

  /** True if it has none any more. */
  unsubscribe(uri: string): boolean {
    const count = this.#subscribers.get(uri) ?? 0;
    if (count > 1) {
      this.#subscribers.set(uri, count - 1);
      return false;
    }
    return this.#subscribers.delete(uri);
  }

  setLogLevel(level: LogLevel): void {
    this.#logLevel = level;
  }

  /** Tells a new session. What it refuses is reported, not thrown: calls work without. */
  async applyTo(
    session: EraSession,
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
      for (const uri of this.#subscribers.keys()) {
        give(`the subscription to ${uri} could not be made again`, session.subscribe(uri));
      }
    }
    await Promise.all(orders);
  }
}
