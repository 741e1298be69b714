import { describe, expect, test } from "vitest";
import { ManualClock } from "../support/manual-clock.ts";
import { until } from "../support/processes.ts";
import {
  answering,
  askedOf,
  connect,
  PATIENCE_MS,
  poolOver,
  signalFile,
  stateless,
  statusOf,
  untilPatient,
  violationsOf,
} from "./negotiation-children.ts";
import { failure, Ledger, textOf } from "./stdio-harness.ts";

const M = "2026-07-28";
const LATEST = "2025-11-25";

const initialized = {
  result: {
    protocolVersion: LATEST,
    capabilities: { tools: {} },
    serverInfo: { name: "answering", version: "1" },
  },
};
const discovered = { result: { supportedVersions: [M], capabilities: { tools: {} } } };
const noTools = { result: { tools: [] } };
const refused = (code: number, supported?: string[]): object => ({
  error: { code, message: "no", ...(supported === undefined ? {} : { data: { supported } }) },
});

describe("fault 49: a slow start", () => {
  const eras = [
    ["stateless", { era: "stateless", protocolVersion: M }],
    ["both", { era: "session", protocolVersion: LATEST }],
    ["sessions", { era: "session", protocolVersion: LATEST }],
  ] as const;
  const cases = [20_000, 30_000].flatMap((delayMs) =>
    eras.map(([era, expected]) => [delayMs / 1_000, era, delayMs, expected] as const),
  );

  test.each(cases)(
    "of %i s, %s: it connects, and was spawned once",
    async (_seconds, era, delayMs, expected) => {
      const ledger = new Ledger();
      const clock = new ManualClock();
      const start = signalFile();
      const one = poolOver(stateless(ledger, { era, startFile: start.file }), { clock });
      const connecting = connect(one);
      await untilPatient(clock);
      await until(() => ledger.starts === 1, "the process to run");
      await clock.run(delayMs);
      expect(statusOf(one).state).toBe("connecting");
      start.make();
      expect(await connecting).toMatchObject(expected);
      expect(textOf(await one.callTool("s__echo", { key: "call", text: "hi" }))).toBe("hi");
      expect(ledger.count("call")).toBe(1);
      // Both questions were waiting for it.
      expect(askedOf(ledger)).toEqual({ starts: 1, probes: 1, offers: 1 });
      expect(violationsOf(ledger)).toEqual([]);
    },
  );

  test.each(["stateless", "both"])(
    "within the patience, %s: nothing but the probe",
    async (era) => {
      const ledger = new Ledger();
      const clock = new ManualClock();
      const start = signalFile();
      const one = poolOver(stateless(ledger, { era, startFile: start.file }), { clock });
      const connecting = connect(one);
      await untilPatient(clock);
      await clock.run(PATIENCE_MS - 1);
      start.make();
      expect(await connecting).toMatchObject({ era: "stateless", protocolVersion: M });
      expect(askedOf(ledger)).toEqual({ starts: 1, probes: 1, offers: 0 });
    },
  );

  test("2.7 a server of both eras that was pushed into a session is not asked for one again", async () => {
    const ledger = new Ledger();
    const clock = new ManualClock();
    const start = signalFile();
    const one = poolOver(stateless(ledger, { era: "both", startFile: start.file }), { clock });
    const connecting = connect(one);
    await untilPatient(clock);
    await clock.run(20_000);
    start.make();
    expect(await connecting).toMatchObject({ era: "session" });
    await failure(one.callTool("s__crash"));
    const calling = one.callTool("s__echo", { text: "back" });
    clock.advance(10);
    expect(textOf(await calling)).toBe("back");
    expect(statusOf(one)).toMatchObject({ era: "stateless", protocolVersion: M });
    expect(askedOf(ledger)).toEqual({ starts: 2, probes: 2, offers: 1 });
  });

  test("initialize is refused before the probe is answered: the probe is still heard", async () => {
    const ledger = new Ledger();
    const clock = new ManualClock();
    const one = poolOver(stateless(ledger, { lateProbe: true }), { clock });
    const connecting = connect(one);
    await untilPatient(clock);
    clock.advance(PATIENCE_MS);
    expect(await connecting).toMatchObject({ era: "stateless", protocolVersion: M });
    expect(askedOf(ledger)).toEqual({ starts: 1, probes: 1, offers: 1 });
    expect(violationsOf(ledger)).toEqual([]);
  });

  test("initialize is never answered, the probe is: in the end that counts", async () => {
    const ledger = new Ledger();
    const clock = new ManualClock();
    const one = poolOver(
      answering(ledger, {
        "server/discover": [{ ...discovered, after: "initialize" }],
        initialize: [{}],
        "tools/list": [noTools],
      }),
      { clock },
    );
    const connecting = connect(one);
    await untilPatient(clock);
    clock.advance(PATIENCE_MS);
    await until(() => clock.dueIn.includes(2_000), "the last word to be waited for");
    clock.advance(2_000);
    expect(await connecting).toMatchObject({ era: "stateless", protocolVersion: M });
    expect(askedOf(ledger)).toEqual({ starts: 1, probes: 1, offers: 1 });
  });
});

describe("S6: an answer to the probe that comes after the session began", () => {
  const late: [string, object][] = [
    ["a DiscoverResult", discovered],
    ["-32022 that lists our version", refused(-32022, [M])],
    ["-32022 that lists a newer one", refused(-32022, ["2027-01-01"])],
    ["-32021", refused(-32021)],
    ["-32601", refused(-32601)],
    ["an empty result", { result: {} }],
  ];

  test.each(late)("%s changes nothing, and nothing follows from it", async (_, answer) => {
    const ledger = new Ledger();
    const clock = new ManualClock();
    const one = poolOver(
      answering(ledger, {
        "server/discover": [{ ...answer, after: "tools/list" }],
        initialize: [initialized],
        "tools/list": [{ result: { tools: [{ name: "t", inputSchema: { type: "object" } }] } }],
        "tools/call": [{ result: { content: [{ type: "text", text: "hi" }] } }],
        ping: [{ result: {} }],
      }),
      { clock },
    );
    const connecting = connect(one);
    await untilPatient(clock);
    clock.advance(PATIENCE_MS);
    expect(await connecting).toMatchObject({ era: "session", protocolVersion: LATEST });
    // Its answer is behind the late one, which has therefore been read.
    await one.call("s", "ping");
    expect(textOf(await one.callTool("s__t"))).toBe("hi");
    expect(statusOf(one)).toMatchObject({ state: "ready", era: "session" });
    expect(askedOf(ledger)).toEqual({ starts: 1, probes: 1, offers: 1 });
  });

  test("and none at all: the session goes on when the probe's own time is over", async () => {
    const ledger = new Ledger();
    const clock = new ManualClock();
    const one = poolOver(stateless(ledger, { era: "sessions", silentOnProbe: true }), { clock });
    const connecting = connect(one);
    await untilPatient(clock);
    clock.advance(PATIENCE_MS);
    await connecting;
    await clock.run(120_000);
    expect(textOf(await one.callTool("s__echo", { text: "hi" }))).toBe("hi");
    expect(askedOf(ledger)).toEqual({ starts: 1, probes: 1, offers: 1 });
    expect(statusOf(one)).toMatchObject({ state: "ready", era: "session" });
    expect(violationsOf(ledger)).toEqual([]);
  });
});
