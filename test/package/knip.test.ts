// Nothing is written that nobody uses: files, exports, dependencies. https://knip.dev

import { expect, test } from "vitest";
import { run } from "./run.ts";

test("no file, export or dependency is unused, and none is undeclared", async () => {
  const { code, output } = await run("knip", ["--no-progress", "--no-config-hints"]);
  expect(code, output).toBe(0);
});
