// The pages that the odd server of the family `lists` writes: their text, from a plan and a seed.

import type { Random } from "../../support/random.ts";

/** What a list is made of. Plans are drawn by the family and carried out by its server. */
export interface ListPlan {
  readonly seed: number;
  readonly pages: number;
  readonly itemsPerPage: number;
  readonly items: keyof typeof ITEMS;
  readonly cursors: keyof typeof CURSORS;
  /** After each list the server says that its lists have changed. */
  readonly tellsAfterList: boolean;
}

const KEYS: { readonly [method: string]: string } = {
  "tools/list": "tools",
  "prompts/list": "prompts",
  "resources/list": "resources",
  "resources/templates/list": "resourceTemplates",
};

const SCHEMA = '{"type":"object"}';
const STRANGE = ["_", "__", "a", "\\u202e", "\\u0000", "é", "/", "*", " ", "constructor", "\\n"];

/** An item as JSON; `n` is its number on its page. */
export const ITEMS = {
  plain: (_random: Random, n: number) =>
    `{"name":"t${n}","uri":"a://${n}","uriTemplate":"a://${n}","inputSchema":${SCHEMA}}`,
  empty: () => "{}",
  odd: (random: Random) => random.pick(["null", "5", '"x"', "[]", "[[]]", '{"name":5}', "true"]),
  same: () => `{"name":"n","uri":"a://n","uriTemplate":"a://n","inputSchema":${SCHEMA}}`,
  strange: (random: Random) => {
    const name = Array.from({ length: random.int(0, 12) }, () => random.pick(STRANGE)).join("");
    return `{"name":"${name}","uri":"${name}","uriTemplate":"${name}","inputSchema":${SCHEMA}}`;
  },
  renamed: (random: Random) =>
    `{"name":"${random.int(0, 2 ** 31)} x","uri":"a://${random.int(0, 2 ** 31)}","uriTemplate":"x","inputSchema":${SCHEMA}}`,
  long: (random: Random) => {
    const name = random.pick(["_", "n", "é"]).repeat(random.int(100, 20_000));
    return `{"name":"${name}","uri":"a://${name}","uriTemplate":"${name}","inputSchema":${SCHEMA}}`;
  },
  large: (random: Random, n: number) =>
    `{"name":"t${n}","uri":"a://${n}","uriTemplate":"x","description":"${"d".repeat(random.int(1_000, 40_000))}","inputSchema":${SCHEMA}}`,
  deep: (random: Random, n: number) => {
    const depth = random.int(2, 480);
    return `{"name":"t${n}","inputSchema":${'{"properties":'.repeat(depth)}{}${"}".repeat(depth)}}`;
  },
  mirrored: (random: Random, n: number) => {
    const count = random.int(1, 120);
    const properties = Array.from(
      { length: count },
      (_, at) => `"p${at}":{"type":"string","x-mcp-header":"H${random.int(0, count)}"}`,
    );
    return `{"name":"t${n}","inputSchema":{"type":"object","properties":{${properties.join()}}}}`;
  },
} as const;

const CURSORS = {
  counting: (at: number) => `"${at + 1}"`,
  same: () => '"again"',
  circle: (at: number) => `"${(at + 1) % 3}"`,
  number: (at: number) => String(at + 1),
  empty: () => '""',
  odd: (_at: number, random: Random) => random.pick(["null", "{}", "[]", "true", "0", '"\\u0000"']),
  long: (at: number, random: Random) =>
    `"${at + 1}${"c".repeat(random.pick([1_000, 60_000, 200_000]))}"`,
} as const;

/** The rest of the answer: a result, or now and then an error. */
export function pageOf(
  plan: ListPlan,
  random: Random,
  method: string,
  cursor: string | number | undefined,
): string {
  const at = Number.parseInt(String(cursor ?? 0), 10) || 0;
  if (random.chance(0.02)) return '"error":{"code":-32602,"message":"no such cursor"}';
  const write = ITEMS[plan.items];
  const items = Array.from({ length: plan.itemsPerPage }, (_, n) => write(random, n));
  const hasNext = at + 1 < plan.pages;
  const next = hasNext ? `,"nextCursor":${CURSORS[plan.cursors](at, random)}` : "";
  return `"result":{"${KEYS[method] ?? "items"}":[${items.join()}]${next}}`;
}

/** How many items of a kind make a page of about a megabyte. */
const MOST_ITEMS: { readonly [kind in keyof typeof ITEMS]: number } = {
  plain: 8_000,
  empty: 200_000,
  odd: 100_000,
  same: 10_000,
  strange: 8_000,
  renamed: 8_000,
  long: 80,
  large: 40,
  deep: 200,
  mirrored: 150,
};

export function drawPlan(random: Random): ListPlan {
  const items = random.pick(Object.keys(ITEMS) as (keyof typeof ITEMS)[]);
  const most = MOST_ITEMS[items];
  return {
    seed: random.int(0, 2 ** 31),
    pages: random.pick([1, 1, 2, 5, 30, 1_000]),
    itemsPerPage: random.pick([0, 1, 3, Math.ceil(most / 50), Math.ceil(most / 5), most]),
    items,
    cursors: random.pick(Object.keys(CURSORS) as (keyof typeof CURSORS)[]),
    tellsAfterList: random.chance(0.2),
  };
}
