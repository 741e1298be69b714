import { beforeEach, describe, expect, test, vi } from "vitest";
import { InboundRequests, MAX_INBOUND, RpcError } from "../../../src/jsonrpc/inbound.ts";
import type { InboundContext } from "../../../src/jsonrpc/inbound.ts";
import type { Quirks } from "../../../src/jsonrpc/quirks.ts";
import { Peer } from "../../../src/jsonrpc/peer.ts";
import { ManualClock, settled } from "../../support/manual-clock.ts";
import { FakeDuplex, repairLog } from "../fakes.ts";

type Handle = (method: string, context: InboundContext) => Promise<object>;

let transport: FakeDuplex;
let peer: Peer;
let strays: [string, unknown][];
let quirks: Quirks;
let handle: Handle;

beforeEach(async () => {
  transport = new FakeDuplex();
  strays = [];
  quirks = repairLog();
  handle = async () => ({});
  peer = new Peer({
    server: "s",
    clock: new ManualClock(),
    quirks,
    transport,
    onStray: (what, cause) => strays.push([what, cause]),
    onClose: () => {},
  });
  peer.handlers = {
    onRequest: (method, _, context) => handle(method, context),
    onNotification: () => {},
  };
  await transport.start(peer, new AbortController().signal);
});

describe("answers (1.7, 1.13)", () => {
  test("repeat the id with its type, once each", async () => {
    handle = async (method) => ({ method });
    transport.ask(1, "a");
    transport.ask("1", "b");
    await settled();
    expect(transport.responses).toEqual([
      { jsonrpc: "2.0", id: 1, result: { method: "a" } },
      { jsonrpc: "2.0", id: "1", result: { method: "b" } },
    ]);
    expect(peer.inbound.activeCount).toBe(0);
  });

  test("before a session there are no handlers: unknown, not a crash", async () => {
    const fresh = new FakeDuplex();
    const early = new Peer({
      server: "s",
      clock: new ManualClock(),
      quirks: repairLog(),
      transport: fresh,
      onStray: () => {},
      onClose: () => {},
    });
    await fresh.start(early, new AbortController().signal);
    fresh.ask(1, "sampling/createMessage");
    fresh.push({ jsonrpc: "2.0", method: "notifications/unknown" });
    await settled();
    expect(fresh.responses).toMatchObject([{ id: 1, error: { code: -32601 } }]);
  });

  test("an RpcError is the answer, with its data", async () => {
    handle = async () => {
      throw new RpcError(-32602, "bad", { field: "a" });
    };
    transport.ask(1, "a");
    await settled();
    expect(transport.responses).toEqual([
      { jsonrpc: "2.0", id: 1, error: { code: -32602, message: "bad", data: { field: "a" } } },
    ]);
    expect(strays).toEqual([]);
  });

  test.each<[string, Handle]>([
    ["rejects", () => Promise.reject(new Error("s3cret"))],
    [
      "throws",
      () => {
        throw new Error("s3cret");
      },
    ],
    ["throws a string", () => Promise.reject("s3cret")], // eslint-disable-line
  ])("a handler that %s is -32603, and its text stays here (fault 61)", async (_, broken) => {
    handle = broken;
    transport.ask(1, "sampling/createMessage");
    await settled();
    expect(transport.responses).toMatchObject([{ id: 1, error: { code: -32603 } }]);
    expect(JSON.stringify(transport.responses)).not.toContain("s3cret");
    expect(strays).toHaveLength(1);
    expect(peer.inbound.activeCount).toBe(0);
  });

  test.each<[string, unknown]>([
    ["a BigInt", { big: 1n }],
    ["nothing", undefined],
    ["a string", "text"],
  ])(
    "a handler that returns %s, which is no result, is -32603: never silence",
    async (_, result) => {
      handle = async () => result as object;
      transport.ask(1, "sampling/createMessage");
      await settled();
      expect(transport.responses).toMatchObject([{ id: 1, error: { code: -32603 } }]);
    },
  );
});

describe("cancelled by the server (7.5)", () => {
  const cancel = (requestId: unknown): void =>
    transport.push({ jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId } });

  test("the handler is told, and whatever it does then is not sent", async () => {
    const signals: AbortSignal[] = [];
    const ends: (() => void)[] = [];
    handle = (method, { signal }) => {
      signals.push(signal);
      return new Promise((resolve, reject) => {
        ends.push(() => (method === "resolves" ? resolve({}) : reject(new Error("aborted"))));
      });
    };
    transport.ask(1, "resolves");
    transport.ask(2, "rejects");
    cancel(1);
    cancel(2);
    expect(signals.map((signal) => signal.aborted)).toEqual([true, true]);
    for (const end of ends) end();
    await settled();
    expect(transport.responses).toEqual([]);
    expect(peer.inbound.activeCount).toBe(0);
  });

  test("the id as a string takes the request back, unless that string is a request's own", async () => {
    const signals: AbortSignal[] = [];
    handle = (_, context) => {
      signals.push(context.signal);
      return new Promise(() => {});
    };
    transport.ask(1, "a");
    transport.ask("1", "b");
    const aborted = (): boolean[] => signals.map((signal) => signal.aborted);
    cancel("1");
    expect([aborted(), quirks.counts]).toEqual([[false, true], {}]);
    cancel("1");
    expect([aborted(), quirks.counts]).toEqual([[true, true], { "id-as-string": 1 }]);
  });

  test("an id of another type, an unknown or a finished one changes nothing", async () => {
    let signal: AbortSignal | undefined;
    let end: (result: object) => void = () => {};
    handle = (_, context) => {
      signal = context.signal;
      return new Promise((resolve) => (end = resolve));
    };
    transport.ask(1, "a");
    for (const id of ["one", 2, undefined, null, {}]) cancel(id);
    transport.push({ jsonrpc: "2.0", method: "notifications/cancelled" });
    expect(signal?.aborted).toBe(false);
    end({});
    await settled();
    cancel(1);
    expect(transport.responses).toHaveLength(1);
  });

  test("a handler that does not heed it does not count as work for the server any more", async () => {
    handle = () => new Promise(() => {});
    transport.ask(1, "elicitation/create");
    expect(peer.inbound.activeCount).toBe(1);
    cancel(1);
    await settled();
    // Otherwise the silence of every call would be suspended until the person closes the dialog.
    expect(peer.inbound.activeCount).toBe(0);
  });
});

describe("progress (7.6)", () => {
  test("carries the server's token, only if it gave one", async () => {
    handle = async (_, context) => {
      context.progress({ progress: 1, total: 2 });
      return {};
    };
    transport.ask(1, "a", { _meta: { progressToken: "t" } });
    transport.ask(2, "a", {});
    transport.ask(3, "a");
    await settled();
    expect(transport.of("notifications/progress").map((sent) => sent.params)).toEqual([
      { progressToken: "t", progress: 1, total: 2 },
    ]);
  });

  test("the token 0 is a token", async () => {
    handle = async (_, context) => {
      context.progress({ progress: 1 });
      return {};
    };
    transport.ask(1, "a", { _meta: { progressToken: 0 } });
    await settled();
    expect(transport.of("notifications/progress")).toHaveLength(1);
  });

  test("none after the answer, and none after a cancellation", async () => {
    const contexts: InboundContext[] = [];
    handle = async (_, context) => {
      contexts.push(context);
      return {};
    };
    transport.ask(1, "a", { _meta: { progressToken: "t" } });
    await settled();
    contexts[0]?.progress({ progress: 2 });
    expect(transport.of("notifications/progress")).toEqual([]);
  });
});

describe("limits (13.15)", () => {
  test("beyond MAX_INBOUND a request is answered with an error, and room comes back", async () => {
    const ends: (() => void)[] = [];
    handle = () => new Promise((resolve) => ends.push(() => resolve({})));
    for (let id = 0; id < MAX_INBOUND; id++) transport.ask(id, "a");
    transport.ask("over", "a");
    await settled();
    expect(transport.responses).toMatchObject([{ id: "over", error: { code: -32603 } }]);
    expect(peer.inbound.activeCount).toBe(MAX_INBOUND);
    ends[0]?.();
    await settled();
    transport.ask("later", "a");
    expect(peer.inbound.activeCount).toBe(MAX_INBOUND);
    for (const end of ends) end();
    await settled();
    expect(transport.responses).toHaveLength(MAX_INBOUND + 2);
  });
});

test("abortAll gives every handler the reason and forgets them", async () => {
  const respond = vi.fn(() => Promise.resolve());
  const reasons: unknown[] = [];
  const inbound = new InboundRequests({
    quirks: repairLog(),
    handlers: () => ({
      onRequest: (_, __, { signal }) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener("abort", () => {
            reasons.push(signal.reason);
            reject(new Error("aborted"));
          });
        }),
      onNotification: () => {},
    }),
    respond,
    notify: () => {},
    onSettled: () => {},
    onDropped: () => {},
    onRefused: () => {},
    onHandlerError: () => {},
  });
  inbound.receive({ jsonrpc: "2.0", id: 1, method: "a" });
  inbound.receive({ jsonrpc: "2.0", id: 2, method: "a" });
  const reason = new Error("over");
  inbound.abortAll(reason);
  await settled();
  expect(reasons).toEqual([reason, reason]);
  expect(respond).not.toHaveBeenCalled();
});

describe("a server that asks too much", () => {
  test("handlers of requests that were taken back count until they end", async () => {
    const ends: (() => void)[] = [];
    handle = () => new Promise((resolve) => ends.push(() => resolve({})));
    for (let id = 0; id < MAX_INBOUND * 4; id++) {
      transport.ask(id, "elicitation/create");
      transport.push({
        jsonrpc: "2.0",
        method: "notifications/cancelled",
        params: { requestId: id },
      });
    }
    await settled();
    expect(ends).toHaveLength(MAX_INBOUND);
    expect(quirks.counts["too-many-requests"]).toBeGreaterThan(0);
    for (const end of ends) end();
    await settled();
    transport.ask("after", "elicitation/create");
    await settled();
    expect(ends).toHaveLength(MAX_INBOUND + 1);
  });

  test("an id that is long is not answered, and named once", async () => {
    for (let count = 0; count < 3; count++) transport.ask("x".repeat(1_000_000), "ping");
    transport.ask("y".repeat(256), "ping");
    await settled();
    expect(transport.responses).toHaveLength(1);
    expect(quirks.counts).toEqual({ "id-too-long": 3 });
  });

  test("a progress token that is long is not used", async () => {
    handle = async (_, context) => {
      context.progress({ progress: 1 });
      return {};
    };
    const ask = (id: number, progressToken: string): void =>
      transport.push({ jsonrpc: "2.0", id, method: "a", params: { _meta: { progressToken } } });
    ask(1, "x".repeat(257));
    ask(2, "fits");
    await settled();
    const text = JSON.stringify(transport.sent);
    expect(text).toContain("fits");
    expect(text).not.toContain("xxx");
  });

  test("an error quotes no more of a method than a reader needs", async () => {
    handle = async (method) => {
      throw new RpcError(-32601, method);
    };
    transport.ask(1, "m".repeat(1_000_000));
    await settled();
    expect(JSON.stringify(transport.responses).length).toBeLessThan(2_000);
  });

  test("strays are reported a few times a minute", async () => {
    for (let id = 0; id < 1_000; id++)
      transport.push({ jsonrpc: "2.0", id: 5_000 + id, result: {} });
    await settled();
    expect(strays.length).toBeLessThanOrEqual(20);
    expect(strays.at(-1)?.[0]).toContain("not reported");
  });
});
