import { expect, test, vi } from "vitest";
import { untilGroupGone } from "../../../support/processes.ts";
import { StderrTail } from "../../../../src/transport/stdio/stderr-tail.ts";
import { inline, scripted } from "./harness.ts";

test("6.5, fault 39: an exit in mid-call tells the code and the last lines of stderr, once", async () => {
  const harness = scripted();
  await harness.start();
  harness.send({ jsonrpc: "2.0", id: 1, method: "tools/call", params: { name: "crash" } });
  const error = await harness.lost();
  expect(error).toMatchObject({
    code: "CONNECTION_LOST",
    server: "s",
    retryable: true,
    sent: "unknown",
  });
  expect(error.message).toContain("exited with code 7");
  expect(error.message).toContain("about to crash | fatal: told to crash");
  await harness.transport.close();
  expect(harness.closed).toHaveLength(1);
});

test("fault 39: a death by signal is told, and at most five lines, cleaned", async () => {
  const harness = inline(
    "for (let i = 0; i < 9; i++) console.error('line ' + i + '\\x1b[31m'); process.stderr.write('', () => process.kill(process.pid, 'SIGKILL'))",
  );
  await harness.start();
  const { message } = await harness.lost();
  expect(message).toContain("was ended by SIGKILL");
  expect(message).toContain("line 4\\u{1b}[31m | line 5");
  expect(message).not.toContain("line 3");
});

test("6.5: what was written before the exit is delivered before the loss, a last line without end too", async () => {
  const harness = inline(
    `const line = (id) => JSON.stringify({ jsonrpc: "2.0", id, result: { text: "x".repeat(20000) } });
     const ids = Array.from({ length: 50 }, (_, id) => id);
     process.stdout.write(ids.map(line).join("\\n"), () => process.exit(0));`,
  );
  await harness.start();
  const error = await harness.lost();
  expect(error.message).toContain("exited with code 0");
  expect(harness.messages.flat().map((m) => "id" in m && m.id)).toEqual(
    Array.from({ length: 50 }, (_, id) => id),
  );
});

test("6.5: stdout ended but the process lives: lost, and the process is ended", async () => {
  const harness = inline(
    "process.on('SIGTERM', () => {}); require('fs').closeSync(1); setInterval(() => {}, 1e3)",
  );
  await harness.start();
  expect(await harness.lost()).toMatchObject({ code: "CONNECTION_LOST" });
  await harness.transport.close();
  expect(harness.members()).toEqual([]);
});

test("fault 48: EPIPE on write is a loss and no crash", async () => {
  const harness = inline(
    "require('fs').closeSync(0); setInterval(() => {}, 1e3); console.log(JSON.stringify({ jsonrpc: '2.0', method: 'ready' }))",
  );
  await harness.start();
  await harness.until(() => harness.messages.length > 0);
  harness.send({ jsonrpc: "2.0", id: 1, method: "ping" });
  expect(await harness.lost()).toMatchObject({ code: "CONNECTION_LOST", sent: "unknown" });
  await harness.transport.close();
  expect(harness.members()).toEqual([]);
});

test("fault 48: sending to a process that was killed", async () => {
  const harness = scripted();
  await harness.start();
  await harness.request(1, "ping");
  process.kill(harness.group, "SIGKILL");
  for (let id = 2; id < 50; id++) {
    harness.send({ jsonrpc: "2.0", id, method: "ping", params: { text: "x".repeat(10_000) } });
  }
  expect((await harness.lost()).message).toContain("SIGKILL");
});

test("a message after the end fails as unsent, after send has returned", async () => {
  const harness = scripted({ crashAtStart: true });
  await harness.start();
  await harness.lost();
  const onWritten = vi.fn();
  let returned = false;
  const error = await new Promise((resolve) => {
    harness.send(
      { jsonrpc: "2.0", id: 1, method: "ping" },
      { onWritten, onFailed: (e) => resolve([e, returned]) },
    );
    returned = true;
  });
  expect(error).toEqual([
    expect.objectContaining({ code: "CONNECTION_FAILED", sent: "no", retryable: true }),
    true,
  ]);
  expect(onWritten).not.toHaveBeenCalled();
});

test("6.3, fault 43: stderr is drained, kept within its limit, and passed on", async () => {
  let text = "";
  let onFlood = (): void => {};
  const flood = new Promise<void>((resolve) => (onFlood = resolve));
  const harness = scripted(
    { stderrFlood: 5_000_000 },
    {
      onStderr(chunk) {
        text += chunk;
        if (text.endsWith("flood over\n")) onFlood();
      },
      limits: { messageBytes: 1e6, stderrBytes: 1000 },
    },
  );
  await harness.start();
  await Promise.all([harness.request(1, "ping"), flood]);
  await harness.transport.close();
  expect(text).toHaveLength(5_000_000 + "\nflood over\n".length);
  expect(harness.transport.stderrTail()).toHaveLength(1000);
  expect(harness.transport.stderrTail()).toMatch(/^e+\nflood over\n$/);
});

test("6.3: the tail begins with a whole character and holds the last bytes of any writing", () => {
  const tail = new StderrTail(10);
  expect(tail.text()).toBe("");
  for (const piece of ["abc", "défg", "", "🎉hij"]) tail.push(Buffer.from(piece));
  expect(tail.text()).toBe("fg🎉hij".slice(-8));
  tail.push(Buffer.from("x".repeat(25)));
  expect(tail.text()).toBe("x".repeat(10));
  tail.push(Buffer.from("0123456789"));
  expect(tail.text()).toBe("0123456789");
  tail.push(Buffer.from("é123456789"));
  expect(tail.text()).toBe("123456789");
  const none = new StderrTail(0);
  none.push(Buffer.from("x"));
  expect(none.text()).toBe("");
});

test("an unexpected exit takes the rest of the group with it", async () => {
  const harness = scripted({ spawnChild: "stubborn" });
  await harness.start();
  await harness.request(1, "ping");
  expect(harness.members()).toHaveLength(2);
  harness.send({ jsonrpc: "2.0", id: 2, method: "tools/call", params: { name: "crash" } });
  // The grandchild holds our stdout open: the loss is reported all the same.
  await harness.lost();
  await untilGroupGone(harness.group);
});
