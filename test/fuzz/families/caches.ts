// Cached answers of many users and tenants in one store that may do anything: nobody is given another's answer.

import { McpClientPool, McpError } from "../../../src/index.ts";
import type { CacheStore } from "../../../src/index.ts";
import type { Random } from "../../support/random.ts";
import type { Bench, Family, Round } from "../family.ts";
import type { CachesOrder, Stamp } from "./caches.server.ts";

const TENANTS = ["", "one", "two"];
const USERS = ["", "alice", "bob"];
const URIS = ["a://x", "a://x/", "a://x/y", "a://é", "constructor", `a://${"l".repeat(300)}`];

let url: string;

const ask = <T>({ servers }: Bench, order: CachesOrder): Promise<T> => servers.ask<T>(order);

/** A store that mixes things up at the rate of `oddity`, and is slow at another. */
function oddStore(random: Random): CacheStore {
  const entries = new Map<string, string>();
  const oddity = random.pick([0, 0, 0.05, 0.3]);
  const isLate = random.chance(0.3);
  const spoil = (value: string | undefined): unknown => {
    if (!random.chance(oddity)) return value;
    const others = [...entries.values()];
    const other = others.length === 0 ? undefined : random.pick(others);
    return random.pick<unknown>([
      other,
      value?.slice(0, random.int(0, value.length)),
      value?.replace('"began":', '"began":9'),
      value?.replaceAll("private", "public"),
      undefined,
      null,
      5,
      {},
      "null",
      "[]",
      '{"key":"__proto__"}',
    ]);
  };
  const given = (value: unknown): unknown => {
    if (random.chance(oddity / 4)) throw new Error("the store failed");
    if (random.chance(oddity / 4)) return Promise.reject(new Error("the store failed later"));
    return isLate ? new Promise((resolve) => setImmediate(() => resolve(value))) : value;
  };
  return {
    get: (key) => given(spoil(entries.get(key))) as string,
    set: (key, value) => {
      entries.set(random.chance(oddity / 2) ? key.slice(0, 20) : key, value);
      return given(undefined);
    },
    delete: (key) => (random.chance(oddity) ? false : given(entries.delete(key))),
  };
}

async function play(round: Round): Promise<void> {
  const { random, problem, tried } = round;
  const cacheStore = oddStore(random);
  const members = Array.from({ length: 6 }, () => {
    return {
      tenant: random.pick(TENANTS),
      user: random.pick(USERS),
      path: random.pick(["/a", "/b"]),
    };
  });
  const pools = members.map(({ tenant, user, path }) => {
    const headers = {
      ...(tenant === "" ? {} : { "x-tenant": tenant }),
      ...(user === "" ? {} : { authorization: user }),
    };
    const servers = {
      s: { url: url + path, headers, protocol: "2026-07-28" as const, listen: false },
    };
    return new McpClientPool({ cacheStore, servers });
  });
  await Promise.all(pools.map((pool) => pool.connect()));
  const steps = Array.from({ length: 60 }, () => {
    return { at: random.int(0, pools.length - 1), kind: random.int(0, 3), uri: random.pick(URIS) };
  });
  const check = (at: number, text: string | undefined, uri: string | undefined): void => {
    const member = members[at];
    const stamp = JSON.parse(text ?? "null") as Stamp | null;
    if (member === undefined || stamp === null) {
      return problem("wrong answer", `nothing for ${JSON.stringify(member)}`);
    }
    const isOwn = stamp.user === member.user || stamp.scope === '"public"';
    const isRight = stamp.tenant === member.tenant && (uri === undefined || stamp.uri === uri);
    if (isOwn && isRight) return;
    problem("foreign answer", `${JSON.stringify(member)} for ${uri} was given ${text}`);
  };
  const play1 = async ({ at, kind, uri }: (typeof steps)[number]): Promise<void> => {
    const pool = pools[at];
    if (pool === undefined) return;
    tried();
    try {
      if (kind === 0) check(at, (await pool.listTools("s"))[0]?.tool.description, undefined);
      else if (kind === 1)
        check(at, (await pool.listResources("s"))[0]?.resource.description, undefined);
      else {
        const { contents } = await pool.readResource("s", uri);
        check(at, (contents[0] as { text?: string } | undefined)?.text, uri);
      }
    } catch (error) {
      if (!(error instanceof McpError)) problem("raw error", String(error).slice(0, 300));
      else problem("lost answer", error.message.slice(0, 300));
    }
  };
  // Some at once, some one after the other.
  while (steps.length > 0) await Promise.all(steps.splice(0, random.int(1, 8)).map(play1));
  await Promise.all(pools.map((pool) => pool.closeAll({ drainMs: 0 })));
}

export const family: Family = {
  async open(bench) {
    url = await ask(bench, { kind: "start" });
    return () => ask(bench, { kind: "stop" });
  },
  round: play,
};
