// What may be said about the pool, checked and filled.

import * as v from "valibot";
import type { PinStore } from "../catalog/pins.ts";
import { createMemoryStore } from "../core/cache-store.ts";
import type { CacheStore } from "../core/cache-store.ts";
import { systemClock } from "../core/clock.ts";
import type { Clock } from "../core/clock.ts";
import { McpConfigError } from "../core/errors.ts";
import { reading } from "../core/input-error.ts";
import { VERSION } from "../core/version.ts";
import { checkConnectionOptions, checkShape, count, mapOf } from "../connection/validate.ts";
import type { ConnectionOptions, ServerConfig } from "../connection/config-types.ts";
import type { HandlerContext } from "../eras/handlers.ts";
import { checkRoots } from "../eras/roots.ts";
import type {
  CreateMessageParams,
  CreateMessageResult,
  ElicitFormParams,
  ElicitResult,
  ElicitUrlParams,
  Implementation,
  LogMessage,
  Root,
} from "../spec/types.ts";

export type ElicitFormHandler = (
  params: ElicitFormParams,
  context: HandlerContext,
) => ElicitResult | Promise<ElicitResult>;

export type ElicitUrlHandler = (
  params: ElicitUrlParams,
  context: HandlerContext,
) => ElicitResult | Promise<ElicitResult>;

export type SamplingHandler = (
  params: CreateMessageParams,
  context: HandlerContext,
) => CreateMessageResult | Promise<CreateMessageResult>;

export interface PoolOptions extends ConnectionOptions {
  /** The shape of `mcp.json`'s `mcpServers`: name to configuration. */
  servers?: Readonly<Record<string, ServerConfig>>;
  /** What servers are told about the application. Default: this package. */
  clientInfo?: Implementation;
  /**
   * Answers servers that need input from a person. A function answers forms; `{ url }` also takes visits to a URL.
   * Fields left out of accepted content are filled with the schema's defaults.
   */
  onElicitation?: ElicitFormHandler | { form?: ElicitFormHandler; url?: ElicitUrlHandler };
  /**
   * Answers servers that want a completion from a model. Throw `SamplingRefusedError` if a person refuses.
   * `tools` and `context`: the handler understands `tools` and `includeContext`.
   */
  onSampling?: SamplingHandler | { handler: SamplingHandler; tools?: boolean; context?: boolean };
  /** The folders that servers may see, for all, or by server. */
  roots?: readonly Root[] | ((server: string) => readonly Root[] | Promise<readonly Root[]>);
  /** Called with each log message of a server; the `log` event has the same. */
  onLog?: (message: LogMessage, context: { readonly server: string }) => void;
  /**
   * Where it is kept which protocol each server speaks, and what servers let us keep of their answers. Give one
   * that lasts, and no era is looked for after a restart. Default: a bounded store in memory.
   */
  cacheStore?: CacheStore;
  /**
   * Pins tools to the definition in which they were first seen: one that changes afterwards is withheld from
   * `allTools` and `callTool`, and reported by the event `tools.withheld`, until `acceptTool`. Give a store that lasts.
   * Default: definitions may change.
   */
  pin?: PinStore;
  /**
   * Attempts to connect that are under way at once: a whole number from 1; the others wait their turn. Child processes:
   * at most four per core, too. One that takes over 1.5 s (a process: 7.5 s) no longer counts. Default: 32.
   */
  maxConnecting?: number;
  /** Time and randomness, for tests. */
  clock?: Clock;
}

export interface ResolvedPoolOptions {
  readonly servers: Readonly<Record<string, ServerConfig>>;
  readonly defaults: ConnectionOptions;
  readonly clientInfo: Implementation;
  readonly clock: Clock;
  readonly elicitForm: ElicitFormHandler | undefined;
  readonly elicitUrl: ElicitUrlHandler | undefined;
  readonly sample: SamplingHandler | undefined;
  readonly sampling: { readonly tools: boolean; readonly context: boolean };
  readonly roots: PoolOptions["roots"];
  readonly onLog: PoolOptions["onLog"];
  readonly cacheStore: CacheStore;
  readonly pin: PinStore | undefined;
  readonly maxConnecting: number;
}

const aFunction: v.GenericSchema = callable("must be a function");

function callable(message: string): v.GenericSchema {
  return v.custom<() => void>((value) => typeof value === "function", message);
}

/** Something of the user's that is used by its methods. */
function objectWith(...names: readonly string[]): v.GenericSchema {
  return v.custom<object>(
    (value) =>
      typeof value === "object" &&
      value !== null &&
      names.every((name) => typeof Reflect.get(value, name) === "function"),
    `must be an object with ${names.slice(0, -1).join(", ")} and ${names.at(-1)}`,
  );
}

/** A function, or something of the given shape: told apart first, so that the message is about the one meant. */
function functionOr(schema: v.GenericSchema, message: string): v.GenericSchema {
  const isFunction = callable(message);
  return v.lazy((value) => (typeof value === "object" && value !== null ? schema : isFunction));
}

const optionsSchema = v.strictObject({
  servers: v.optional(mapOf(v.unknown())),
  clientInfo: v.optional(v.looseObject({ name: v.string(), version: v.string() })),
  onElicitation: v.optional(
    functionOr(
      v.strictObject({ form: v.optional(aFunction), url: v.optional(aFunction) }),
      "must be a function, or { form, url }",
    ),
  ),
  onSampling: v.optional(
    functionOr(
      v.strictObject({
        handler: aFunction,
        tools: v.optional(v.boolean()),
        context: v.optional(v.boolean()),
      }),
      "must be a function, or { handler, tools, context }",
    ),
  ),
  roots: v.optional(functionOr(v.array(v.unknown()), "must be an array, or a function")),
  onLog: v.optional(aFunction),
  cacheStore: v.optional(objectWith("get", "set", "delete")),
  pin: v.optional(objectWith("get", "set")),
  maxConnecting: v.optional(count),
  clock: v.optional(v.object({ now: aFunction, setTimer: aFunction, clearTimer: aFunction })),
});

/** @throws {McpConfigError} naming the option. */
export function resolvePoolOptions(options: unknown): ResolvedPoolOptions {
  return reading("the options of McpClientPool", () => resolve(options));
}

function resolve(options: unknown): ResolvedPoolOptions {
  if (typeof options !== "object" || options === null || Array.isArray(options)) {
    throw new McpConfigError(
      "the options of McpClientPool must be an object, as in { servers: {} }",
    );
  }
  const {
    servers,
    clientInfo,
    onElicitation,
    onSampling,
    roots,
    onLog,
    cacheStore,
    pin,
    maxConnecting,
    clock,
    ...defaults
  } = options as PoolOptions;
  checkConnectionOptions("", defaults, Object.keys(optionsSchema.entries));
  checkShape(
    optionsSchema,
    "",
    Object.fromEntries(
      Object.entries({
        servers,
        clientInfo,
        onElicitation,
        onSampling,
        roots,
        onLog,
        cacheStore,
        pin,
        maxConnecting,
        clock,
      }).filter(([, value]) => value !== undefined),
    ),
  );
  if (Array.isArray(roots)) checkRoots(roots as readonly Root[]);
  const elicitation =
    typeof onElicitation === "function" ? { form: onElicitation } : (onElicitation ?? {});
  const sampling = typeof onSampling === "function" ? { handler: onSampling } : onSampling;
  return Object.freeze({
    servers: servers ?? {},
    defaults,
    clientInfo:
      clientInfo === undefined
        ? { name: "mcp-client-pool", version: VERSION }
        : asSent("clientInfo", clientInfo),
    clock: clock ?? systemClock,
    elicitForm: elicitation.form,
    elicitUrl: elicitation.url,
    sample: sampling?.handler,
    sampling: { tools: sampling?.tools ?? false, context: sampling?.context ?? false },
    roots,
    onLog,
    cacheStore: cacheStore ?? createMemoryStore(),
    pin,
    maxConnecting: maxConnecting ?? 32,
  });
}

/** A copy, as servers get it. Throws {@link McpConfigError} if JSON cannot say it. */
function asSent<T extends object>(path: string, value: T): T {
  try {
    return JSON.parse(JSON.stringify(value)) as T;
  } catch (cause) {
    throw new McpConfigError(`${path} cannot be sent as JSON: ${(cause as Error).message}`, {
      path,
      cause,
    });
  }
}
