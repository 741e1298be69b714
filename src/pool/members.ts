// The servers of a pool by name, and the errors for names that it does not have.

import { closest } from "fastest-levenshtein";
import { checkServerName } from "../catalog/names.ts";
import { resolveServer } from "../connection/options.ts";
import type { ConnectionOptions } from "../connection/config-types.ts";
import { Background } from "../core/background.ts";
import { McpConfigError } from "../core/errors.ts";
import { reading } from "../core/input-error.ts";
import { excerpt } from "../core/redact.ts";
import { checkObject } from "./call-options.ts";
import { Member } from "./member.ts";
import type { MemberDependencies } from "./member.ts";

const MAX_NAMES_SHOWN = 20;

/** A longer name is like none: those of servers have at most 32 characters. */
const MAX_COMPARED_CHARS = 64;

/** Closings that begin in one turn of the event loop: the answers to the first are read before the last begin. */
const CLOSED_PER_TURN = 64;

export class Members {
  readonly #byName: Map<string, Member> = new Map();
  readonly #defaults: ConnectionOptions;
  readonly #dependenciesFor: (server: string) => MemberDependencies;
  readonly #removing: Background = new Background();
  /** Taken out, and still closing. */
  readonly #leaving: Set<Member> = new Set();

  constructor(
    defaults: ConnectionOptions,
    dependenciesFor: (server: string) => MemberDependencies,
  ) {
    this.#defaults = defaults;
    this.#dependenciesFor = dependenciesFor;
  }

  get all(): readonly Member[] {
    return [...this.#byName.values()];
  }

  async announceRoots(): Promise<void> {
    await Promise.all(
      this.all.map((member) =>
        member.connection
          .announceRoots()
          .catch((cause: unknown) => member.warn("could not be told of the new roots", cause)),
      ),
    );
  }

  /** False: the pool has no such server, and the warning is to be given without it. */
  warn(server: string | undefined, message: string, cause: unknown): boolean {
    const member = server === undefined ? undefined : this.find(server);
    member?.warn(message, cause);
    return member !== undefined;
  }

  /** For messages. */
  get names(): string {
    const names = [...this.#byName.keys()];
    if (names.length === 0) return "(none yet; use addClient)";
    return (
      names.slice(0, MAX_NAMES_SHOWN).join(", ") + (names.length > MAX_NAMES_SHOWN ? ", …" : "")
    );
  }

  /** @throws {McpConfigError} for a bad name, a name that is taken, or a bad configuration. */
  add(name: string, config: unknown): Member {
    checkServerName(name);
    if (this.#byName.has(name)) {
      throw new McpConfigError(
        `server "${name}" is already in the pool: remove it first, or choose another name`,
        { server: name, path: `servers.${name}` },
      );
    }
    const server = resolveServer(name, config, this.#defaults);
    const dependencies = this.#dependenciesFor(name);
    const member = new Member(server, dependencies);
    this.#byName.set(name, member);
    dependencies.catalog.addServer(name);
    return member;
  }

  /** @throws {McpConfigError} for the first that is wrong. */
  addAll(configs: Readonly<Record<string, unknown>>): void {
    for (const [name, config] of Object.entries(configs)) this.add(name, config);
  }

  /** If it cannot be reached it is not added. */
  async addAndConnect(name: string, server: unknown, options: object): Promise<void> {
    checkServerName(name);
    checkObject("options", options);
    const config = reading(`servers.${name}`, () =>
      typeof server === "string" || server instanceof URL ? { url: server } : server,
    );
    checkObject(`servers.${name}`, config);
    const whole = reading(`servers.${name}`, () => ({ ...(config as object), ...options }));
    const member = this.add(name, whole);
    if (member.server.lazy || member.server.disabled) return;
    try {
      await member.connect();
    } catch (error) {
      // It may have been removed meanwhile, and another been given its name.
      if (this.find(name) === member) await this.remove(member, 0);
      throw error;
    }
  }

  /** Its calls in flight have `drainMs`; its name is free at once. */
  remove(member: Member, drainMs: number): Promise<void> {
    this.#byName.delete(member.name);
    this.#leaving.add(member);
    const removal = member.close(drainMs).finally(() => this.#leaving.delete(member));
    this.#removing.add(removal);
    return removal;
  }

  async closeAll(drainMs: number): Promise<void> {
    const caches = new Set(this.all.map((member) => member.cache));
    // Those that are leaving already, too: they have no more time than the others.
    for (const [index, member] of [...this.all, ...this.#leaving].entries()) {
      if (index > 0 && index % CLOSED_PER_TURN === 0) await new Promise(setImmediate);
      this.#removing.add(member.close(drainMs));
    }
    await this.#removing.settled();
    for (const cache of caches) cache.close();
  }

  find(name: string): Member | undefined {
    return this.#byName.get(name);
  }

  /** @throws {McpConfigError} `SERVER_NOT_FOUND`, with the closest name. */
  get(name: string): Member {
    const member = this.#byName.get(name);
    if (member === undefined) throw this.#notFound(name);
    if (member.server.disabled) {
      throw new McpConfigError(`server "${name}" is disabled in its configuration`, {
        server: name,
        path: `servers.${name}.disabled`,
      });
    }
    return member;
  }

  #notFound(name: unknown): McpConfigError {
    const names = [...this.#byName.keys()];
    const shown = typeof name === "string" ? JSON.stringify(excerpt(name, 64)) : typeof name;
    const isComparable = typeof name === "string" && name.length <= MAX_COMPARED_CHARS;
    const near = isComparable && names.length > 0 ? closest(name, names) : undefined;
    const hint = near === undefined ? "" : `did you mean "${near}"? `;
    return new McpConfigError(
      `no server ${shown} in the pool; ${hint}The servers are ${this.names}`,
      {
        code: "SERVER_NOT_FOUND",
      },
    );
  }
}
