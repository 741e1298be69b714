// Which era a server speaks, remembered by where it is and as whom it is asked: a restart needs no probe.

import type { Clock } from "../core/clock.ts";
import type { GuardedStore } from "../core/guarded-store.ts";
import { isDiscoverResult } from "../eras/classify.ts";
import type { EraMemory, KnownEra } from "../eras/negotiate.ts";
import type { DiscoverResult } from "../spec/types.ts";
import { isStatelessVersion } from "../spec/versions.ts";

/** A server may learn the other era beside its own: after this it is asked again, milliseconds. */
const KEPT_MS = 24 * 60 * 60 * 1_000;

/** What was only guessed is asked again after this, milliseconds, and by other processes at once. */
const GUESS_KEPT_MS = 10 * 60 * 1_000;

/** As it lies in the store. */
interface Stored {
  readonly era: "session" | "stateless";
  readonly version?: string;
  readonly discovered?: DiscoverResult | undefined;
  /** Such a verdict is not written to the store. */
  readonly isGuess?: true;
  /** Milliseconds since the Unix epoch. */
  readonly at: number;
}

export class StoredEraMemory implements EraMemory {
  readonly #server: string;
  readonly #key: string;
  readonly #store: GuardedStore;
  readonly #clock: Clock;
  /**
   * What this server showed last, whatever the store makes of it; `null`: nothing any more, and what the store
   * still has is not believed.
   */
  #own: Stored | null | undefined;

  /** @param principal who asks whom, as a hash */
  constructor(server: string, principal: string, store: GuardedStore, clock: Clock) {
    this.#server = server;
    this.#key = `era:${principal}`;
    this.#store = store;
    this.#clock = clock;
  }

  async recall(): Promise<KnownEra | undefined> {
    const own = this.#own;
    const stored = own === undefined ? parse(await this.#store.get(this.#server, this.#key)) : own;
    if (stored == null) return undefined;
    const age = this.#clock.wallTime() - stored.at;
    const { era, version, discovered, isGuess } = stored;
    if (age < 0 || age >= (isGuess === true ? GUESS_KEPT_MS : KEPT_MS)) return undefined;
    if (era === "session") return isGuess === true ? { era, isGuess } : { era };
    if (!isStatelessVersion(version)) return undefined;
    const isFresh = discovered !== undefined && age < ttlOf(discovered);
    return { era, version, discovered: isFresh ? discovered : undefined };
  }

  keep(known: KnownEra): void {
    const stored: Stored = { ...known, at: this.#clock.wallTime() };
    this.#own = stored;
    if (stored.isGuess === true) return;
    void this.#store.set(this.#server, this.#key, JSON.stringify(stored), KEPT_MS);
  }

  forget(): void {
    this.#own = null;
    void this.#store.delete(this.#server, this.#key);
  }
}

function parse(text: string | undefined): Stored | undefined {
  if (text === undefined) return undefined;
  let value: Partial<Stored> | null;
  try {
    value = JSON.parse(text) as Partial<Stored> | null;
  } catch {
    return undefined;
  }
  const { era, at, discovered } = value ?? {};
  const isWhole =
    (era === "session" || era === "stateless") &&
    Number.isFinite(at) &&
    (discovered === undefined || (discovered !== null && isDiscoverResult(discovered)));
  return isWhole ? (value as Stored) : undefined;
}

/** Absent, negative or no number: stale at once (9.2). */
function ttlOf({ ttlMs }: DiscoverResult): number {
  return typeof ttlMs === "number" && Number.isFinite(ttlMs) ? ttlMs : 0;
}
