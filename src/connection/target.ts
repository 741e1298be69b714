// Where a server is and how it is reached, checked and frozen.

import { validateHeaderName, validateHeaderValue } from "node:http";
import type { Dispatcher } from "undici";
import { McpConfigError } from "../core/errors.ts";
import { excerpt, redactUrl } from "../core/redact.ts";
import type { Transport } from "../jsonrpc/transport.ts";
import type { SdkTransport } from "../transport/custom/sdk-adapter.ts";
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

/** URL without query values, or the command's name. */
export function addressOf(target: ResolvedTarget): string {
  switch (target.kind) {
    case "http":
      return redactUrl(target.url);
    case "stdio":
      return target.command;
    case "custom":
      return "custom transport";
  }
}

/** @throws {McpConfigError} naming the option by its path. */
export function resolveTarget(path: string, checked: CheckedServer): ResolvedTarget {
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
