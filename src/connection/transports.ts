// The transport for one server. Each kind is loaded with the first server that needs it: HTTP with undici is more than
// half of all the code there is, and a program that talks to children only never loads it.

import type { Clock } from "../core/clock.ts";
import type { Quirks } from "../jsonrpc/quirks.ts";
import type { DuplexTransport, ExchangeTransport, Transport } from "../jsonrpc/transport.ts";
import type { HttpTransportOptions } from "../transport/http/http.ts";
import type { SseTransportOptions } from "../transport/sse-legacy/sse.ts";
import { isMemoryTransport } from "../transport/memory/memory.ts";
import type { ResolvedServer } from "./options.ts";
import type { ResolvedTarget } from "./target.ts";

/** Handed to every transport of one server. */
export interface TransportDependencies {
  readonly clock: Clock;
  readonly quirks: Quirks;
  readonly onSecret?: ((secret: string) => void) | undefined;
}

type HttpTarget = ResolvedTarget & { kind: "http" };

/** Asked for once: from then on a connection waits for no module loader, whatever it asks of files or of threads. */
let http: ReturnType<typeof loadHttp> | undefined;
const loadHttp = () => import("../transport/http/http.ts");
let guarded: ReturnType<typeof loadGuarded> | undefined;
const loadGuarded = () => import("../transport/custom/guarded.ts");

export async function createHttp(
  server: ResolvedServer,
  target: HttpTarget,
  dependencies: TransportDependencies,
): Promise<ExchangeTransport> {
  const { createHttpTransport } = await (http ??= loadHttp());
  return createHttpTransport(httpOptions(server, target, dependencies));
}

export async function createSse(
  server: ResolvedServer,
  target: HttpTarget,
  dependencies: TransportDependencies,
): Promise<DuplexTransport> {
  const { createSseTransport } = await import("../transport/sse-legacy/sse.ts");
  return createSseTransport(httpOptions(server, target, dependencies));
}

export async function createChild(
  server: ResolvedServer,
  target: ResolvedTarget & { kind: "stdio" },
  dependencies: TransportDependencies,
): Promise<Transport> {
  const { createStdioTransport } = await import("../transport/stdio/stdio.ts");
  return createStdioTransport({
    server: server.name,
    command: target.command,
    args: target.args,
    env: target.env,
    cwd: target.cwd,
    ...dependencies,
    limits: server.limits,
    timeouts: { closeStepMs: server.timeouts.closeStepMs },
  });
}

export async function createCustom(
  { name }: ResolvedServer,
  { transport }: ResolvedTarget & { kind: "custom" },
): Promise<Transport> {
  if ("channel" in transport) {
    if (isMemoryTransport(transport)) return transport;
    const { guardTransport } = await (guarded ??= loadGuarded());
    return guardTransport(transport, { server: name });
  }
  const { adaptSdkTransport } = await import("../transport/custom/sdk-adapter.ts");
  return adaptSdkTransport(transport, { server: name });
}

function httpOptions(
  server: ResolvedServer,
  target: HttpTarget,
  dependencies: TransportDependencies,
): HttpTransportOptions & SseTransportOptions {
  const { connectMs, handshakeMs } = server.timeouts;
  return {
    server: server.name,
    url: target.url,
    headers: target.headers,
    ...(target.dispatcher === undefined ? {} : { dispatcher: target.dispatcher }),
    ...dependencies,
    limits: server.limits,
    timeouts: { connectMs, handshakeMs },
    resume: { attempts: 5, backoff: { initialMs: 1_000, factor: 1.5, maxMs: 30_000, jitter: 0.1 } },
  };
}
