// A raw stdio server whose tool gives a large text. Its argument is the size of such a message, bytes. Ends with its
// input.

import { HEAD, restOf } from "./payload.mjs";
import { responseTo, resultOf } from "./tool.mjs";

const restOfLine = Buffer.concat([restOf(Number(process.argv[2])), Buffer.from("\n")]);

let carry = "";
process.stdin.setEncoding("utf8");
process.stdin.on("data", (chunk) => {
  const lines = (carry + chunk).split("\n");
  carry = lines.pop();
  for (const line of lines) {
    const message = JSON.parse(line);
    if (message.id === undefined || message.method === undefined) continue;
    process.stdout.write(lineFor(message));
  }
});
process.stdin.on("end", () => process.exit());

function lineFor(message) {
  const { id, method } = message;
  if (method !== "tools/call") return `${responseTo(message, resultOf(message))}\n`;
  return Buffer.concat([Buffer.from(`${HEAD}${JSON.stringify(id)}`), restOfLine]);
}
