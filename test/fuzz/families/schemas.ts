// Output schemas and forms of elicitation: random and hostile schemas, random values, over a real pool.
//
// No result is lost to its check, no question is left without an answer, and benign verdicts are those of ajv.

import { isDeepStrictEqual } from "node:util";
import { Ajv2020 } from "ajv/dist/2020.js";
import { createMemoryPair, McpClientPool, McpOutputError } from "mcp-client-pool";
import type { Family, Round } from "../family.ts";
import { hostilePair, randomSchema, randomValue } from "../random-schema.ts";

/** A server's checks of hostile schemas are over after this time, milliseconds; its calls have their results by then. */
const ROUND_MS = 60_000;

interface Trial {
  readonly name: string;
  readonly schema: unknown;
  readonly value: unknown;
  readonly isBenign: boolean;
}

let pool: McpClientPool;
let warned: Set<string>;

export const family: Family = {
  roundMs: ROUND_MS,
  open() {
    pool = new McpClientPool({
      onElicitation: () => ({ action: "accept", content: { a: "text" } }),
    });
    pool.on("warning", ({ message }) => {
      const tool = /"(s\d+__\w+)"/.exec(message)?.[1];
      if (tool !== undefined) warned.add(tool);
    });
    return Promise.resolve(() => pool.closeAll({ drainMs: 0 }));
  },
  round: play,
};

async function play(round: Round): Promise<void> {
  const { random, number, own } = round;
  warned = new Set();
  const isStrict = random.chance(0.5);
  const trials = own(() => trialsOf(round));
  const questions = own(() =>
    Array.from({ length: random.int(0, 60) }, () => {
      const schema = randomSchema(random, 3, random.chance(0.5));
      return random.chance(0.7) ? { type: "object", properties: { a: schema } } : schema;
    }),
  );
  const answered = new Set<string | number>();
  const { client, server } = createMemoryPair();
  server.onMessage((message) => {
    if (!("method" in message)) {
      if ("id" in message && message.id != null) answered.add(message.id);
      return;
    }
    if (!("id" in message)) return;
    const result = answerTo(
      message.method,
      message.params as { name?: string } | undefined,
      trials,
    );
    own(() => server.send({ jsonrpc: "2.0", id: message.id, result }));
  });
  const name = `s${number}`;
  await pool.addClient(name, {
    transport: client,
    protocol: "legacy",
    outputValidation: isStrict ? "error" : "warn",
  });
  for (const [index, requestedSchema] of questions.entries()) {
    const params = { message: "?", requestedSchema };
    own(() =>
      server.send({ jsonrpc: "2.0", id: `q${index}`, method: "elicitation/create", params }),
    );
  }
  await Promise.all(trials.map((trial) => call(round, name, trial, isStrict)));
  const endsAt = performance.now() + 5_000;
  while (answered.size < questions.length && performance.now() < endsAt) {
    await new Promise((resolve) => setImmediate(resolve));
  }
  if (answered.size < questions.length) {
    const open = questions.find((_, index) => !answered.has(`q${index}`));
    round.problem("lost answer", `no answer to an elicitation with ${short(open)}`);
  }
  round.tried(trials.length + questions.length);
  await pool.removeClient(name);
}

function answerTo(
  method: string,
  params: { name?: string } | undefined,
  trials: readonly Trial[],
): object {
  if (method === "initialize") {
    return {
      protocolVersion: "2025-11-25",
      capabilities: { tools: {} },
      serverInfo: { name: "random", version: "1" },
    };
  }
  if (method === "tools/call") {
    const trial = trials.find((one) => one.name === params?.name);
    return { content: [], structuredContent: trial?.value };
  }
  if (method !== "tools/list") return {};
  const tools = trials.map(({ name, schema }) => {
    return { name, inputSchema: { type: "object" }, outputSchema: schema };
  });
  return { tools };
}

function trialsOf({ random, number }: Round): Trial[] {
  const trials = Array.from({ length: random.int(20, 60) }, (_, index) => {
    const isBenign = random.chance(0.5);
    return {
      name: `t${index}`,
      schema: { ...(randomSchema(random, 3, !isBenign) as object) } as unknown,
      value: randomValue(random, 3),
      isBenign,
    };
  });
  // Each takes seconds of the thread: in some rounds only, so that the others go on quickly.
  if (number % 8 === 0) {
    const [schema, value] = hostilePair(random);
    trials.push({ name: "hostile", schema, value, isBenign: false });
  }
  return trials;
}

async function call(round: Round, server: string, trial: Trial, isStrict: boolean): Promise<void> {
  const { name, schema, value, isBenign } = trial;
  const tool = `${server}__${name}`;
  const pair = `${short(schema)} and ${short(value)}`;
  let given: object;
  let isRefused = false;
  try {
    given = await pool.callTool(tool);
    isRefused = warned.has(tool);
  } catch (error) {
    if (!(error instanceof McpOutputError) || !isStrict) {
      return round.problem("raw error", `${String(error)}, of ${pair}`);
    }
    given = error.result;
    isRefused = true;
  }
  const { structuredContent } = given as { structuredContent?: unknown };
  if (!isDeepStrictEqual(structuredContent, value)) round.problem("lost answer", `of ${pair}`);
  // Warnings that repeat are counted, and not all told of: their absence says nothing.
  if (!isBenign || (!isStrict && !isRefused)) return;
  const expected = round.own(() => secondOpinion(schema, value));
  if (expected === undefined) return;
  if (expected === isRefused) {
    round.problem("wrong answer", `${expected ? "refused" : "taken"}, but not by ajv: ${pair}`);
  }
}

/** `undefined`: ajv cannot tell. */
function secondOpinion(schema: unknown, value: unknown): boolean | undefined {
  const options = { strict: false, logger: false, ownProperties: true } as const;
  try {
    return new Ajv2020({ ...options, validateSchema: false, meta: false }).compile(
      schema as object,
    )(value);
  } catch {
    return undefined;
  }
}

function short(value: unknown): string {
  return (JSON.stringify(value) ?? "undefined").slice(0, 300);
}
