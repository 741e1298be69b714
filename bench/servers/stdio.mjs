// A raw stdio server of both eras: one write for all that a chunk of input asked. Ends with its input.

import { acknowledgement, isStateless, opensStream, responseTo, resultOf } from "./tool.mjs";

let carry = "";
process.stdin.setEncoding("utf8");
process.stdin.on("data", (chunk) => {
  const lines = (carry + chunk).split("\n");
  carry = lines.pop();
  let output = "";
  for (const line of lines) {
    const message = JSON.parse(line);
    if (message.id === undefined || message.method === undefined) continue;
    output += `${answer(message)}\n`;
  }
  if (output !== "") process.stdout.write(output);
});
process.stdin.on("end", () => process.exit());

function answer(message) {
  if (opensStream(message) && isStateless(message)) return acknowledgement(message);
  return responseTo(message, resultOf(message));
}
