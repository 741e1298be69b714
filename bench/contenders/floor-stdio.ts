// The floor over stdio: a bare pipe, lines cut at LF, JSON.parse, answers matched by id, and nothing else.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { textOf, toolCall } from "./contender.ts";
import type { Client, Era, Target } from "./contender.ts";

/** More than are ever in flight. A Map in its place costs the floor a third of its speed, in garbage. */
const SLOTS = 1_024;

export async function connectFloorStdio(
  target: Target & { kind: "stdio" },
  era: Era,
): Promise<Client> {
  const child = spawn(target.command, target.args, { stdio: ["pipe", "pipe", "inherit"] });
  const waiting: ((message: unknown) => void)[] = [];
  let nextId = 1;
  let carry = "";
  child.stdout.setEncoding("utf8");
  child.stdout.on("data", (chunk: string) => {
    const lines = (carry + chunk).split("\n");
    carry = lines.pop() ?? "";
    for (const line of lines) {
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
