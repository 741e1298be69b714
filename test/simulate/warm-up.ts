// The modules that the pool loads with its first server of a kind, loaded before the virtual clock begins: a module loader is
// real input, and the virtual clock waits for none.

import { McpClientPool } from "mcp-client-pool";
import type { DuplexTransport } from "mcp-client-pool";
import { Dispatcher } from "undici";

/** Refuses every request at once. */
class Refusing extends Dispatcher {
  override dispatch(
    _options: Dispatcher.DispatchOptions,
    handler: Dispatcher.DispatchHandler,
  ): boolean {
    const controller = { aborted: false, paused: false, reason: null, abort, pause, resume };
    queueMicrotask(() => handler.onResponseError?.(controller, new Error("refused")));
    return true;
  }
}

function abort(): void {}
function pause(): void {}
function resume(): void {}

let loading: Promise<void> | undefined;

export function warmUp(): Promise<void> {
  return (loading ??= load());
}

async function load(): Promise<void> {
  const dispatcher = new Refusing();
  const start = (): Promise<never> => Promise.reject(new Error("refused"));
  const close = (): Promise<void> => Promise.resolve();
  const common = { kind: "custom", address: "any", channel: "duplex" } as const;
  const transport: DuplexTransport = { ...common, start, close, send: () => ({ close() {} }) };
  const http = { url: "http://any.test/", dispatcher };
  const pool = new McpClientPool({ servers: { http, custom: { transport } } });
  await pool.connect();
  await pool.closeAll();
}
