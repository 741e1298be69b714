import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { expect, onTestFinished, test } from "vitest";
import { McpConnectionError } from "../../../../src/core/errors.ts";
import { childEnvironment } from "../../../../src/transport/stdio/environment.ts";
import { Harness, scripted } from "./harness.ts";

async function failure(harness: Harness): Promise<McpConnectionError> {
  const error: unknown = await harness.start().catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(McpConnectionError);
  expect(error).toMatchObject({
    code: "CONNECTION_FAILED",
    server: "s",
    retryable: false,
    sent: "no",
  });
  expect(harness.closed).toEqual([]);
  await harness.transport.close();
  return error as McpConnectionError;
}

function scratch(): string {
  const directory = mkdtempSync(join(tmpdir(), "mcp-pool-"));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  return directory;
}

test("fault 38: a command that does not exist fails the start and is named", async () => {
  const error = await failure(
    new Harness({
      command: "no-such-command-here",
      args: ["--key=SECRET"],
      env: { KEY: "SECRET" },
    }),
  );
  expect(error.message).toContain('"no-such-command-here"');
  expect(error.message).toContain("ENOENT");
  expect(inspect(error, { depth: 9 }) + JSON.stringify(error)).not.toContain("SECRET");
});

test("fault 38: a file that is not executable, and a directory", async () => {
  const directory = scratch();
  const file = join(directory, "server");
  writeFileSync(file, "text");
  for (const command of [file, directory]) {
    const error = await failure(new Harness({ command, env: { KEY: "SECRET" } }));
    expect(error.message).toContain(command);
    expect(error.message).toContain("EACCES");
    expect(inspect(error, { depth: 9 })).not.toContain("SECRET");
  }
});

test("fault 38: a bad working directory is named as the cause", async () => {
  const missing = join(scratch(), "missing");
  expect((await failure(new Harness({ cwd: missing }))).message).toContain(missing);
  const file = join(scratch(), "file");
  writeFileSync(file, "");
  expect((await failure(new Harness({ cwd: file }))).message).toContain(file);
});

test("fault 38: an argument that no system takes", async () => {
  await failure(new Harness({ args: ["a\0b"] }));
});

test("an abort before or during the start rejects with its reason and leaves nothing", async () => {
  const reason = new Error("changed my mind");
  await expect(scripted().start(AbortSignal.abort(reason))).rejects.toBe(reason);

  const controller = new AbortController();
  const harness = scripted({ ignoreEof: true });
  const started = harness.start(controller.signal);
  controller.abort(reason);
  await expect(started).rejects.toBe(reason);
  await harness.transport.close();
  expect(harness.members()).toEqual([]);
  expect(harness.closed).toEqual([]);
});

test("an abort while a command is not found is no unhandled error", async () => {
  const controller = new AbortController();
  const started = new Harness({ command: "no-such-command-here" }).start(controller.signal);
  controller.abort(new Error("stop"));
  await expect(started).rejects.toThrow("stop");
});

test("close during the start: the start fails, nothing is left", async () => {
  const harness = scripted();
  const started = harness.start();
  const closed = harness.transport.close();
  await expect(started).rejects.toMatchObject({ code: "CLOSED" });
  await closed;
  expect(harness.members()).toEqual([]);
  await expect(harness.start()).rejects.toMatchObject({ code: "CLOSED" });
});

test("6.13: no shell: arguments arrive literally", async () => {
  const harness = new Harness({
    args: [
      "-e",
      "console.error(process.argv.slice(1).join('\\n')); setInterval(() => {}, 1e3); process.stdin.on('end', () => process.exit()).resume()",
      "a;b",
      "$(id)",
      "& echo x",
      "`id`",
    ],
  });
  await harness.start();
  await harness.transport.close();
  expect(harness.transport.stderrTail()).toBe("a;b\n$(id)\n& echo x\n`id`\n");
});

test("6.13: the child sees the allow-list and the config, nothing else", async () => {
  process.env["MCP_POOL_CANARY"] = "SECRET";
  onTestFinished(() => void delete process.env["MCP_POOL_CANARY"]);
  const harness = scripted({ tools: ["env", "cwd"] }, { env: { MINE: "1" }, cwd: tmpdir() });
  await harness.start();
  const environment = JSON.parse(await harness.call(1, "env")) as Record<string, string>;
  expect(environment["MINE"]).toBe("1");
  expect(environment["PATH"]).toBe(process.env["PATH"]);
  const allowed = ["HOME", "LOGNAME", "PATH", "SHELL", "TERM", "USER", "MINE"];
  expect(Object.keys(environment).filter((name) => !allowed.includes(name))).toEqual([]);
  expect(await harness.call(2, "cwd")).toBe(tmpdir());
});

test("6.13: bash functions are dropped, the config wins, Windows names have no case", () => {
  const source = { PATH: "/bin", SHELL: "() { evil; }", TOKEN: "x", APPDATA: "a" };
  expect(childEnvironment({ TERM: "dumb" }, source, "linux")).toEqual({
    PATH: "/bin",
    TERM: "dumb",
  });
  expect(childEnvironment({ PATH: "/mine" }, source, "linux")).toEqual({ PATH: "/mine" });
  expect(childEnvironment({ Path: "C:\\" }, source, "win32")).toEqual({
    // So that no program of the current folder is taken for one of PATH.
    NODEFAULTCURRENTDIRECTORYINEXEPATH: "1",
    APPDATA: "a",
    Path: "C:\\",
  });
});
