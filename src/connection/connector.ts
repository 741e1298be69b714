// Makes links to one server: a new one, or the one that could not be reached, if its session still holds.

import { untilAborted } from "../core/abort.ts";
import { McpResponseError } from "../core/errors.ts";
import type { McpError } from "../core/errors.ts";
import type { EraSession, PingAnswer, PingMethod } from "../eras/era.ts";
import type { Route, Routes } from "../jsonrpc/transport.ts";
import type { ConnectGate } from "./connect-gate.ts";
import { createLinkMemory, Link } from "./link.ts";
import type { LinkDependencies, LinkEvents, LinkMemory } from "./link.ts";
import type { ResolvedServer } from "./options.ts";
import { RenewalBudget } from "./renewal-budget.ts";
import { isFromBetween, isSameRefusal, SessionSearch } from "./session-search.ts";
import type { Found, Routing } from "./session-search.ts";

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
  /** Calls of this server that were answered so far. */
  readonly answeredCount: () => number;
  /** Aborted when no attempt will follow any more. */
  readonly closed: AbortSignal;
  /** Ends a link that is of no use, in the background. */
  readonly retire: (link: Link) => void;
}

export class Connector {
  readonly #options: ConnectorOptions;
  readonly #memory: LinkMemory;
  readonly #renewalBudget: RenewalBudget;
  readonly #search: SessionSearch;
  /** In which words each session was lost. */
  readonly #losses: WeakMap<EraSession, McpError> = new WeakMap();
  #pingMethod: PingMethod = "ping";
  /** When the session that holds began: answered calls, and connections opened. */
  #since: { answers: number; connections: number } = { answers: 0, connections: 0 };
  #dormant: Link | undefined;
  #renewals = 0;

  constructor(options: ConnectorOptions) {
    this.#options = options;
    const { server, dependencies, closed, answeredCount } = options;
    this.#search = new SessionSearch(dependencies.quirks);
    this.#memory = createLinkMemory(server, dependencies, closed, this.#search);
    this.#renewalBudget = new RenewalBudget(dependencies.clock, answeredCount);
  }

  /** Sessions that the server forgot and that were renewed. */
  get renewalCount(): number {
    return this.#renewals;
  }

  /** Requests of one session may meet different replicas: one that was refused so may be sent again at once. */
  isPerRequest(error: McpError): boolean {
    return this.#search.isPerRequest(error);
  }

  /** Whether a session that does not hold any more was lost in these words. */
  wasLostSo(session: EraSession, error: McpError): boolean {
    const words = this.#losses.get(session);
    return words !== undefined && isSameRefusal(words, error);
  }

  get hasReplicas(): boolean {
    return this.#search.hasReplicas;
  }

  /** How requests to the address are spread over replicas, as far as is known. */
  routing(link: Link): Routing {
    return this.#search.routing(routesOf(link), this.#use(link));
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
    const isInVain = await this.#renewalBudget.take(signal);
    await this.#agreeAnew(link, reason, signal);
    await this.#options.onSession(link.session, true);
    if (!isInVain) return;
    // One session after the other was lost before it had answered a call: perhaps it is the ping that is not known.
    const proof = await this.ping(link, signal).catch(() => undefined);
    if (proof?.kind === "refused" && !isFromBetween(proof.error)) this.distrustPing();
  }

  /** A sign of life of the session. Throws what kept an answer from coming. */
  ping(link: Link, signal: AbortSignal, route?: Route): Promise<PingAnswer> {
    return link.session.ping({ signal, route, method: this.#pingMethod });
  }

  /** The server refuses pings on a session that works: from here on a list is asked for instead. */
  distrustPing(): void {
    this.#pingMethod = "tools/list";
  }

  /** Whether the server, or one of its replicas, still knows the session. */
  search(link: Link, error: McpError, signal: AbortSignal): Promise<Found> {
    const options = { error, signal, method: this.#pingMethod };
    return this.#search.run(link.session, routesOf(link), this.#use(link), options);
  }

  #use(link: Link): { answers: number; connections: number } {
    return {
      answers: this.#options.answeredCount() - this.#since.answers,
      connections: (routesOf(link)?.openedCount ?? 0) - this.#since.connections,
    };
  }

  #onAgreed(link: Link): void {
    this.#search.onSession();
    this.#since = {
      answers: this.#options.answeredCount(),
      connections: routesOf(link)?.openedCount ?? 0,
    };
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

  async #open(signal: AbortSignal): Promise<Link> {
    const { server, dependencies, events } = this.#options;
    const link = await Link.open(server, dependencies, this.#memory, events, signal);
    this.#onAgreed(link);
    return link;
  }

  async #revive(link: Link, signal: AbortSignal): Promise<Link> {
    let lost = link.abandoned;
    if (lost === undefined) {
      const answer = await this.ping(link, signal);
      if (answer.kind === "alive") return link;
      // A proxy answers for a server that is still away.
      if (isFromBetween(answer.error)) throw answer.error;
      const isUnknown = link.session.refusalOf(answer.error) === "unknown";
      if (isUnknown && link.session.hasSessionId) {
        const { result } = await this.search(link, answer.error, signal);
        if (result !== "lost") return link;
      }
      // The server is back, and answers: whatever it says to a ping, a new agreement settles it.
      if (!this.#isNewAgreement(link, answer)) return link;
      lost = answer.error;
    }
    await this.#agreeAnew(link, lost, signal);
    return link;
  }

  /** A server that knows no ping, over a channel or by its own code, keeps its session. */
  #isNewAgreement(link: Link, answer: PingAnswer & { readonly kind: "odd" | "refused" }): boolean {
    if (link.transport.channel === "duplex") return false;
    return answer.kind === "refused" || !(answer.error instanceof McpResponseError);
  }

  async #agreeAnew(link: Link, reason: McpError, signal: AbortSignal): Promise<void> {
    this.#losses.set(link.session, reason);
    await link.renew(reason, signal);
    this.#onAgreed(link);
    this.#renewals += 1;
  }
}

function routesOf({ transport }: Link): Routes | undefined {
  return transport.channel === "exchange" ? transport.routes : undefined;
}
