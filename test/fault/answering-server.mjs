// A stdio server that answers as it is told, in any order, and nothing else.
//
// JSON in argv[2]:
//   counterFile  one line is appended per spawn, `started <pid>`, and per message, `received <method>`
//   answers      by method, one for each request; the last holds for all that follow. `{ result }`, `{ error }`, or `{}`:
//                never. `{ exit }`: the process ends with that code. `after`: not before a message of that method has
//                come, right behind its own answer.
import { appendFileSync } from "node:fs";

const { counterFile, answers = {} } = JSON.parse(process.argv[2]);
const counts = new Map();
const held = [];

function write({ id }, { result, error, exit }) {
  if (exit !== undefined) process.exit(exit);
  if (result === undefined && error === undefined) return;
  process.stdout.write(`${JSON.stringify({ jsonrpc: "2.0", id, result, error })}\n`);
}

function receive(message) {
  const { id, method } = message;
  appendFileSync(counterFile, `received ${method}\n`);
  const list = answers[method] ?? [];
  const count = counts.get(method) ?? 0;
  counts.set(method, count + 1);
  const answer = list[Math.min(count, list.length - 1)];
  if (id !== undefined && answer !== undefined) {
    if (answer.after === undefined) write(message, answer);
    else held.push({ message, answer });
  }
  for (const one of held.filter(({ answer: { after } }) => after === method)) {
    held.splice(held.indexOf(one), 1);
    write(one.message, one.answer);
  }
}

appendFileSync(counterFile, `started ${process.pid}\n`);
let pending = "";
process.stdin.setEncoding("utf8");
process.stdin.on("data", (chunk) => {
  const lines = (pending + chunk).split("\n");
  pending = lines.pop();
  for (const line of lines) receive(JSON.parse(line));
});
process.stdin.on("end", () => process.exit(0));
process.stdout.on("error", () => process.exit(1));
