import { chmodSync } from "node:fs";
import { McpConnectionError, McpTimeoutError } from "mcp-client-pool";
import type { McpErrorCode, StdioServerConfig } from "mcp-client-pool";
import { describe, expect, test } from "vitest";
import { ManualClock } from "../support/manual-clock.ts";
import { until, untilProcessGone } from "../support/processes.ts";
import {
  answering,
  askedOf,
  connect,
  crashesOnce,
  PATIENCE_MS,
  poolOver,
  refusedWith,
  signalFile,
  stateless,
  statusOf,
  untilPatient,
  violationsOf,
} from "./negotiation-children.ts";
import { OURS } from "./negotiation-harness.ts";
import { failure, Ledger, scripted, textOf } from "./stdio-harness.ts";
import { TestClock } from "./support.ts";

const M = "2026-07-28";
const LATEST = "2025-11-25";

const discovered = { result: { supportedVersions: [M], capabilities: { tools: {} } } };
const noTools = { result: { tools: [] } };
const refused = (code: number, supported?: string[]): object => ({
  error: { code, message: "no", ...(supported === undefined ? {} : { data: { supported } }) },
});

interface Connects {
  readonly name: string;
  readonly make: (ledger: Ledger) => StdioServerConfig;
  readonly version: string;
  readonly probes?: number;
  readonly offers?: number;
}

const sessions = (name: string, behaviour: object): Connects => ({
  name,
  make: (ledger) => stateless(ledger, { era: "sessions", ...behaviour }),
  version: LATEST,
  offers: 1,
});

const CONNECTS: readonly Connects[] = [
  { name: "S1 stateless only", make: (ledger) => stateless(ledger, {}), version: M },
  { name: "S1 both eras", make: (ledger) => stateless(ledger, { era: "both" }), version: M },
  {
    name: "S1 H2 a DiscoverResult that lists a version with sessions only",
    make: (ledger) =>
      stateless(ledger, {
        era: "both",
        probe: { result: { supportedVersions: ["2025-06-18"], capabilities: {} } },
      }),
    version: LATEST,
    offers: 1,
  },

  {
    name: "S2 -32022 that lists ours: asked again",
    make: (ledger) => stateless(ledger, { refuseProbes: 1 }),
    version: M,
    probes: 2,
  },
  {
    name: "S2 -32022 that lists versions with sessions only",
    make: (ledger) => stateless(ledger, { era: "both", supportedVersions: ["2025-06-18"] }),
    version: LATEST,
    offers: 1,
  },
  sessions("S2 -32022 without versions", { probe: { error: { code: -32022 } } }),

  {
    name: "S3 -32021, once: asked again",
    make: (ledger) =>
      answering(ledger, {
        "server/discover": [refused(-32021), discovered],
        "tools/list": [noTools],
      }),
    version: M,
    probes: 2,
  },

  ...[-32601, -32602, -32600, -32700, -32603, -32000, -32001, -32020, 0].map((code) =>
    sessions(`S4 ${code}`, { probe: { error: { code } } }),
  ),
  {
    name: "S4 L5 an unknown method, and initialize refused: it does not discover (2.16)",
    make: (ledger) => stateless(ledger, { probe: { error: { code: -32601 } } }),
    version: M,
    offers: 1,
  },

  sessions("S5 an empty result", { probe: { result: {} } }),
  sessions("S5 versions without capabilities", { probe: { result: { supportedVersions: [M] } } }),

  {
    name: "S9 noise, stateless",
    make: (ledger) => stateless(ledger, { replyNoise: "starting up ..." }),
    version: M,
  },
  sessions("S9 noise, sessions", { replyNoise: "{ not json" }),
];

describe("table 2c: the probe on stdio, and the era it finds", () => {
  test.each(CONNECTS.map((row): [string, Connects] => [row.name, row]))("%s", async (_, row) => {
    const { make, version, probes = 1, offers = 0 } = row;
    const ledger = new Ledger();
    const one = poolOver(make(ledger));
    expect(await connect(one)).toMatchObject({
      state: "ready",
      era: version === M ? "stateless" : "session",
      protocolVersion: version,
    });
    if (one.allTools.some(({ name }) => name === "s__echo")) {
      expect(textOf(await one.callTool("s__echo", { key: "call", text: "hi" }))).toBe("hi");
      expect(ledger.count("call")).toBe(1);
    }
    expect(askedOf(ledger)).toEqual({ starts: 1, probes, offers });
    expect(violationsOf(ledger)).toEqual([]);
  });

  test.each([
    ["S4 the method is unknown", {}],
    ["S9 after a banner, between noise", { banner: "Welcome!", noise: "[info] x" }],
    ["S9 after a banner without an end", { bannerNoNewline: "ready > " }],
  ])("a server of sessions as they are: %s", async (_, behaviour) => {
    const ledger = new Ledger();
    const one = poolOver(scripted(ledger, behaviour));
    expect(await connect(one)).toMatchObject({ era: "session", protocolVersion: LATEST });
    expect(textOf(await one.callTool("s__echo", { text: "hi" }))).toBe("hi");
    expect(ledger.starts).toBe(1);
    expect(ledger.count(`initialize ${LATEST}`)).toBe(1);
  });
});

interface Fails {
  readonly name: string;
  readonly behaviour: object;
  readonly code: McpErrorCode;
  readonly says?: readonly string[];
  readonly holds?: object;
  readonly probes: number;
}

const FAILS: readonly Fails[] = [
  {
    name: "S1 H3 nothing in common",
    behaviour: { probe: { result: { supportedVersions: ["2027-01-01"], capabilities: {} } } },
    code: "PROTOCOL_ERROR",
    says: ["2027-01-01", ...OURS],
    probes: 1,
  },
  {
    name: "S2 -32022 that lists newer ones only",
    behaviour: { supportedVersions: ["2027-01-01"] },
    code: "PROTOCOL_ERROR",
    says: ["2027-01-01", ...OURS],
    probes: 1,
  },
  {
    name: "S2 -32022 that lists a newer one beside sessions",
    behaviour: { era: "both", supportedVersions: ["2027-01-01", LATEST] },
    code: "PROTOCOL_ERROR",
    says: ["2027-01-01", ...OURS],
    probes: 1,
  },
  {
    name: "S2 -32022 that lists ours, again",
    behaviour: { era: "both", refuseProbes: 2 },
    code: "RESPONSE_ERROR",
    holds: { rpcCode: -32022 },
    probes: 2,
  },
  {
    name: "S3 -32021, again",
    behaviour: { era: "both", probe: { error: { code: -32021 } } },
    code: "RESPONSE_ERROR",
    holds: { rpcCode: -32021 },
    probes: 2,
  },
];

describe("table 2c: what ends in an error never gets initialize", () => {
  test.each(FAILS.map((row): [string, Fails] => [row.name, row]))("%s", async (_, row) => {
    const { behaviour, code, says = [], holds = {}, probes } = row;
    const ledger = new Ledger();
    const one = poolOver(stateless(ledger, behaviour));
    const error = await refusedWith(one);
    expect(error).toMatchObject({ code, server: "s", ...holds });
    for (const text of ['"s"', ...says]) expect(error.message).toContain(text);
    expect(statusOf(one)).toMatchObject({ state: "failed" });
    expect(askedOf(ledger)).toEqual({ starts: 1, probes, offers: 0 });
    for (const pid of ledger.pids()) await untilProcessGone(pid);
  });

  test("S8 a command that is not there: the error names it, nothing is tried again", async () => {
    const one = poolOver({ command: "no-such-command-of-any-server" });
    const error = await refusedWith(one);
    expect(error).toBeInstanceOf(McpConnectionError);
    expect(error).toMatchObject({ code: "CONNECTION_FAILED", sent: "no", retryable: false });
    expect(error.message).toContain("no-such-command-of-any-server");
    expect(statusOf(one)).toMatchObject({ state: "failed", counts: { crashes: 0 } });
  });

  test("S8 a file that may not be executed", async () => {
    const { file, make } = signalFile();
    make();
    chmodSync(file, 0o600);
    const error = await refusedWith(poolOver({ command: file }));
    expect(error).toMatchObject({ code: "CONNECTION_FAILED", sent: "no", retryable: false });
  });
});

describe("S6: a server that does not answer what it does not know", () => {
  test("initialize goes to the same process, but not before it had its time", async () => {
    const ledger = new Ledger();
    const clock = new ManualClock();
    const one = poolOver(stateless(ledger, { era: "sessions", silentOnProbe: true }), { clock });
    const connecting = connect(one);
    await untilPatient(clock);
    await until(() => askedOf(ledger).probes === 1, "the probe to arrive");
    await clock.run(PATIENCE_MS - 1);
    expect(askedOf(ledger)).toEqual({ starts: 1, probes: 1, offers: 0 });
    clock.advance(1);
    expect(await connecting).toMatchObject({ era: "session", protocolVersion: LATEST });
    expect(askedOf(ledger)).toEqual({ starts: 1, probes: 1, offers: 1 });
    expect(textOf(await one.callTool("s__echo", { text: "hi" }))).toBe("hi");
    expect(violationsOf(ledger)).toEqual([]);
  });

  test("2.5 in the next process it is not asked again", async () => {
    const ledger = new Ledger();
    const clock = new ManualClock();
    const one = poolOver(stateless(ledger, { era: "sessions", silentOnProbe: true }), { clock });
    const connecting = connect(one);
    await untilPatient(clock);
    clock.advance(PATIENCE_MS);
    await connecting;
    await failure(one.callTool("s__crash"));
    // Now, without jitter.
    clock.advance(0);
    const calling = one.callTool("s__echo", { text: "back" });
    clock.advance(10);
    expect(textOf(await calling)).toBe("back");
    expect(askedOf(ledger)).toEqual({ starts: 2, probes: 1, offers: 2 });
  });

  test("a server that answers nothing at all: after the handshake's time it is ended", async () => {
    const ledger = new Ledger();
    const clock = new TestClock();
    clock.holds = (delayMs) => delayMs === PATIENCE_MS || delayMs === 60_000;
    const one = poolOver(answering(ledger, {}), {
      clock,
      reconnect: { initialMs: 60_000, jitterMs: 0, maxMs: 60_000 },
    });
    const failing = refusedWith(one);
    await until(() => askedOf(ledger).probes === 1, "the probe to arrive");
    clock.release();
    const error = await failing;
    expect(error).toBeInstanceOf(McpTimeoutError);
    expect(error).toMatchObject({ limit: "handshake", timeoutMs: 60_000 });
    expect(error.message).toContain('"s"');
    for (const pid of ledger.pids()) await untilProcessGone(pid);
    expect(ledger.starts).toBe(1);
  });
});

describe("S7: a server that ends on what it does not know", () => {
  test("is started once more, and asked for a session at once; later ones too", async () => {
    const ledger = new Ledger();
    const one = poolOver(stateless(ledger, { era: "sessions", dieOnProbe: true }));
    expect(await connect(one)).toMatchObject({ state: "ready", era: "session" });
    expect(askedOf(ledger)).toEqual({ starts: 2, probes: 1, offers: 1 });
    const second = ledger.lines.slice(ledger.lines.lastIndexOf(`started ${ledger.pids()[1]}`));
    expect(second[1]).toBe("received initialize");
    for (let round = 1; round <= 3; round++) {
      await failure(one.callTool("s__crash"));
      expect(textOf(await one.callTool("s__echo", { text: "back" }))).toBe("back");
      expect(askedOf(ledger)).toEqual({ starts: 2 + round, probes: 1, offers: 1 + round });
    }
    expect(violationsOf(ledger)).toEqual([]);
  });

  test("one that ends on anything is given up after the crashes that are allowed", async () => {
    const ledger = new Ledger();
    const one = poolOver(scripted(ledger, { crashAtStart: true }));
    const error = await refusedWith(one);
    expect(error).toMatchObject({ code: "CONNECTION_LOST" });
    expect(error.message).toContain("fatal: told to crash");
    await until(() => statusOf(one).state === "failed", "the pool to give up");
    expect(ledger.starts).toBe(5);
    expect(statusOf(one)).toMatchObject({ lastError: { code: "CONNECTION_FAILED" } });
  });

  test("L5 one that crashed by accident and has no sessions is not lost by it", async () => {
    const ledger = new Ledger();
    const one = poolOver(crashesOnce(ledger, { era: "stateless" }));
    // It is known for what it is: nothing has to be taken for granted.
    expect(await connect(one)).toMatchObject({
      era: "stateless",
      protocolVersion: M,
      serverInfo: { name: "stateless-stdio" },
      capabilities: { tools: { listChanged: true } },
    });
    expect(textOf(await one.callTool("s__echo", { text: "hi" }))).toBe("hi");
    expect(askedOf(ledger)).toEqual({ starts: 2, probes: 1, offers: 1 });
    // Its next process is none that ends on the probe.
    await failure(one.callTool("s__crash"));
    expect(textOf(await one.callTool("s__echo", { text: "back" }))).toBe("back");
    expect(askedOf(ledger)).toEqual({ starts: 3, probes: 2, offers: 1 });
    expect(violationsOf(ledger)).toEqual([]);
  });

  test("one that refuses initialize too: that is what its owner is told", async () => {
    const ledger = new Ledger();
    const one = poolOver(
      answering(ledger, { "server/discover": [{ exit: 7 }], initialize: [refused(-32603)] }),
    );
    const error = await refusedWith(one);
    expect(error).toMatchObject({ code: "RESPONSE_ERROR", rpcCode: -32603, method: "initialize" });
    expect(statusOf(one)).toMatchObject({ state: "failed" });
    // It does not say why: it may be the revision, so two older ones were offered.
    expect(askedOf(ledger)).toEqual({ starts: 2, probes: 1, offers: 3 });
  });

  test("one that has no sessions, and ends on every probe, is given up as one that crashes", async () => {
    const ledger = new Ledger();
    const one = poolOver(
      answering(ledger, { "server/discover": [{ exit: 7 }], initialize: [refused(-32022, [M])] }),
    );
    const error = await refusedWith(one);
    expect(error).toBeInstanceOf(McpConnectionError);
    expect(error).toMatchObject({ code: "CONNECTION_LOST", server: "s" });
    await until(() => statusOf(one).state === "failed", "the pool to give up");
    expect(statusOf(one)).toMatchObject({ lastError: { code: "CONNECTION_FAILED" } });
    expect(ledger.starts).toBeLessThanOrEqual(10);
  });

  test("one that crashed by accident and has both eras is served in one of them", async () => {
    const ledger = new Ledger();
    const one = poolOver(crashesOnce(ledger, { era: "both" }));
    expect(await connect(one)).toMatchObject({ state: "ready" });
    expect(textOf(await one.callTool("s__echo", { text: "hi" }))).toBe("hi");
    expect(ledger.starts).toBe(2);
    expect(violationsOf(ledger)).toEqual([]);
  });
});
