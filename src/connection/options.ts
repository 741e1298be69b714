// What the user said about one server, checked, filled and frozen: all that inner code sees.

import { validateHeaderName, validateHeaderValue } from "node:http";
import type { Dispatcher } from "undici";
import { McpConfigError } from "../core/errors.ts";
import { excerpt, redactUrl } from "../core/redact.ts";
import type { Transport } from "../jsonrpc/transport.ts";
import type { SessionVersion } from "../spec/versions.ts";
import type { SdkTransport } from "../transport/custom/sdk-adapter.ts";
import type {
  ConnectionOptions,
  Limits,
  ReconnectOptions,
  ServerOptions,
  Timeouts,
  ToolFilter,
} from "./config-types.ts";
import { checkServerConfig } from "./validate.ts";
import type { CheckedServer } from "./validate.ts";

/** How to reach the server. */
export type ResolvedTarget =
  | {
      readonly kind: "http";
      readonly url: URL;
      readonly headers: Readonly<Record<string, string>>;
      readonly dispatcher: Dispatcher | undefined;
      readonly transport: "auto" | "http" | "sse";
    }
  | {
      readonly kind: "stdio";
      readonly command: string;
      readonly args: readonly string[];
      readonly env: Readonly<Record<string, string>>;
      readonly cwd: string | undefined;
    }
  | { readonly kind: "custom"; readonly transport: Transport | SdkTransport };

export interface ResolvedServer {
  readonly name: string;
  readonly target: ResolvedTarget;
  readonly protocol: "auto" | "legacy" | SessionVersion;
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
}

export const DEFAULT_TIMEOUTS: Readonly<Timeouts> = Object.freeze({
  connectMs: 10_000,
  handshakeMs: 20_000,
  timeoutMs: 60_000,
  totalTimeoutMs: 300_000,
  closeStepMs: 2_000,
});

export const DEFAULT_LIMITS: Readonly<Limits> = Object.freeze({
  messageBytes: 10 * 1024 * 1024,
  stderrBytes: 64 * 1024,
  tools: 5_000,
  pages: 200,
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
  const checked = checkServerConfig(path, config);
  const common: ServerOptions = checked.config;
  const pick = <K extends keyof ConnectionOptions>(key: K): ConnectionOptions[K] =>
    common[key] ?? defaults[key];
  return Object.freeze({
    name,
    target: Object.freeze(resolveTarget(path, checked)),
    protocol: pick("protocol") ?? "auto",
    trusted: pick("trusted") ?? false,
    lazy: pick("lazy") ?? false,
    required: pick("required") ?? false,
    disabled: common.disabled ?? false,
    listen: pick("listen") ?? "auto",
    outputValidation: pick("outputValidation") ?? "warn",
    tools: copyFilter(pick("tools")),
    limits: merge(DEFAULT_LIMITS, defaults.limits, common.limits),
    timeouts: merge(DEFAULT_TIMEOUTS, defaults.timeouts, common.timeouts),
    reconnect: merge(DEFAULT_RECONNECT, defaults.reconnect, common.reconnect),
  });
}

/** Later ones win; what is explicitly `undefined` was not given. */
function merge<T extends object>(
  base: Readonly<T>,
  ...given: readonly (Partial<T> | undefined)[]
): Readonly<T> {
  const merged = { ...base };
  for (const options of given) {
    for (const [key, value] of Object.entries(options ?? {})) {
      if (value !== undefined) Reflect.set(merged, key, value);
    }
  }
  return Object.freeze(merged);
}

function copyFilter(filter: ToolFilter | undefined): ToolFilter {
  const { allow, deny } = filter ?? {};
  return Object.freeze({
    ...(allow === undefined ? {} : { allow: Object.freeze([...allow]) }),
    ...(deny === undefined ? {} : { deny: Object.freeze([...deny]) }),
  });
}

function resolveTarget(path: string, checked: CheckedServer): ResolvedTarget {
  switch (checked.kind) {
    case "http": {
      const { url, headers, dispatcher, type } = checked.config;
      const transport = checked.config.transport ?? (type === "streamable-http" ? "http" : type);
      return {
        kind: "http",
        url: checkUrl(`${path}.url`, url),
        headers: Object.freeze(checkHeaders(`${path}.headers`, headers ?? {})),
        dispatcher,
        transport: transport ?? "auto",
      };
    }
    case "stdio": {
      const { command, args, env, cwd } = checked.config;
      if (command.trim() === "") {
        const at = `${path}.command`;
        throw new McpConfigError(`${at} is empty: give the program to start`, { path: at });
      }
      return {
        kind: "stdio",
        command,
        args: Object.freeze([...(args ?? [])]),
        env: Object.freeze({ ...env }),
        cwd,
      };
    }
    case "custom":
      return { kind: "custom", transport: checked.config.transport };
  }
}

function checkUrl(path: string, given: string | URL): URL {
  let url: URL;
  try {
    url = new URL(given);
  } catch {
    // Not shown: it may hold credentials, and where they stand cannot be told.
    throw new McpConfigError(
      `${path} is no valid URL: it needs a scheme, a host and, if any, a port up to 65535, as in "http://127.0.0.1:3000/mcp"`,
      { path },
    );
  }
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    throw new McpConfigError(
      `${path} has scheme "${url.protocol}": only http: and https: are spoken`,
      {
        path,
      },
    );
  }
  if (url.username !== "" || url.password !== "") {
    throw new McpConfigError(
      `${path} (${redactUrl(url)}) holds credentials: send them in headers.Authorization instead`,
      { path },
    );
  }
  return url;
}

function checkHeaders(
  path: string,
  headers: Readonly<Record<string, string>>,
): Record<string, string> {
  for (const [name, value] of Object.entries(headers)) {
    try {
      validateHeaderName(name);
      validateHeaderValue(name, value);
    } catch {
      // The value may be a secret: only the name is shown.
      throw new McpConfigError(
        `${path}: header ${JSON.stringify(excerpt(name, 60))} has a name or value with characters that HTTP does not allow`,
        { path },
      );
    }
  }
  return { ...headers };
}
