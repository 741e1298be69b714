// Who wants to know when which resource changes.

import { isWithin } from "../catalog/invalidations.ts";
import { callUser } from "../core/callback.ts";
import type { Member } from "./member.ts";

export interface ResourceChange {
  readonly server: string;
  /** What changed: the resource subscribed to, or one below it. */
  readonly uri: string;
}

export interface ResourceSubscription {
  readonly server: string;
  readonly uri: string;
  /** Ends it; the server is told when it was the last for this URI. Idempotent. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** What it throws, or rejects with, becomes a `warning`. */
export type ResourceListener = (change: ResourceChange) => unknown;

interface Entry {
  readonly member: Member;
  readonly uri: string;
  readonly listener: ResourceListener;
}

export class Subscriptions {
  readonly #entries: Set<Entry> = new Set();

  async add(
    member: Member,
    uri: string,
    listener: ResourceListener,
  ): Promise<ResourceSubscription> {
    const entry: Entry = { member, uri, listener };
    // Before the server is asked: its first update may overtake its answer.
    this.#entries.add(entry);
    try {
      await member.connection.subscribe(uri);
    } catch (error) {
      this.#entries.delete(entry);
      throw error;
    }
    const close = async (): Promise<void> => {
      if (this.#entries.delete(entry)) await member.connection.unsubscribe(uri);
    };
    return { server: member.name, uri, close, [Symbol.asyncDispose]: close };
  }

  deliver(server: string, uri: string): void {
    for (const entry of [...this.#entries]) {
      const { member } = entry;
      // One that was removed hears nothing of a new server with its name.
      if (member.name !== server || member.isRemoved || !isWithin(uri, entry.uri)) continue;
      callUser(
        () => entry.listener({ server, uri }),
        (cause) => entry.member.warn(`a listener of ${entry.uri} threw`, cause),
      );
    }
  }

  removeServer(member: Member): void {
    for (const entry of this.#entries) if (entry.member === member) this.#entries.delete(entry);
  }
}
