// Suspecting and checking a link that is ready: `Supervisor.suspect` and `Supervisor.check`.

import { beforeEach, describe, expect, test, vi } from "vitest";
import type { Link } from "../../../src/connection/link.ts";
import { McpAuthError, McpConnectionError, McpHttpError } from "../../../src/core/errors.ts";
import { settled } from "../../support/manual-clock.ts";
import { initializeResult, rejection } from "../fakes.ts";
import type { Sent } from "../fakes.ts";
import { Backend, connect, HTTP, lost, refused, STDIO, supervise, watch } from "./harness.ts";

const hidden = vi.hoisted(() => ({
  backend: undefined as Backend | undefined,
  refreshCount: 0,
}));
const refresh = (): void => {
  hidden.refreshCount += 1;
};
vi.mock("../../../src/transport/stdio/stdio.ts", () => ({
  createStdioTransport: () => hidden.backend?.stdio(),
}));
vi.mock("../../../src/transport/http/http.ts", () => ({
  createHttpTransport: () => hidden.backend && Object.assign(hidden.backend.http(), { refresh }),
}));
vi.mock("../../../src/transport/sse-legacy/sse.ts", () => ({
  createSseTransport: () => hidden.backend && Object.assign(hidden.backend.stdio(), { refresh }),
}));

const NEVER = 300_000;
const SSE = { ...HTTP, transport: "sse" };
const gone = (): McpHttpError => new McpHttpError("gone", { status: 404 });

let backend: Backend;
/** What the server does with a ping; by default it answers. */
let onPing: (sent: Sent) => object | void | null;

beforeEach(() => {
  hidden.backend = backend = new Backend();
  hidden.refreshCount = 0;
  onPing = () => ({});
  let sessions = 0;
  backend.initialize = (sent) =>
    sent.head(200, { "mcp-session-id": `s${(sessions += 1)}` }).reply(initializeResult());
  backend.script = (sent) => {
    if (sent.method === "ping") return onPing(sent) ?? (null as unknown as undefined);
    return {};
  };
});

const hang = (): null => null;
const pings = (): number => backend.count("ping");

describe("a suspected link", () => {
  test("gets new sockets, is asked once for all who come, and is handed out when it answers", async () => {
    let answer = (): void => {};
    onPing = (sent) => void (answer = () => sent.head().reply({}));
    const { clock, supervisor, states } = supervise(HTTP);
    const link = await supervisor.connect();
    supervisor.suspect();
    supervisor.suspect();
    expect(hidden.refreshCount).toBe(1);
    expect(pings()).toBe(0);
    expect(supervisor.link).toBeUndefined();
    expect(supervisor.currentLink).toBe(link);
    const asked = Array.from({ length: 20 }, () => watch(supervisor.ready(NEVER)));
    await settled();
    expect(pings()).toBe(1);
    supervisor.suspect();
    supervisor.check(true);
    expect(pings()).toBe(1);
    expect(asked.every((one) => one.value === undefined)).toBe(true);
    answer();
    await settled();
    expect(new Set(asked.map((one) => one.value))).toEqual(new Set([link]));
    expect(supervisor.link).toBe(link);
    expect(states).toEqual(["connecting", "ready"]);
    await supervisor.ready(NEVER);
    expect(pings()).toBe(1);
    await supervisor.close();
    expect(clock.armedCount).toBe(0);
  });

  test("a channel that would report its own end is not suspected", async () => {
    const { supervisor } = supervise(STDIO);
    const link = await supervisor.connect();
    supervisor.suspect();
    expect(supervisor.link).toBe(link);
    expect(await supervisor.ready(NEVER)).toBe(link);
    expect(pings()).toBe(0);
    await supervisor.close();
  });

  test("nothing is suspected or checked that is not ready", async () => {
    const { supervisor } = supervise(HTTP);
    const nothing = (): void => {
      supervisor.suspect();
      supervisor.check(true);
      expect([hidden.refreshCount, pings()]).toEqual([0, 0]);
    };
    nothing();
    backend.start = () => refused();
    const attempt = rejection(supervisor.connect());
    nothing();
    await attempt;
    expect(supervisor.state).toBe("backoff");
    nothing();
    await supervisor.close();
    nothing();
  });

  test.each([
    ["-32601", (sent: Sent) => sent.head().replyError(-32601)],
    ["any error of its own", (sent: Sent) => sent.head().replyError(-32000)],
  ])("an answer is a sign of life, %s too", async (_, answer) => {
    onPing = (sent) => answer(sent);
    const { supervisor } = supervise(HTTP);
    const link = await supervisor.connect();
    supervisor.suspect();
    expect(await supervisor.ready(NEVER)).toBe(link);
    await supervisor.close();
  });

  test("a session that was forgotten meanwhile is renewed, once for all who wait", async () => {
    onPing = (sent) => sent.fail(gone());
    const { clock, supervisor, states } = supervise(HTTP);
    const link = await supervisor.connect();
    supervisor.suspect();
    const asked = await Promise.all(Array.from({ length: 20 }, () => supervisor.ready(NEVER)));
    expect(new Set(asked)).toEqual(new Set([link]));
    // One ping of the check, and one over the connection that was refused.
    expect([pings(), backend.count("initialize"), supervisor.counts.renewals]).toEqual([2, 2, 1]);
    expect(states).toEqual(["connecting", "ready"]);
    await supervisor.close();
    expect(clock.armedCount).toBe(0);
  });

  test("a server that cannot be reached is tried again while callers wait; its session is kept", async () => {
    const errors = [refused(), refused(), refused()];
    onPing = (sent) => {
      const error = errors.shift();
      return error === undefined ? {} : sent.fail(error);
    };
    const { clock, supervisor, states } = supervise(HTTP);
    const link = await supervisor.connect();
    supervisor.suspect();
    const asked = watch(supervisor.ready(NEVER));
    await clock.run(5_000);
    expect(asked.value).toBe(link);
    expect(backend.count("initialize")).toBe(1);
    expect(states[2]).toBe("backoff");
    expect(states.at(-1)).toBe("ready");
    await supervisor.close();
    expect(clock.armedCount).toBe(0);
  });

  test.each([
    ["over HTTP its session is asked for again", HTTP, 1],
    ["over HTTP+SSE it is connected anew", SSE, 2],
  ])(
    "one that never answers is given up within the time that callers wait: %s",
    async (_, config, initialized) => {
      onPing = hang;
      const { clock, supervisor } = supervise(config);
      await supervisor.connect();
      supervisor.suspect();
      const asked = watch(supervisor.ready(NEVER));
      await clock.run(0);
      expect(pings()).toBe(1);
      onPing = () => ({});
      await clock.run(29_000);
      expect(asked.value).toBe(supervisor.link);
      expect(asked.value).toBeDefined();
      expect(backend.count("initialize")).toBe(initialized);
      await supervisor.close();
      expect(clock.armedCount).toBe(0);
    },
  );

  test("a ping that asks for credentials is a sign of life: the next call says what is missing", async () => {
    onPing = (sent) => sent.fail(new McpAuthError("AUTH_REQUIRED", "401", { status: 401 }));
    const { supervisor } = supervise(HTTP);
    await supervisor.connect();
    supervisor.suspect();
    expect(await supervisor.ready(NEVER)).toBe(supervisor.link);
    expect(supervisor.state).toBe("ready");
    expect(pings()).toBe(1);
    await supervisor.close();
  });

  test("a 404 of the change stream is heard while the link is under suspicion", async () => {
    backend.initialize = (sent) =>
      sent
        .head(200, { "mcp-session-id": `s${backend.count("initialize")}` })
        .reply(initializeResult({ tools: { listChanged: true } }));
    const { clock, supervisor } = supervise({ ...HTTP, listen: true });
    const link = await supervisor.connect();
    const [fake] = backend.https;
    supervisor.suspect();
    const dropped = { lastEventId: undefined, retryMs: undefined };
    fake?.listening.onEnd({ ...dropped, opened: true, error: lost(), status: 200 });
    await clock.run(2_000);
    expect(fake?.listens).toHaveLength(2);
    backend.forgotten = gone();
    fake?.listening.onEnd({ ...dropped, opened: false, error: undefined, status: 404 });
    await clock.run(2_000);
    // Otherwise the stream stays closed for as long as the session seems to hold.
    expect(supervisor.counts.renewals).toBe(1);
    expect(fake?.listens).toHaveLength(3);
    expect(await supervisor.ready(NEVER)).toBe(link);
    await supervisor.close();
    expect(clock.armedCount).toBe(0);
  });
});

describe("a check of a link that is good", () => {
  test.each([
    ["HTTP", HTTP],
    ["a child", STDIO],
  ])("%s: one ping, and calls that come meanwhile wait for it", async (_, config) => {
    let answer = (): void => {};
    onPing = (sent) => void (answer = () => sent.head().reply({}));
    const { clock, supervisor } = supervise(config);
    const link = await supervisor.connect();
    supervisor.check(false);
    expect(pings()).toBe(0);
    supervisor.check(true);
    supervisor.check(true);
    const asked = watch(supervisor.ready(NEVER));
    await settled();
    expect(pings()).toBe(1);
    expect(asked.value).toBeUndefined();
    answer();
    await settled();
    expect(asked.value).toBe(link);
    await supervisor.close();
    expect(clock.armedCount).toBe(0);
  });

  test("a child that hangs is killed and started again before its callers have waited in vain", async () => {
    onPing = hang;
    const { clock, supervisor } = supervise(STDIO);
    const link = await supervisor.connect();
    supervisor.check(true);
    const asked = watch(supervisor.ready(NEVER));
    await clock.run(0);
    onPing = () => ({});
    await clock.run(29_999);
    expect(asked.error).toBeUndefined();
    expect(asked.value).toBeDefined();
    expect(asked.value).not.toBe(link);
    expect(backend.duplexes.map(({ closeCount }) => closeCount)).toEqual([1, 0]);
    await supervisor.close();
    expect(clock.armedCount).toBe(0);
  });

  test("a child that dies during it is one crash, and one new attempt", async () => {
    onPing = hang;
    const { clock, supervisor, states } = supervise(STDIO);
    await supervisor.connect();
    supervisor.check(true);
    await settled();
    backend.duplexes[0]?.sink.onClose(lost());
    await clock.run(1_000);
    expect(supervisor.counts.crashes).toBe(1);
    expect(states).toEqual(["connecting", "ready", "backoff", "connecting", "ready"]);
    await supervisor.close();
    expect(clock.armedCount).toBe(0);
  });

  test("a call that reports a lost session during it renews at once; the ping's own fate is moot", async () => {
    let fail = (): void => {};
    onPing = (sent) => void (fail = () => sent.fail(lost()));
    const { clock, supervisor, states } = supervise(HTTP);
    const link = await supervisor.connect();
    const { session } = link;
    supervisor.check(true);
    await settled();
    backend.forgotten = gone();
    supervisor.reportUnknownSession(session, new McpConnectionError("CONNECTION_LOST", "gone"));
    expect(await supervisor.ready(NEVER)).toBe(link);
    fail();
    await settled();
    expect(states).toEqual(["connecting", "ready"]);
    expect(supervisor.link).toBe(link);
    await supervisor.close();
    expect(clock.armedCount).toBe(0);
  });

  test("the failure of a ping under a session that was renewed says nothing of the next one", async () => {
    const waiting: Sent[] = [];
    onPing = (sent) => void waiting.push(sent);
    const { clock, supervisor, states } = supervise(HTTP);
    const link = await supervisor.connect();
    const { session } = link;
    supervisor.check(true);
    await settled();
    backend.forgotten = gone();
    supervisor.reportUnknownSession(session, new McpConnectionError("CONNECTION_LOST", "gone"));
    await supervisor.ready(NEVER);
    supervisor.check(true);
    await settled();
    expect(waiting).toHaveLength(2);
    waiting[0]?.fail(gone());
    await settled();
    expect(supervisor.counts.renewals).toBe(1);
    waiting[1]?.head().reply({});
    await settled();
    expect(supervisor.link).toBe(link);
    expect(states).toEqual(["connecting", "ready"]);
    await supervisor.close();
    expect(clock.armedCount).toBe(0);
  });

  test.each([
    ["drain, then close", true],
    ["close", false],
  ])("%s during a check ends it, and leaves nothing behind", async (_, drains) => {
    onPing = hang;
    const { clock, supervisor, states } = supervise(HTTP);
    await supervisor.connect();
    supervisor.suspect();
    const asked = watch(supervisor.ready(NEVER));
    await settled();
    if (drains) {
      supervisor.drain();
      await settled();
      expect(asked.error).toMatchObject({ code: "CLOSED" });
    }
    await supervisor.close();
    expect(asked.error).toMatchObject({ code: "CLOSED", sent: "no" });
    expect(states.at(-1)).toBe("closed");
    expect(backend.https.map(({ closeCount }) => closeCount)).toEqual([1]);
    expect(backend.https[0]?.ended).toHaveLength(1);
    expect(clock.armedCount).toBe(0);
  });

  test("an abort ends the waiting of one caller, and not the check", async () => {
    let answer = (): void => {};
    onPing = (sent) => void (answer = () => sent.head().reply({}));
    const { clock, supervisor } = supervise(HTTP);
    const link = await supervisor.connect();
    supervisor.suspect();
    const abort = new AbortController();
    const aborted = rejection(supervisor.ready(NEVER, abort.signal));
    const other = watch(supervisor.ready(NEVER));
    await settled();
    abort.abort("enough");
    expect(await aborted).toBe("enough");
    answer();
    await settled();
    expect(other.value).toBe(link);
    await supervisor.close();
    expect(clock.armedCount).toBe(0);
  });
});

describe("calls under way on a channel that is given up", () => {
  test.each([
    ["class U: its outcome is unknown", "tools/call", { code: "OUTCOME_UNKNOWN", sent: "unknown" }],
    ["class S: asked again", "tools/list", undefined],
  ])("%s (fault 59)", async (_, method, error) => {
    const { clock, connection } = connect(SSE);
    await connection.connect();
    let hangs = true;
    onPing = () => (hangs ? null : {});
    backend.script = (sent) => {
      if (sent.method === "ping") return onPing(sent) ?? (null as unknown as undefined);
      return hangs ? (null as unknown as undefined) : { content: [], tools: [] };
    };
    const call = watch(connection.request(method, { name: "t" }, { timeoutMs: 200_000 }));
    await settled();
    // Late by an hour: the machine slept.
    clock.jump(20_000 + 10_000);
    await clock.run(1_000);
    await clock.run(19_000);
    hangs = false;
    await clock.run(10_000);
    if (error === undefined) expect(call.value).toBeDefined();
    else expect(call.error).toMatchObject(error);
    expect(backend.count("tools/call")).toBeLessThan(2);
    await connection.close(0);
    expect(clock.armedCount).toBe(0);
  });
});

describe("an attempt that ends in the same turn as the connection", () => {
  /** Some turns of the microtask queue later than the news. */
  async function turns(count: number): Promise<void> {
    for (let turn = 0; turn < count; turn++) await Promise.resolve();
  }

  test.each(Array.from({ length: 12 }, (_, count) => [count]))(
    "closed %i microtasks after the session began: never an illegal move, nothing left open",
    async (count) => {
      let begin = (): void => {};
      const begun = new Promise<void>((resolve) => (begin = resolve));
      const { clock, supervisor, states } = supervise(HTTP, { events: { onSession: () => begun } });
      const asked = watch(supervisor.connect() as Promise<Link>);
      await settled();
      begin();
      await turns(count);
      await supervisor.close();
      await settled();
      expect(states.at(-1)).toBe("closed");
      expect(asked.value ?? asked.error).toBeDefined();
      expect(backend.https.map(({ closeCount }) => closeCount)).toEqual([1]);
      expect(clock.armedCount).toBe(0);
    },
  );

  test.each(Array.from({ length: 12 }, (_, count) => [count]))(
    "a child that dies %i microtasks after its session began is not ready for ever",
    async (count) => {
      let begin = (): void => {};
      const begun = new Promise<void>((resolve) => (begin = resolve));
      const { clock, supervisor } = supervise(STDIO, { events: { onSession: () => begun } });
      const asked = watch(supervisor.ready(NEVER));
      await settled();
      begin();
      await turns(count);
      backend.duplexes[0]?.sink.onClose(lost());
      await clock.run(5_000);
      expect(supervisor.state).toBe("ready");
      expect(supervisor.link?.lost).toBeUndefined();
      expect(backend.duplexes).toHaveLength(2);
      expect(asked.value).toBeDefined();
      await supervisor.close();
      expect(clock.armedCount).toBe(0);
    },
  );
});
