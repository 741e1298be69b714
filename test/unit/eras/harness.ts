// What the tests of the eras share: a host over a fake transport, and handlers that count.

import { vi } from "vitest";
import type { EraEvents, EraHost, EraSession } from "../../../src/eras/era.ts";
import type { ClientHandlers, HandlerContext } from "../../../src/eras/handlers.ts";
import { offerSession } from "../../../src/eras/2025-11-25/session.ts";
import type { SessionVersion } from "../../../src/spec/versions.ts";
import { Peer } from "../../../src/jsonrpc/peer.ts";
import type { RpcError } from "../../../src/jsonrpc/inbound.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { initializeResult, rejection, repairLog } from "../fakes.ts";
import type { FakeDuplex, FakeHttp } from "../fakes.ts";

export const NO_HANDLERS: ClientHandlers = { sampling: { tools: false, context: false } };

export const LIMITS = { silenceMs: 1_000, totalMs: 10_000 };

export function context(): HandlerContext {
  return { server: "asker", signal: new AbortController().signal, progress: () => {} };
}

/** The code with which a request of the server was refused. */
export async function refusal(promise: Promise<unknown>): Promise<number | undefined> {
  return ((await rejection(promise)) as Partial<RpcError>).code;
}

export interface Era {
  readonly clock: ManualClock;
  readonly host: EraHost;
  readonly peer: Peer;
  readonly events: { readonly [K in keyof EraEvents]: ReturnType<typeof vi.fn<EraEvents[K]>> };
  readonly strays: unknown[];
}

export async function hostOver(
  transport: FakeHttp | FakeDuplex,
  options: Partial<EraHost> = {},
): Promise<Era> {
  const clock = new ManualClock();
  const strays: unknown[] = [];
  const peer = new Peer({
    server: "s",
    clock,
    quirks: options.quirks ?? repairLog(),
    transport,
    onStray: (what, cause) => strays.push(cause ?? what),
    onClose: () => {},
  });
  await transport.start(peer, new AbortController().signal);
  const events = {
    onListChanged: vi.fn<EraEvents["onListChanged"]>(),
    onResourceUpdated: vi.fn<EraEvents["onResourceUpdated"]>(),
    onMissed: vi.fn<EraEvents["onMissed"]>(),
    onLog: vi.fn<EraEvents["onLog"]>(),
    onSessionLost: vi.fn<EraEvents["onSessionLost"]>(),
    onWarning: vi.fn<EraEvents["onWarning"]>(),
    onSecret: vi.fn<EraEvents["onSecret"]>(),
  };
  const host: EraHost = {
    server: "s",
    clock,
    quirks: options.quirks ?? repairLog(),
    transport,
    peer,
    clientInfo: { name: "test", version: "1" },
    protocol: "auto",
    mayProbe: true,
    handlers: NO_HANDLERS,
    listen: false,
    limits: LIMITS,
    handshakeMs: 5_000,
    hasReplicas: () => false,
    events,
    closed: new AbortController().signal,
    ...options,
  };
  return { clock, host, peer, events, strays };
}

/** `initialize`, and what follows it. */
export async function connectSession(
  host: EraHost,
  signal: AbortSignal,
  version: SessionVersion = "2025-11-25",
): Promise<EraSession> {
  const agreement = await offerSession(host, version, signal);
  return agreement.begin(signal);
}

/** Answers `initialize` and keeps whatever script the test sets afterwards. */
export async function sessionOver(
  transport: FakeHttp | FakeDuplex,
  options: Partial<EraHost> & { capabilities?: object; version?: string; sessionId?: string } = {},
): Promise<Era & { session: EraSession }> {
  const { capabilities, version, sessionId, ...rest } = options;
  const era = await hostOver(transport, rest);
  const { script } = transport;
  transport.script = (sent) => {
    if (sent.method !== "initialize") return script(sent);
    sent.head(200, sessionId === undefined ? {} : { "mcp-session-id": sessionId });
    return sent.reply(initializeResult(capabilities, version));
  };
  const session = await connectSession(era.host, new AbortController().signal);
  return { ...era, session };
}
