import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, onTestFinished, test } from "vitest";
import type { Harness } from "./harness.ts";
import { Harness as Fresh, scripted, SERVER } from "./harness.ts";

async function ready(harness: Harness): Promise<Harness> {
  await harness.start();
  await harness.request(1, "ping");
  return harness;
}

function shell(command: string, script: object = {}): Fresh {
  return new Fresh({
    command: "sh",
    args: ["-c", command, "sh", process.execPath, SERVER, JSON.stringify(script)],
  });
}

test("6.4: a well-behaved server leaves by itself when its input ends", async () => {
  const harness = await ready(scripted({}, { timeouts: { closeStepMs: 20_000 } }));
  await Promise.all([harness.transport.close(), harness.transport.close()]);
  expect(harness.members()).toEqual([]);
  expect(harness.closed.map((error) => error.code)).toEqual(["CLOSED"]);
  await harness.transport.close();
});

test("what was sent in the turn of the close arrives before the end of the input", async () => {
  const folder = mkdtempSync(path.join(tmpdir(), "stdio-close-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = path.join(folder, "input");
  const harness = new Fresh({ command: "sh", args: ["-c", 'cat > "$1"', "sh", file] });
  await harness.start();
  for (const n of [1, 2, 3]) harness.send({ jsonrpc: "2.0", method: "m", params: { n } });
  await harness.transport.close();
  const lines = readFileSync(file, "utf8").trimEnd().split("\n");
  expect(lines.map((line) => (JSON.parse(line) as { params: object }).params)).toEqual([
    { n: 1 },
    { n: 2 },
    { n: 3 },
  ]);
});

test.each([
  ["ignores EOF", () => scripted({ ignoreEof: true })],
  ["ignores EOF and SIGTERM", () => scripted({ ignoreEof: true, ignoreSigterm: true })],
  ["with a child of its own", () => scripted({ spawnChild: true })],
  ["with a child that ignores SIGTERM", () => scripted({ spawnChild: "stubborn" })],
  [
    "ignores all, as does its child",
    () => scripted({ ignoreEof: true, ignoreSigterm: true, spawnChild: "stubborn" }),
  ],
  ["behind sh -c", () => shell('"$@"; true')],
  [
    "behind sh -c, ignores all",
    () => shell('"$@"; true', { ignoreEof: true, ignoreSigterm: true }),
  ],
  ["behind sh -c with a sibling in the background", () => shell('sleep 1000 & exec "$@"')],
  [
    "behind sh -c, sibling ignores SIGTERM",
    () => shell(`sh -c 'trap "" TERM; sleep 1000; sleep 1000' & "$@"; true`, { ignoreEof: true }),
  ],
])("6.4, fault 41: %s: nothing is left alive", async (_, make) => {
  const harness = await ready(make());
  expect(harness.members().length).toBeGreaterThan(0);
  await harness.transport.close();
  expect(harness.members()).toEqual([]);
  expect(harness.closed.map((error) => error.code)).toEqual(["CLOSED"]);
});

test("close before the start, and twice", async () => {
  const harness = scripted();
  await harness.transport.close();
  await harness.transport.close();
  expect(harness.transport.pid).toBeUndefined();
  expect(harness.closed).toEqual([]);
});

test("close from within a message ends the delivery", async () => {
  const harness = scripted({ noise: "noise" });
  const seen: unknown[] = [];
  await new Promise<void>((resolve, reject) => {
    harness.transport
      .start(
        {
          onMessage: (message) => seen.push(message),
          onInvalid: () => void harness.transport.close().then(resolve),
          onClose: (reason) => seen.push(reason.code),
        },
        new AbortController().signal,
      )
      .then(() => harness.send({ jsonrpc: "2.0", id: 1, method: "ping" }), reject);
  });
  expect(seen).toEqual(["CLOSED"]);
});

test("after close no pipe or process handle is left", async () => {
  const count = (): number =>
    process.getActiveResourcesInfo().filter((name) => /Pipe|Process|Timeout/.test(name)).length;
  const before = count();
  const harness = await ready(scripted({ spawnChild: "stubborn" }));
  await harness.transport.close();
  expect(count()).toBeLessThanOrEqual(before);
});
