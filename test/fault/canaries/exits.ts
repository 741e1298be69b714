// All that a pool says about its servers, gathered: errors, events, status; and the secrets that show in it.

import { inspect } from "node:util";
import type { McpClientPool } from "mcp-client-pool";
import type { PoolEvent } from "mcp-client-pool";

const EVENTS: readonly PoolEvent[] = [
  ...([
    "server.connected",
    "server.disconnected",
    "server.failed",
    "server.auth-required",
  ] as const),
  ...(["server.circuit-opened", "log", "warning"] as const),
];

export class Exits {
  readonly #texts: string[] = [];

  listen(pool: McpClientPool): void {
    for (const event of EVENTS) pool.on(event, (payload: unknown) => this.add(payload));
  }

  add(value: unknown): void {
    this.#texts.push(inspect(value, { depth: 20, maxArrayLength: null, maxStringLength: null }));
    this.#texts.push(JSON.stringify(value) ?? "");
    for (let error = value, depth = 0; error instanceof Error && depth < 20; depth++) {
      this.#texts.push(error.message, String(error.stack), JSON.stringify(Object.entries(error)));
      error = error.cause;
    }
    const { cause } = (value ?? {}) as { cause?: unknown };
    if (!(value instanceof Error) && cause instanceof Error) this.add(cause);
  }

  get count(): number {
    return this.#texts.length;
  }

  /** Where one of the secrets shows, in one of the usual encodings, or eight characters of it. */
  shown(secrets: readonly string[]): string[] {
    const forms = secrets.flatMap((secret) => [
      secret,
      secret.slice(0, 10),
      encodeURIComponent(secret),
      Buffer.from(secret).toString("hex"),
      Buffer.from(secret).toString("base64").slice(0, 12),
      JSON.stringify(secret).slice(1, -1),
    ]);
    return this.#texts.flatMap((text) =>
      forms
        .filter((form) => text.includes(form))
        .map((form) => {
          const at = text.indexOf(form);
          return `${form} in …${text.slice(Math.max(0, at - 120), at + 60)}…`;
        }),
    );
  }
}
