// Connects many servers at once: none waits for another, none breaks another.

import { asMcpError } from "../connection/attempt-error.ts";
import type { McpError } from "../core/errors.ts";
import type { Member } from "./member.ts";

export interface ConnectReport {
  /** In the order in which they were added. */
  readonly connected: readonly string[];
  /** Why each of the others is not; attempts go on unless its state is `failed` or `auth-required`. */
  readonly failed: { readonly [server: string]: McpError };
  /** Lazy and disabled servers: not tried. */
  readonly skipped: readonly string[];
}

export async function connectAll(
  members: readonly Member[],
  signal: AbortSignal | undefined,
): Promise<ConnectReport> {
  const connected = new Set<string>();
  const failed: { [server: string]: McpError } = {};
  const isSkipped = ({ server, connection }: Member): boolean =>
    server.disabled || (server.lazy && connection.state === "idle");
  await Promise.all(
    members
      .filter((member) => !isSkipped(member))
      .map(async (member) => {
        try {
          await member.connect(signal);
          connected.add(member.name);
        } catch (error) {
          const isAborted = signal?.aborted === true && error === signal.reason;
          if (isAborted || member.server.required) throw error;
          // An interceptor may throw anything; it is one server's failure all the same.
          failed[member.name] = asMcpError(member.name, error);
        }
      }),
  );
  const inOrder = members.map((member) => member.name).filter((name) => connected.has(name));
  return { connected: inOrder, failed, skipped: members.filter(isSkipped).map(({ name }) => name) };
}
