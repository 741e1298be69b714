// Secrets in all places of a configuration, and servers that echo them in all places and encodings: none may show in
// anything that the pool says.

import { fileURLToPath } from "node:url";
import { McpClientPool } from "mcp-client-pool";
import { Exits } from "../../fault/canaries/exits.ts";
import type { Random } from "../../support/random.ts";
import type { Family, Round } from "../family.ts";
import { ENCODINGS, SHAPES } from "./secrets.server.ts";
import type { EchoOrder, Encoding } from "./secrets.server.ts";

const SERVERS_PER_ROUND = 12;
const CHILDREN_PER_ROUND = 2;

const CHILD = fileURLToPath(new URL("../../fault/canaries/echo-child.mjs", import.meta.url));
const FAST = {
  timeouts: { totalTimeoutMs: 1_000, handshakeMs: 2_000, closeStepMs: 300 },
  reconnect: { budgetMs: 50, crashLimit: 1 },
} as const;

const NAMED_HEADERS = ["Authorization", "X-Api-Key", "X-Access-Token", "Cookie", "X-Auth"];
const OTHER_HEADERS = ["X-Tenant", "X-Workspace", "X-Anything"];
const NAMED_VARIABLES = ["API_KEY", "GITHUB_TOKEN", "DB_PASSWORD", "CLIENT_SECRET", "SENTRY_DSN"];
const LETTERS = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789";
const SIGNS = "+/=&%\"'\\<>?#@:;,. ~!$*()[]{}|^`";

export const family: Family = {
  async round(round) {
    const { random } = round;
    const jobs: Promise<void>[] = [];
    for (let index = 0; index < SERVERS_PER_ROUND; index++) jobs.push(overHttp(round, index));
    for (let index = 0; index < CHILDREN_PER_ROUND; index++) jobs.push(overStdio(round, random));
    await Promise.all(jobs);
  },
};

async function overHttp(
  { random, number, servers, ...round }: Round,
  index: number,
): Promise<void> {
  const names = Object.keys(ENCODINGS) as Encoding[];
  const order: EchoOrder = {
    key: `r${number}-${index}`,
    encodings: names.filter(() => random.chance(0.3)),
    from: random.int(0, 4),
    shape: random.pick(SHAPES),
  };
  const secrets = new Map<string, string>();
  const secret = (place: string, signs: string): string => {
    const value = secretOf(random, signs);
    secrets.set(place, value);
    return value;
  };
  const named = random.pick(NAMED_HEADERS);
  const value = secret(named, SIGNS);
  const headers = {
    [named]:
      named === "Authorization" ? `Bearer ${value}` : named === "Cookie" ? `sid=${value}` : value,
    [random.pick(OTHER_HEADERS)]: secret("other header", ""),
    "X-Basic": `Basic ${Buffer.from(`user:${secret("basic", SIGNS)}`).toString("base64")}`,
  };
  const query = new URLSearchParams({
    mode: "read-only",
    [random.pick(["token", "api_key", "sig"])]: secret("query", SIGNS),
    [random.pick(["q", "tenant"])]: secret("other query", ""),
  });
  const path = secret("path", "");
  const port = await servers.ask<number>(order);
  const url = `http://127.0.0.1:${port}/${order.key}/${path}/mcp?${String(query)}`;
  const about = `${order.shape} from request ${order.from} on, in ${order.encodings.join(", ")}`;
  await use({ ...round, random, number, servers }, { url, headers }, secrets, about);
}

async function overStdio(round: Round, random: Random): Promise<void> {
  const secrets = new Map([
    ["variable", secretOf(random, SIGNS)],
    ["json", secretOf(random, SIGNS)],
    ["url", secretOf(random, SIGNS)],
    ["argument", secretOf(random, SIGNS)],
    ["other", secretOf(random, "")],
  ]);
  const get = (place: string): string => secrets.get(place) ?? "";
  const where = random.pick(["stderr", "stderr-encoded", "stdout", "refuse", "answers"]);
  const server = {
    command: process.execPath,
    args: [CHILD, where, "--token", get("argument")],
    env: {
      [random.pick(NAMED_VARIABLES)]: get("variable"),
      SETTINGS: JSON.stringify({ mode: "production", auth: { password: get("json") } }),
      SERVICE: `https://me:${encodeURIComponent(get("url"))}@service.test/x`,
      OTHER: get("other"),
    },
  };
  await use(round, server, secrets, `a child that echoes to ${where}`);
}

async function use(
  { tried, problem, own }: Round,
  config: object,
  secrets: ReadonlyMap<string, string>,
  about: string,
): Promise<void> {
  const exits = new Exits();
  const fail = (error: unknown): void => own(() => exits.add(error));
  await using pool = new McpClientPool({ servers: { s: config as never }, ...FAST });
  exits.listen(pool);
  const steps = [
    () => pool.connect(),
    () => pool.callTool("s__echo", {}),
    () => pool.callTool("s__fail", {}),
    () => pool.readResource("s", "file:///x"),
    () => pool.listResources("s"),
    () => pool.callTool("s__die", {}),
  ];
  for (const step of steps) {
    tried();
    // What a call gives is the server's answer, and passes as it came.
    await step().then((report) => {
      if (step === steps[0]) fail(report);
    }, fail);
  }
  own(() => {
    exits.add(pool.status());
    for (const [place, secret] of secrets) {
      const [shown] = exits.shown([secret]);
      if (shown !== undefined) problem("secret shown", `${place}, ${about}: ${shown}`);
    }
  });
}

/** So mixed that it is known by its looks, where no name says that it is a secret. */
function secretOf(random: Random, signs: string): string {
  const length = random.int(16, 48);
  let text = "";
  for (let at = 0; at < length; at++) {
    const isSign = signs !== "" && at > 0 && at < length - 1 && random.chance(0.15);
    text += isSign
      ? random.pick(Array.from(signs))
      : at % 3 === 2
        ? random.int(2, 9)
        : random.pick(Array.from(LETTERS));
  }
  return text;
}
