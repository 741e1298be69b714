// A raw stdio server: one write for all that a chunk of input asked. Ends with its input.

import { answer } from "./tool.mjs";

let carry = "";
process.stdin.setEncoding("utf8");
process.stdin.on("data", (chunk) => {
  const lines = (carry + chunk).split("\n");
  carry = lines.pop();
  let output = "";
  for (const line of lines) {
    const text = answer(JSON.parse(line));
    if (text !== undefined) output += `${text}\n`;
  }
  if (output !== "") process.stdout.write(output);
});
process.stdin.on("end", () => process.exit());
