// The floor over stdio: a bare pipe, lines cut at LF, JSON.parse, answers matched by id, and nothing else.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { textOf, toolCall } from "./contender.ts";
import type { Client, Era, Target } from "./contender.ts";

/** More than are ever in flight. A Map in its place costs the floor a third of its speed, in garbage. */
const SLOTS = 1_024;

const LF = 0x0a;

export async function connectFloorStdio(
  target: Target & { kind: "stdio" },
  era: Era,
): Promise<Client> {
  const child = spawn(target.command, target.args, { stdio: ["pipe", "pipe", "inherit"] });
  const waiting: ((message: unknown) => void)[] = [];
  let nextId = 1;
  /** What came since the last LF. Bytes, joined once: a long line comes in many chunks. */
  let carry: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => {
    const end = chunk.lastIndexOf(LF);
    if (end === -1) {
      carry.push(chunk);
      return;
    }
    const whole = chunk.subarray(0, end);
    const text = (carry.length === 0 ? whole : Buffer.concat([...carry, whole])).toString("utf8");
    carry = end === chunk.length - 1 ? [] : [chunk.subarray(end + 1)];
    for (const line of text.split("\n")) {
      const message = JSON.parse(line) as { id: number };
      waiting[message.id % SLOTS]?.(message);
    }
  });
  return {
    async call() {
      const id = nextId++;
      const message = await new Promise<unknown>((resolve) => {
        waiting[id % SLOTS] = resolve;
        child.stdin.write(`${JSON.stringify(toolCall(id, era))}\n`);
      });
      return textOf((message as { result: unknown }).result);
    },
    async close() {
      const exited = once(child, "exit");
      child.stdin.end();
      await exited;
    },
  };
}
