// Replicas of a server with sessions in their memory, behind balancers that know nothing of sessions.

import { pause } from "../../fault/suite/stage.ts";
import { behaviour } from "../behaviour.ts";
import type { Behaviour } from "../behaviour.ts";
import { onStranger, text } from "../servers/answers.ts";
import { balancer, replicasOf } from "../servers/balancer.ts";
import type { BalancerOptions, Passing } from "../servers/balancer.ts";
import type { Trial } from "../trial.ts";

const CALLS = 40;
const IN_FLIGHT = 4;

/** The same numbers in every run. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return state / 2_147_483_648;
  };
}

function cookieOf({ req }: Passing, name: string): string | undefined {
  const found = (req.headers.cookie ?? "").split(/; */).find((one) => one.startsWith(`${name}=`));
  return found?.slice(name.length + 1);
}

/** Connects, lists, and calls under a little load. */
async function busy(
  trial: Trial,
  count: number,
  options: (count: number) => Omit<BalancerOptions, "replicas">,
): Promise<void> {
  const replicas = await replicasOf(trial, count);
  await trial.everyday(await balancer(trial, { replicas, ...options(count) }));
  await trial.callsAtOnce("echo", CALLS, IN_FLIGHT);
}

type Choice = (count: number) => Omit<BalancerOptions, "replicas">;

const roundRobin: Choice = (count) => ({ choose: ({ turn }) => turn % count });
const perConnection: Choice = (count) => ({ choose: ({ connection }) => connection % count });
const random: Choice = (count) => {
  const next = randomOf(7);
  return { choose: () => Math.floor(next() * count) };
};
/** The hash is made so that the first session is looked for elsewhere than it is, and all later ones where they are. */
const bySession: Choice = (count) => {
  const sessions: string[] = [];
  let handshakes = 0;
  return {
    choose: ({ req, body, turn }) => {
      const session = req.headers["mcp-session-id"];
      if (session === undefined)
        return body.includes("initialize") ? handshakes++ % count : turn % count;
      if (!sessions.includes(String(session))) sessions.push(String(session));
      const at = sessions.indexOf(String(session));
      return at === 0 ? 1 % count : at % count;
    },
  };
};

/** Sticks by a cookie that comes with the first answer; without it requests go to each replica in turn. */
function sticking(name: string, more: string, isSentAlways: boolean): Choice {
  return (count) => ({
    choose: (passing) => {
      const chosen = cookieOf(passing, name);
      return chosen === undefined ? passing.turn % count : Number(chosen);
    },
    answerHeaders: (replica, passing) =>
      isSentAlways || cookieOf(passing, name) === undefined
        ? { "set-cookie": [`other=1; Path=/elsewhere`, `${name}=${replica}${more}`] }
        : {},
  });
}

const CHOICES: readonly (readonly [string, string, number, Choice, string?])[] = [
  ["round-robin-2", "has two replicas, and requests go to each in turn", 2, roundRobin],
  ["round-robin-3", "has three replicas, and requests go to each in turn", 3, roundRobin],
  ["random-2", "has two replicas, and each request goes to one at random", 2, random],
  ["random-3", "has three replicas, and each request goes to one at random", 3, random],
  ["connection-2", "has two replicas, and each connection goes to one of them", 2, perConnection],
  ["connection-3", "has three replicas, and each connection goes to one of them", 3, perConnection],
  [
    "hash",
    "has three replicas, chosen by a hash of the session's id that misses the first session",
    3,
    bySession,
  ],
  [
    "cookie",
    "has two replicas, and sticks by a cookie",
    2,
    sticking("AWSALB", "; Path=/", true),
    "https://github.com/punkpeye/mcp-remote/issues/168",
  ],
  [
    "cookie-once",
    "has three replicas, and sticks by a cookie that it sends once, for an hour",
    3,
    sticking("SRV", "; Path=/mcp; Max-Age=3600; HttpOnly; SameSite=Lax", false),
  ],
];

/** A replica that runs a call and loses its connection; the proxy gives the call to the other one. */
async function repeats(trial: Trial, lostAfterMs: number): Promise<void> {
  const replicas = await replicasOf(trial, 2);
  const [first] = replicas;
  let isLosing = false;
  if (first?.options.tools !== undefined) {
    first.options.tools["echo"] = {
      ...first.options.tools["echo"],
      async handler(args, { req }) {
        if (isLosing) {
          await pause(lostAfterMs);
          req.socket.destroy();
        }
        return args;
      },
    };
  }
  const front = await balancer(trial, { replicas, choose: () => 0, repeatAt: () => 1 });
  await trial.everyday(front);
  isLosing = true;
  await trial.calls("echo", 3, { expects: "any" });
  isLosing = false;
  await trial.calls("echo", 2);
}

export const balancers: readonly Behaviour[] = [
  ...CHOICES.map(([id, title, count, choice, source]) =>
    behaviour(`replicas-${id}`, title, source, (trial) => busy(trial, count, choice)),
  ),
  behaviour(
    "replicas-other-words",
    "has two replicas in turn, which refuse each other's sessions with 400",
    undefined,
    async (trial) => {
      const refuse = text(400, "Bad Request: No valid session ID provided");
      const replicas = await replicasOf(trial, 2);
      for (const { options } of replicas) {
        options.onRequest = onStranger(refuse);
      }
      await trial.everyday(await balancer(trial, { replicas, ...roundRobin(2) }));
      await trial.callsAtOnce("echo", CALLS, IN_FLIGHT);
    },
  ),
  behaviour(
    "replicas-one-goes",
    "has two replicas and sticks by a cookie; one of them is taken away",
    undefined,
    async (trial) => {
      const replicas = await replicasOf(trial, 2);
      let gone: number | undefined;
      let held = 0;
      const { choose, answerHeaders } = sticking("SRV", "; Path=/", true)(2);
      const front = await balancer(trial, {
        replicas,
        choose(passing) {
          const chosen = choose(passing);
          held = chosen === gone ? 1 - chosen : chosen;
          return held;
        },
        ...(answerHeaders === undefined ? {} : { answerHeaders }),
      });
      await trial.everyday(front);
      gone = held;
      await trial.calls("echo", 4);
    },
  ),
  behaviour(
    "proxy-repeats-late",
    "runs a call and is lost after a second; a proxy repeats the call at the other replica",
    undefined,
    (trial) => repeats(trial, 1_000),
  ),
];
