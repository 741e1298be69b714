// What the user said about one server, checked, filled and frozen: all that inner code sees.

import { McpConfigError } from "../core/errors.ts";
import { reading } from "../core/input-error.ts";
import { isStatelessVersion } from "../spec/versions.ts";
import type { ProtocolVersion } from "../spec/versions.ts";
import type {
  BreakerOptions,
  ConnectionOptions,
  Limits,
  ReconnectOptions,
  RetryBudgetOptions,
  ServerOptions,
  Timeouts,
  ToolFilter,
} from "./config-types.ts";
import { cacheKeysOf } from "./identity.ts";
import type { CacheKeys } from "./identity.ts";
import { resolveTarget } from "./target.ts";
import type { ResolvedTarget } from "./target.ts";
import { checkServerConfig } from "./validate.ts";

export interface ResolvedServer {
  readonly name: string;
  readonly target: ResolvedTarget;
  /** What its answers are kept by. */
  readonly cacheKeys: CacheKeys;
  readonly protocol: "auto" | "legacy" | ProtocolVersion;
  readonly strict: boolean;
  readonly trusted: boolean;
  readonly lazy: boolean;
  readonly required: boolean;
  readonly disabled: boolean;
  readonly listen: boolean | "auto";
  readonly outputValidation: "warn" | "error" | "off";
  readonly tools: ToolFilter;
  readonly limits: Readonly<Limits>;
  readonly timeouts: Readonly<Timeouts>;
  readonly reconnect: Readonly<ReconnectOptions>;
  readonly retryBudget: Readonly<RetryBudgetOptions>;
  readonly breaker: Readonly<BreakerOptions>;
  /** Statuses that say: refused as one too many, and not executed. */
  readonly throttleStatuses: readonly number[];
  readonly healthCheckIntervalMs: number | false;
}

export const DEFAULT_TIMEOUTS: Readonly<Timeouts> = Object.freeze({
  connectMs: 10_000,
  handshakeMs: 20_000,
  timeoutMs: 60_000,
  totalTimeoutMs: 300_000,
  queueMs: 30_000,
  closeStepMs: 2_000,
});

/** npx may have to download the server, and a build to run, before it answers for the first time. */
export const STDIO_HANDSHAKE_MS = 60_000;

export const DEFAULT_LIMITS: Readonly<Limits> = Object.freeze({
  inFlight: 128,
  queued: 1_024,
  messageBytes: 10 * 1024 * 1024,
  stderrBytes: 64 * 1024,
  tools: 5_000,
  pages: 200,
  listItems: 100_000,
  listBytes: 64 * 1024 * 1024,
});

export const DEFAULT_RECONNECT: Readonly<ReconnectOptions> = Object.freeze({
  jitterMs: 100,
  initialMs: 250,
  factor: 1.6,
  maxMs: 5_000,
  budgetMs: 30_000,
  backgroundMaxMs: 120_000,
  crashLimit: 5,
  crashWindowMs: 180_000,
});

export const DEFAULT_RETRY_BUDGET: Readonly<RetryBudgetOptions> = Object.freeze({
  share: 0.2,
  perSecond: 10,
});

export const DEFAULT_BREAKER: Readonly<BreakerOptions> = Object.freeze({
  failures: 5,
  openMs: 30_000,
  maxOpenMs: 300_000,
});

export const DEFAULT_THROTTLE_STATUSES: readonly number[] = Object.freeze([429]);

/**
 * Checks what the user gave for one server, on top of the pool's defaults.
 *
 * @throws {McpConfigError} naming the option by its path.
 */
export function resolveServer(
  name: string,
  config: unknown,
  defaults: ConnectionOptions = {},
): ResolvedServer {
  const path = `servers.${name}`;
  return reading(path, () => resolve(path, name, config, defaults));
}

function resolve(
  path: string,
  name: string,
  config: unknown,
  defaults: ConnectionOptions,
): ResolvedServer {
  const checked = checkServerConfig(path, config);
  const common: ServerOptions = checked.config;
  const pick = <K extends keyof ConnectionOptions>(key: K): ConnectionOptions[K] =>
    common[key] ?? defaults[key];
  const target = Object.freeze(resolveTarget(path, checked));
  if (target.kind === "http" && target.transport === "sse" && isStatelessVersion(common.protocol)) {
    throw new McpConfigError(
      `${path}.protocol is ${common.protocol}, which is not spoken over HTTP+SSE: leave out ${path}.transport`,
      { path: `${path}.protocol` },
    );
  }
  const byKind = target.kind === "stdio" ? { handshakeMs: STDIO_HANDSHAKE_MS } : {};
  return Object.freeze({
    name,
    target,
    cacheKeys: Object.freeze(cacheKeysOf(target)),
    protocol: pick("protocol") ?? "auto",
    strict: pick("strict") ?? false,
    trusted: pick("trusted") ?? false,
    lazy: pick("lazy") ?? false,
    required: pick("required") ?? false,
    disabled: common.disabled ?? false,
    listen: pick("listen") ?? "auto",
    outputValidation: pick("outputValidation") ?? "warn",
    tools: copyFilter(pick("tools")),
    limits: merge(DEFAULT_LIMITS, defaults.limits, common.limits),
    timeouts: merge(DEFAULT_TIMEOUTS, byKind, defaults.timeouts, common.timeouts),
    reconnect: merge(DEFAULT_RECONNECT, defaults.reconnect, common.reconnect),
    retryBudget: merge(DEFAULT_RETRY_BUDGET, defaults.retryBudget, common.retryBudget),
    breaker: merge(DEFAULT_BREAKER, defaults.breaker, common.breaker),
    throttleStatuses: copyStatuses(pick("throttleStatuses")),
    healthCheckIntervalMs: pick("healthCheckIntervalMs") ?? false,
  });
}

/** Later ones win; what is explicitly `undefined` was not given. Servers that were given nothing share the defaults. */
function merge<T extends object>(
  base: Readonly<T>,
  ...given: readonly (Partial<T> | undefined)[]
): Readonly<T> {
  const own = given.flatMap((options) =>
    Object.entries(options ?? {}).filter(([, value]) => value !== undefined),
  );
  return own.length === 0 ? base : Object.freeze({ ...base, ...Object.fromEntries(own) });
}

function copyStatuses(statuses: readonly number[] | undefined): readonly number[] {
  return statuses === undefined ? DEFAULT_THROTTLE_STATUSES : Object.freeze([...statuses]);
}

function copyFilter(filter: ToolFilter | undefined): ToolFilter {
  const { allow, deny } = filter ?? {};
  return Object.freeze({
    ...(allow === undefined ? {} : { allow: Object.freeze([...allow]) }),
    ...(deny === undefined ? {} : { deny: Object.freeze([...deny]) }),
  });
}
