// Makes links to one server: a new one, or the one that could not be reached, if its session still holds.

import { untilAborted } from "../core/abort.ts";
import type { McpError } from "../core/errors.ts";
import type { EraSession } from "../eras/era.ts";
import { asMcpError } from "./attempt-error.ts";
import type { ConnectGate } from "./connect-gate.ts";
import { createLinkMemory, Link } from "./link.ts";
import type { LinkDependencies, LinkEvents, LinkMemory } from "./link.ts";
import type { ResolvedServer } from "./options.ts";
import { RenewalPace } from "./pace.ts";

export interface ConnectorDependencies extends LinkDependencies {
  /** Shared by all servers of a pool. */
  readonly gate: ConnectGate;
}

export interface ConnectorOptions {
  readonly server: ResolvedServer;
  readonly dependencies: ConnectorDependencies;
  readonly events: LinkEvents;
  /** A session begins, before any caller sees it. */
  readonly onSession: (session: EraSession, renewed: boolean) => Promise<void>;
  /** Aborted when no attempt will follow any more. */
  readonly closed: AbortSignal;
  /** Ends a link that is of no use, in the background. */
  readonly retire: (link: Link) => void;
}

export class Connector {
  readonly #options: ConnectorOptions;
  readonly #memory: LinkMemory;
  readonly #renewalPace: RenewalPace;
  #dormant: Link | undefined;
  #renewals = 0;

  constructor(options: ConnectorOptions) {
    this.#options = options;
    this.#memory = createLinkMemory(options.server, options.dependencies, options.closed);
    this.#renewalPace = new RenewalPace(options.server.reconnect, options.dependencies.clock);
  }

  /** Sessions that the server forgot and that were renewed. */
  get renewalCount(): number {
    return this.#renewals;
  }

  /** Processes that the last attempt started and that died on the probe. */
  get probeDeaths(): number {
    return this.#memory.probeDeaths;
  }

  /** Its server cannot be reached; its session may well outlive that. */
  keep(link: Link): void {
    this.#dormant = link;
  }

  /** The link that was kept, which is from now on somebody else's. */
  release(): Link | undefined {
    const link = this.#dormant;
    this.#dormant = undefined;
    return link;
  }

  /**
   * One attempt, when its turn comes.
   *
   * @throws {McpError} what went wrong, or the signal's reason. A link that was kept stays so.
   */
  connect(signal: AbortSignal): Promise<Link> {
    const { server, dependencies } = this.#options;
    return dependencies.gate.pass(server.target.kind, signal, () => this.#connect(signal));
  }

  /** A new agreement over a link that is up: its server has forgotten the old one. */
  async renew(link: Link, reason: McpError, signal: AbortSignal): Promise<void> {
    await this.#renewalPace.wait(signal);
    await this.#agreeAnew(link, reason, signal);
    this.#renewalPace.onRenewed();
    await this.#options.onSession(link.session, true);
  }

  async #connect(signal: AbortSignal): Promise<Link> {
    if (this.#dormant?.lost !== undefined) this.#dormant = undefined;
    const dormant = this.#dormant;
    let link: Link | undefined;
    try {
      link = dormant === undefined ? await this.#open(signal) : await this.#revive(dormant, signal);
      signal.throwIfAborted();
      await untilAborted(signal, this.#options.onSession(link.session, false));
      if (link.lost !== undefined) throw link.lost;
    } catch (error) {
      // The one that was kept is retired by whoever closed.
      if (link !== undefined && link !== dormant) this.#options.retire(link);
      throw error;
    }
    this.#dormant = undefined;
    return link;
  }

  #open(signal: AbortSignal): Promise<Link> {
    const { server, dependencies, events } = this.#options;
    return Link.open(server, dependencies, this.#memory, events, signal);
  }

  async #revive(link: Link, signal: AbortSignal): Promise<Link> {
    let lost = link.abandoned;
    if (lost === undefined) {
      try {
        await link.session.ping(signal);
        return link;
      } catch (error) {
        if (!link.session.isSessionLost(error)) throw error;
        lost = asMcpError(this.#options.server.name, error);
      }
    }
    await this.#agreeAnew(link, lost, signal);
    return link;
  }

  async #agreeAnew(link: Link, reason: McpError, signal: AbortSignal): Promise<void> {
    await link.renew(reason, signal);
    this.#renewals += 1;
  }
}
