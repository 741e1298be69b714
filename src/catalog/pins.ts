// Tool definitions as they were first seen, or last accepted: one that changed afterwards is withheld, because what a
// person or a model agreed to is not what would be called ("rug pull").

import { createHash } from "node:crypto";
import diff from "microdiff";
import type { Difference } from "microdiff";
import { BoundedMap } from "../core/bounded-map.ts";
import { McpClosedError, McpConfigError } from "../core/errors.ts";
import { isObject } from "../core/is-object.ts";
import { weigh } from "../core/json-walk.ts";
import { withLimit } from "../core/limit.ts";
import { excerpt } from "../core/redact.ts";
import { Turns } from "../core/turns.ts";
import type { Clock } from "../core/clock.ts";
import type { Tool } from "../spec/types.ts";
import type { PoolTool } from "./pool-tool.ts";

/**
 * Keeps strings by key, synchronously or not; a `Map` fits. Give one that lasts: what is forgotten is trusted anew.
 * `set` is called once at a time, so that a file that is read, changed and written keeps all of them.
 */
export interface PinStore {
  get(key: string): string | undefined | null | Promise<string | undefined | null>;
  set(key: string, value: string): unknown;
}

/** What of a tool's definition decides how it is used: the rest may change. */
export type PinnedDefinition = Pick<
  Tool,
  "name" | "title" | "description" | "inputSchema" | "outputSchema" | "annotations"
>;

export interface DefinitionChange {
  /** Where, for example `inputSchema.properties.to.description`. */
  readonly path: string;
  /** `undefined`: it was not there. */
  readonly before: unknown;
  /** `undefined`: it is not there any more. */
  readonly after: unknown;
}

/** A tool whose definition is not the one that was accepted. It is neither shown nor called. */
export interface WithheldTool {
  /** Name in the pool. */
  readonly name: string;
  /** Name of the server in the pool. */
  readonly server: string;
  /** As the server defines it now. */
  readonly tool: Readonly<Tool>;
  /** SHA-256 of what is pinned of it, whatever the order of its keys; base64url. */
  readonly fingerprint: string;
  /** What was accepted. */
  readonly accepted: PinnedDefinition;
  /** At most 1,000 of them. */
  readonly differences: readonly DefinitionChange[];
}

interface Pin {
  readonly fingerprint: string;
  readonly definition: PinnedDefinition;
}

const PINNED_KEYS = [
  "name",
  "title",
  "description",
  "inputSchema",
  "outputSchema",
  "annotations",
] as const;

/** By store: when the last write is done. A store may serve several servers, and pools. */
const writing: WeakMap<PinStore, Promise<unknown>> = new WeakMap();

/** How long the store may take for one answer, milliseconds. */
const PATIENCE_MS = 5_000;

/** After a wait in vain the store is taken for failed for so long: not every tool waits, milliseconds. */
const REST_MS = 10_000;

/** Pins of tools that are gone from the list are remembered for so many; for others the store is asked again. */
const MAX_GONE = 1_000;
const MAX_GONE_BYTES = 8 * 1024 * 1024;

/**
 * New pins that one server may have written, and their characters. A pin is a promise and is never taken back, so a
 * server that renames its tools for ever would fill the store: tools beyond that are not shown.
 */
const MAX_NEW_PINS = 20_000;
const MAX_NEW_CHARS = 64 * 1024 * 1024;

/** A tool whose definition is larger cannot be pinned, and is not shown, bytes of memory. */
const MAX_DEFINITION_BYTES = 2 * 1024 * 1024;

const MAX_DIFFERENCES = 1_000;

export interface PinsOptions {
  readonly server: string;
  readonly store: PinStore;
  readonly clock: Clock;
  /** Tools that one list may have. */
  readonly maxTools: number;
  readonly onWarning: (message: string) => void;
}

/** A tool that can be neither shown nor accepted. */
const UNPINNABLE = Symbol("unpinnable");

/** The pins of one server's tools. */
export class Pins {
  readonly #server: string;
  readonly #store: PinStore;
  readonly #clock: Clock;
  readonly #onWarning: PinsOptions["onWarning"];
  readonly #maxNewPins: number;
  /** By the tool's own name, of the list that was screened last: what the store said last. */
  #known: Map<string, Pin> = new Map();
  /** The same of tools that lists before had. */
  readonly #gone: BoundedMap<Pin> = new BoundedMap(MAX_GONE, MAX_GONE_BYTES);
  readonly #closed: AbortController = new AbortController();
  #restsUntil = -Infinity;
  #newPins = 0;
  #newChars = 0;
  #withheld: readonly WithheldTool[] = [];
  /** Lists are screened one after the other: a late one must not be overtaken. */
  #last: Promise<unknown> = Promise.resolve();

  constructor({ server, store, clock, maxTools, onWarning }: PinsOptions) {
    this.#server = server;
    this.#store = store;
    this.#clock = clock;
    this.#onWarning = onWarning;
    this.#maxNewPins = Math.max(MAX_NEW_PINS, 4 * maxTools);
  }

  /** Waits for the store no longer: what is under way fails with {@link McpClosedError}. */
  close(): void {
    this.#closed.abort(
      new McpClosedError(`server "${this.#server}" was removed`, { server: this.#server }),
    );
  }

  /** Of the list that was screened last, in its order. */
  get withheld(): readonly WithheldTool[] {
    return this.#withheld;
  }

  /**
   * What may be shown. A tool that was never seen is pinned as it is.
   *
   * @param onWithheld what has newly been withheld, or has changed once more
   * @throws {McpConfigError} if the store fails: nothing is trusted unseen.
   */
  screen(
    tools: readonly PoolTool[],
    onWithheld: (tools: readonly WithheldTool[]) => void,
  ): Promise<readonly PoolTool[]> {
    const screened = this.#last.then(() => this.#screen(tools, onWithheld));
    this.#last = screened.catch(() => {});
    return screened;
  }

  /**
   * The definition that was looked at, and no other, is the accepted one from now on.
   *
   * @throws {McpConfigError} if the tool is not withheld with that definition (any more).
   */
  async accept({ name, fingerprint }: WithheldTool): Promise<void> {
    const found = this.#withheld.find(
      (tool) => tool.name === name && tool.fingerprint === fingerprint,
    );
    if (found === undefined) {
      throw new McpConfigError(
        `tool "${name}" is not withheld with that definition: it was accepted, or its server has changed it again; look at withheldTools`,
        { server: this.#server, path: "tool" },
      );
    }
    const pin = { fingerprint, definition: pinnedOf(found.tool) };
    await this.#pin(found.tool.name, pin);
    this.#known.set(found.tool.name, pin);
  }

  async #screen(
    tools: readonly PoolTool[],
    onWithheld: (tools: readonly WithheldTool[]) => void,
  ): Promise<readonly PoolTool[]> {
    const turns = new Turns();
    const judged: Promise<WithheldTool | typeof UNPINNABLE | undefined>[] = [];
    const after = new Map<string, Pin>();
    for (const tool of tools) {
      this.#closed.signal.throwIfAborted();
      const definition = pinnedOf(tool.tool);
      const bytes = weigh(definition, MAX_DEFINITION_BYTES);
      const verdict =
        bytes > MAX_DEFINITION_BYTES
          ? Promise.resolve(UNPINNABLE)
          : this.#judge(tool, definition, after);
      // The first to fail is reported below, by Promise.all.
      verdict.catch(() => {});
      judged.push(verdict);
      // Keys are put in order, written as JSON, hashed, and perhaps compared.
      if (turns.spend(4 * bytes)) await turns.next();
    }
    const verdicts = await Promise.all(judged).catch((error: unknown) => {
      // The store failed for some: what it said of the others counts.
      for (const [name, pin] of after) {
        if (!this.#known.has(name)) this.#gone.set(name, pin, weigh(pin.definition));
      }
      throw error;
    });
    this.#keep(after);
    const unpinnable = verdicts.filter((verdict) => verdict === UNPINNABLE).length;
    if (unpinnable > 0) {
      this.#onWarning(
        `${unpinnable} tools are not shown, because they cannot be pinned: a definition may take ${MAX_DEFINITION_BYTES} bytes, and ${this.#maxNewPins} tools may be new since this server was added; remove the server and add it again if it is right`,
      );
    }
    const withheld = verdicts.filter((verdict) => typeof verdict === "object");
    const known = new Set(this.#withheld.map(({ fingerprint }) => fingerprint));
    const news = withheld.filter(({ fingerprint }) => !known.has(fingerprint));
    this.#withheld = Object.freeze(withheld);
    if (news.length > 0) onWithheld(news);
    return tools.filter((_tool, index) => verdicts[index] === undefined);
  }

  /** The pins of the tools that are listed now, and those of a bounded number of others. */
  #keep(after: Map<string, Pin>): void {
    for (const [name, pin] of this.#known) {
      if (!after.has(name)) this.#gone.set(name, pin, weigh(pin.definition));
    }
    for (const name of after.keys()) this.#gone.delete(name);
    this.#known = after;
  }

  /** `undefined`: the tool is shown. Its pin is put into `after`. */
  async #judge(
    { name, tool }: PoolTool,
    definition: PinnedDefinition,
    after: Map<string, Pin>,
  ): Promise<WithheldTool | typeof UNPINNABLE | undefined> {
    const fingerprint = fingerprintOf(definition);
    let pin = this.#known.get(tool.name) ?? this.#gone.get(tool.name);
    // Somebody else may have accepted it meanwhile.
    if (pin?.fingerprint !== fingerprint) {
      const known = pin;
      // That it has changed is certain, whether the store can be asked or not, and has lost it or not.
      pin = await this.#read(tool.name).catch((error: unknown) => {
        if (known === undefined) throw error;
        return known;
      });
      pin ??= known;
    }
    if (pin === undefined) {
      if (this.#newPins >= this.#maxNewPins || this.#newChars >= MAX_NEW_CHARS) return UNPINNABLE;
      this.#newPins += 1;
      pin = { fingerprint, definition };
      this.#newChars += await this.#pin(tool.name, pin);
    }
    after.set(tool.name, pin);
    if (pin.fingerprint === fingerprint) return undefined;
    const all = diff(bare(pin.definition), bare(definition));
    const differences = all.slice(0, MAX_DIFFERENCES).map(toChange);
    return Object.freeze({
      name,
      server: this.#server,
      tool,
      fingerprint,
      accepted: pin.definition,
      differences,
    });
  }

  async #read(tool: string): Promise<Pin | undefined> {
    const text = await this.#ask("read", () => this.#store.get(this.#keyOf(tool)));
    if (text === undefined || text === null) return undefined;
    try {
      const { fingerprint, definition } = JSON.parse(text) as Partial<Pin>;
      if (typeof fingerprint === "string" && isObject(definition)) {
        return { fingerprint, definition };
      }
    } catch {
      // The same as a value of another shape.
    }
    throw this.#failure(
      `holds no pin under ${JSON.stringify(this.#keyOf(tool))}; delete that entry`,
    );
  }

  /** Gives how many characters were written. */
  async #pin(tool: string, pin: Pin): Promise<number> {
    const key = this.#keyOf(tool);
    const text = JSON.stringify(pin);
    const write = (): Promise<unknown> => this.#ask("written", () => this.#store.set(key, text));
    const written = (writing.get(this.#store) ?? Promise.resolve()).then(write);
    writing.set(
      this.#store,
      written.catch(() => {}),
    );
    await written;
    return key.length + text.length;
  }

  async #ask<T>(what: string, work: () => T | Promise<T>): Promise<T> {
    const { signal } = this.#closed;
    signal.throwIfAborted();
    try {
      if (this.#clock.now() < this.#restsUntil) {
        throw new Error(`it gave no answer a moment ago, and is asked again in ${REST_MS} ms`);
      }
      const outcome = work();
      const isLater = typeof (outcome as Partial<PromiseLike<T>> | null | undefined)?.then;
      if (isLater !== "function") return await outcome;
      const onLimit = (): Error => {
        this.#restsUntil = this.#clock.now() + REST_MS;
        return new Error(`no answer within ${PATIENCE_MS} ms`);
      };
      const limits = { clock: this.#clock, limitMs: PATIENCE_MS, onLimit, signal };
      return await withLimit(limits, () => Promise.resolve(outcome));
    } catch (cause) {
      signal.throwIfAborted();
      throw this.#failure(`could not be ${what}`, cause);
    }
  }

  #failure(problem: string, cause?: unknown): McpConfigError {
    const reason = cause instanceof Error ? ` (${excerpt(cause.message, 200)})` : "";
    return new McpConfigError(
      `the store of pinned tools (pin) ${problem}${reason}: the tools of server "${this.#server}" cannot be verified and are not shown`,
      { server: this.#server, path: "pin", cause },
    );
  }

  #keyOf(tool: string): string {
    return `pin:${this.#server}:${tool}`;
  }
}

function pinnedOf(tool: Tool): PinnedDefinition {
  const entries = PINNED_KEYS.filter((key) => tool[key] !== undefined).map(
    (key) => [key, tool[key]] as const,
  );
  return Object.fromEntries(entries) as PinnedDefinition;
}

function fingerprintOf(definition: PinnedDefinition): string {
  return createHash("sha256").update(JSON.stringify(definition, sortKeys)).digest("base64url");
}

/** For `JSON.stringify`: the same text whatever the order of keys. */
function sortKeys(_key: string, value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(
    Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)),
  );
}

/** A copy whose objects have no prototype: `in` finds what the server wrote, not `constructor` and its like. */
function bare(definition: PinnedDefinition): PinnedDefinition {
  return JSON.parse(JSON.stringify(definition), (_key, value: unknown) =>
    isObject(value) ? (Object.setPrototypeOf(value, null) as object) : value,
  ) as PinnedDefinition;
}

function toChange(difference: Difference): DefinitionChange {
  return {
    path: difference.path.join("."),
    before: difference.type === "CREATE" ? undefined : (difference.oldValue as unknown),
    after: difference.type === "REMOVE" ? undefined : (difference.value as unknown),
  };
}
