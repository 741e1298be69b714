// The search for a session among replicas: over which connections it is asked for, and what is learnt.

import { describe, expect, test } from "vitest";
import {
  confirmsLoss,
  isSameRefusal,
  SessionSearch,
} from "../../../src/connection/session-search.ts";
import type { SessionUse } from "../../../src/connection/session-search.ts";
import { McpAuthError, McpHttpError, McpResponseError } from "../../../src/core/errors.ts";
import type { McpError } from "../../../src/core/errors.ts";
import type { EraSession, PingAnswer, PingOptions } from "../../../src/eras/era.ts";
import { refusalOf } from "../../../src/eras/2025-11-25/refusal.ts";
import type { Route, Routes } from "../../../src/jsonrpc/transport.ts";
import { repairLog } from "../fakes.ts";
import { refused } from "./harness.ts";

const http = (status: number): McpHttpError => new McpHttpError("no", { status });
const alive: PingAnswer = { kind: "alive" };
const unknown: PingAnswer = { kind: "refused", error: http(404) };
const badGateway: PingAnswer = { kind: "refused", error: http(502) };

const FRESH: SessionUse = { answers: 0, connections: 1 };
const PROVEN: SessionUse = { answers: 16, connections: 4 };

type Ping = PingAnswer | McpError;

/** A session whose pings are answered one after the other by `script`, and by its last entry from then on. */
function scripted(script: readonly Ping[]): {
  session: EraSession;
  routes: Routes & { released: string[] };
  asked: (Route | undefined)[];
} {
  const asked: (Route | undefined)[] = [];
  const session = {
    era: "session",
    hasSessionId: true,
    refusalOf: (error: unknown) => refusalOf(error, true),
    ping({ route }: PingOptions): Promise<PingAnswer> {
      const answer = script[Math.min(asked.length, script.length - 1)] ?? alive;
      asked.push(route);
      return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
    },
  } as Partial<EraSession> as EraSession;
  const released: string[] = [];
  const routes = {
    released,
    begin: () => {},
    settled: async () => {},
    hasCookies: false,
    openedCount: 1,
    releaseRefused: (verdict: string) => void released.push(verdict),
  };
  return { session, routes, asked };
}

const options = { error: http(404), signal: new AbortController().signal, method: "ping" } as const;

async function search(
  script: readonly Ping[],
  use: SessionUse = FRESH,
  made = new SessionSearch(repairLog()),
) {
  const { session, routes, asked } = scripted(script);
  const { result } = await made.run(session, routes, use, options);
  const { routing } = { routing: made.routing(routes, use) };
  return { result, asked, routing, released: routes.released };
}

describe("what the pings say", () => {
  test("refused over eight connections: lost, and no connection is to blame", async () => {
    const { result, asked, routing, released } = await search([unknown]);
    expect(result).toBe("lost");
    expect(asked).toEqual(["refused", ...Array.from({ length: 7 }, () => "other")]);
    expect([routing, released]).toEqual(["unknown", ["keep"]]);
  });

  test("answered over all of them: the refusal was about the request", async () => {
    const { result, asked, released } = await search([alive]);
    expect([result, asked.length, released]).toEqual(["here", 8, ["keep"]]);
  });

  test("refused over the same connection, answered over another: each leads to one replica", async () => {
    const { result, asked, routing, released } = await search([unknown, unknown, alive, alive]);
    expect([result, asked.length]).toEqual(["elsewhere", 4]);
    expect([routing, released]).toEqual(["per-connection", ["drop"]]);
  });

  test("answered over the very connection that was refused, and refused elsewhere: each request is spread", async () => {
    const { result, routing, released } = await search([alive, unknown, alive]);
    expect([result, routing, released]).toEqual(["elsewhere", "per-request", ["keep"]]);
  });

  test("a session that was answered often, over many connections, is asked for once", async () => {
    const { result, asked, routing } = await search([unknown], PROVEN);
    expect([result, asked, routing]).toEqual(["lost", ["refused"], "single"]);
  });

  test("refused in other words: the same search, and pings that bear it out", async () => {
    const { session, routes, asked } = scripted([
      { kind: "refused", error: http(400) },
      alive,
      alive,
      alive,
    ]);
    const made = new SessionSearch(repairLog());
    const given = { ...options, error: http(400) };
    expect(await made.run(session, routes, FRESH, given)).toMatchObject({ result: "elsewhere" });
    expect(asked).toHaveLength(4);
  });

  test("refused in words that strangers do not use, and known over that connection: it is the request's own", async () => {
    const made = new SessionSearch(repairLog());
    const { session, routes } = scripted([alive, unknown, alive]);
    const given = { ...options, error: http(403) };
    expect(await made.run(session, routes, FRESH, given)).toMatchObject({ result: "here" });
    expect(made.hasReplicas).toBe(false);
  });

  test("an error in good order is asked about once; a session that is known everywhere as well", async () => {
    const own = new McpResponseError("no", { rpcCode: -32603, rpcMessage: "no" });
    const made = new SessionSearch(repairLog());
    const { session, routes, asked } = scripted([alive]);
    await made.run(session, routes, FRESH, { ...options, error: own });
    expect(asked).toHaveLength(1);
    await made.run(session, routes, FRESH, { ...options, error: http(400) });
    await made.run(session, routes, FRESH, { ...options, error: http(400) });
    expect(asked).toHaveLength(1 + 8 + 1);
    made.onSession();
    await made.run(session, routes, FRESH, { ...options, error: http(400) });
    expect(asked).toHaveLength(1 + 8 + 1 + 8);
  });

  test("a gateway, or a connection that fails, says nothing", async () => {
    expect((await search([badGateway, refused(), unknown])).result).toBe("lost");
    expect((await search([refused(), alive])).result).toBe("here");
    await expect(search([badGateway])).rejects.toMatchObject({ status: 502 });
    await expect(search([refused()])).rejects.toMatchObject({ code: "CONNECTION_FAILED" });
  });
});

describe("what is learnt", () => {
  test("replicas are named once, and stay known", async () => {
    const quirks = repairLog();
    const made = new SessionSearch(quirks);
    await search([unknown, alive], FRESH, made);
    expect([made.hasReplicas, made.isPerRequest(http(404))]).toEqual([true, false]);
    // A connection that refused and answers now: it is the request that decides.
    await search([alive, unknown], FRESH, made);
    expect(made.isPerRequest(http(404))).toBe(true);
    await search([unknown, alive], FRESH, made);
    expect(made.isPerRequest(http(404))).toBe(true);
    // These are not the words in which the replicas refuse a session.
    expect(made.isPerRequest(http(403))).toBe(false);
    expect(quirks.warnings).toHaveLength(1);
    expect(quirks.counts["replicas-without-affinity"]).toBe(3);
    // However often it was answered since: the replicas are there.
    expect((await search([unknown], PROVEN, made)).asked).toHaveLength(8);
  });

  test("a cookie of the balancer's is the routing, as long as nothing else was seen", async () => {
    const { routes } = scripted([]);
    const made = new SessionSearch(repairLog());
    expect(made.routing({ ...routes, hasCookies: true }, FRESH)).toBe("cookie");
    expect(made.routing(undefined, FRESH)).toBe("unknown");
  });

  test("strict: one ping, as the specification has one server in mind", async () => {
    const made = new SessionSearch(repairLog({ strict: true }));
    expect((await search([unknown], FRESH, made)).asked).toEqual(["refused"]);
  });
});

describe("whether a ping bears out that a session is lost", () => {
  const rpc = (rpcCode: number, status?: number): McpResponseError =>
    new McpResponseError("no", { rpcCode, rpcMessage: "no", status });
  const unauthorized = new McpAuthError("AUTH_REQUIRED", "no", { status: 401 });

  test.each<[string, McpError, PingAnswer, boolean]>([
    ["400, and the ping is answered", http(400), alive, false],
    ["400, and the ping as well", http(400), { kind: "refused", error: http(400) }, true],
    ["400, and 404 to the ping", http(400), { kind: "refused", error: http(404) }, true],
    ["401, and the ping as well", unauthorized, { kind: "refused", error: unauthorized }, true],
    ["400, and a gateway's 502 to the ping", http(400), badGateway, false],
    ["400, and 429 to the ping", http(400), { kind: "refused", error: http(429) }, false],
    ["400, and the server knows no ping", http(400), { kind: "odd", error: rpc(-32601) }, false],
    ["-32000 in good order, twice", rpc(-32000), { kind: "odd", error: rpc(-32000) }, true],
    ["-32000, and another error", rpc(-32000), { kind: "odd", error: rpc(-32603) }, false],
    [
      "-32000 with 400, in good order to the ping",
      rpc(-32000, 400),
      { kind: "odd", error: rpc(-32000) },
      false,
    ],
  ])("%s", (_name, refusal, answer, isConfirmed) => {
    expect(confirmsLoss(refusal, answer)).toBe(isConfirmed);
  });
});

describe("whether two refusals are in the same words", () => {
  const rpc = (rpcCode: number, status?: number, isUnattributed = false): McpError =>
    new McpResponseError("no", { rpcCode, rpcMessage: "no", status, isUnattributed });
  const unauthorized = new McpAuthError("AUTH_REQUIRED", "no", { status: 401 });

  test.each<[string, McpError, McpError, boolean]>([
    ["the same status", http(400), http(400), true],
    ["another status", http(403), http(404), false],
    ["401 twice", unauthorized, unauthorized, true],
    ["the same code", rpc(-32000, 400), rpc(-32000, 400), true],
    ["in good order, with the status or without", rpc(-32000), rpc(-32000, 200), true],
    ["another code", rpc(-32000, 400), rpc(-32603, 400), false],
    ["the one names the request", rpc(-32000, 400), rpc(-32000, 400, true), false],
    ["a tool's error, and a session that is not found", rpc(-32603), http(404), false],
  ])("%s", (_name, one, other, isSame) => {
    expect(isSameRefusal(one, other)).toBe(isSame);
  });
});
