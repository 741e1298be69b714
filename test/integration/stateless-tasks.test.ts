// Section 12a of the protocol: a call that its server runs as a task, followed to its end or held as a handle.

import {
  McpError,
  McpInputError,
  McpOutcomeUnknownError,
  McpProtocolError,
  McpResponseError,
  McpTimeoutError,
  McpUnsupportedError,
} from "mcp-client-pool";
import type { ElicitResult, McpClientPool, PoolOptions, ServerConfig } from "mcp-client-pool";
import { describe, expect, test } from "vitest";
import {
  connectedTo,
  HandClock,
  Ledger,
  reconnect,
  serveStateless,
  statelessStdio,
  traceOf,
} from "../fault/stateless-harness.ts";
import { collect, failure, gate, nextEvent, QUICK, textOf } from "../fault/support.ts";
import { settled } from "../support/manual-clock.ts";
import { untilProcessGone } from "../support/processes.ts";
import {
  elicit,
  inputRequired,
  listRoots,
  sample,
  textResult,
  toolCall,
} from "../support/stateless-server.ts";
import type {
  StatelessServer,
  StatelessServerOptions,
  StatelessTool,
  TestTask,
} from "../support/stateless-server.ts";
import type { TaskInit } from "../support/stateless/tasks.ts";

const EXTENSION = "io.modelcontextprotocol/tasks";
const CAPABILITIES = "io.modelcontextprotocol/clientCapabilities";

type Options = Omit<PoolOptions, "servers">;

/** A tool whose every call is a task. */
function tasking(init: TaskInit = {}, more: Partial<StatelessTool> = {}): StatelessTool {
  return { ...more, handler: (_args, { tasks }) => tasks.createTask(init) };
}

/** Ends with the `count`th look at it. */
function completing(count: number, text = "done"): TaskInit {
  return {
    onGet: (task, looks) => {
      if (looks === count) task.complete(textResult(text));
    },
  };
}

interface Bench {
  readonly server: StatelessServer;
  readonly pool: McpClientPool;
}

/** A server with one tool, `work`, and a pool that knows it as `s`. */
async function start(
  work: StatelessTool,
  options: Options = {},
  serverOptions: StatelessServerOptions = {},
  config: Partial<ServerConfig> = {},
): Promise<Bench> {
  const server = await serveStateless({ tools: { work }, ...serverOptions });
  return { server, pool: await connectedTo(server, config, options) };
}

/** The task of the one call that was made, as soon as there is one. */
async function taskOf(server: StatelessServer): Promise<TestTask> {
  await server.until(({ tasks }) => tasks.all.length > 0);
  const [task] = server.tasks.all;
  return task ?? expect.fail("there is no task");
}

/** A clock on which these delays pass by hand. */
function holding(...delays: number[]): HandClock {
  const clock = new HandClock();
  clock.holds = (delayMs) => delays.includes(delayMs);
  return clock;
}

const accept = (answer: string): ElicitResult => ({ action: "accept", content: { answer } });

describe("a call that becomes a task is answered as any other", () => {
  test("12.2, 12.4, 12.12 polled at the server's pace, which may change, until it is over", async () => {
    const clock = holding(777, 333);
    const { server, pool } = await start(
      tasking({
        pollIntervalMs: 777,
        onGet: (task, count) => {
          task.pollIntervalMs = 333;
          if (count === 3) task.complete(textResult("done"));
        },
      }),
      { clock },
    );
    const call = pool.callTool("s__work");
    await clock.untilHeld(777);
    expect(server.tasks.all[0]?.getCount).toBe(0);
    clock.fire(777);
    await clock.serve(333);
    await clock.serve(333);
    expect(await call).toEqual(textOf("done"));
    expect(server.tasks.all[0]?.getCount).toBe(3);
    expect(server.executionCount("work")).toBe(1);
    expect(clock.held).toEqual([]);
  });

  test.each<[string, number | null, number]>([
    ["none: a default", null, 1_000],
    ["too short: a floor", 1, 50],
    ["zero: the floor", 0, 50],
    ["negative: the floor", -1_000, 50],
    ["too long: a ceiling", 1e12, 30_000],
  ])("12.4 the interval is bounded (%s)", async (_name, pollIntervalMs, delayMs) => {
    const clock = holding(delayMs);
    const { pool } = await start(tasking({ pollIntervalMs, ...completing(1) }), { clock });
    const call = pool.callTool("s__work");
    await clock.serve(delayMs);
    expect(await call).toEqual(textOf("done"));
  });

  test("12.4 tasks/get may call its result a task, as the examples of the extension do", async () => {
    const { pool } = await start(
      tasking(),
      {},
      {
        methods: {
          "tasks/get": ({ taskId }, { tasks }) => {
            const task = tasks.find(taskId);
            task?.complete(textResult("done"));
            return { ...task?.detailed(), resultType: "task" };
          },
        },
      },
    );
    expect(await pool.callTool("s__work")).toEqual(textOf("done"));
  });

  test("12.3 a result with isError is a result", async () => {
    const end = textResult("it went wrong", true);
    const { pool } = await start(tasking({ onGet: (task) => task.complete(end) }));
    expect(await pool.callTool("s__work")).toEqual({ ...textOf("it went wrong"), isError: true });
  });

  test("12.3 a task that failed is the server's own error", async () => {
    const problem = { code: -32_099, message: "out of paper", data: { tray: 2 } };
    const { server, pool } = await start(tasking({ onGet: (task) => task.fail(problem) }));
    const error = await failure(pool.callTool("s__work"));
    expect(error).toBeInstanceOf(McpResponseError);
    expect(error).toMatchObject({
      server: "s",
      method: "tools/call",
      sent: "yes",
      rpcCode: -32_099,
      rpcMessage: "out of paper",
      data: { tray: 2 },
    });
    expect(server.requestsOf("tasks/cancel")).toEqual([]);
  });

  test("12.3 a task that was cancelled says so", async () => {
    const { server, pool } = await start(
      tasking({ onGet: (task) => task.setCancelled("by the operator") }),
    );
    const error = await failure(pool.callTool("s__work"));
    expect(error).toMatchObject({
      code: "TASK_CANCELLED",
      server: "s",
      sent: "yes",
      message: expect.stringContaining("by the operator"),
    });
    expect(server.requestsOf("tasks/cancel")).toEqual([]);
  });

  test("12.1, 12.7, 12.11, 4.3 every tasks/* declares the extension and carries Mcp-Name; nothing else is asked", async () => {
    const taskId = "täsk/ 1";
    const { server, pool } = await start(
      tasking({ taskId, onGet: (task, count) => count === 1 && task.requireInput({ q: ask }) }),
      { onElicitation: () => accept("x") },
    );
    const over = new AbortController();
    const call = pool.callTool("s__work", {}, { signal: over.signal });
    await server.until(({ tasks }) => tasks.all[0]?.updateCount === 1);
    over.abort(new Error("enough"));
    await expect(call).rejects.toThrow("enough");
    await server.until(({ tasks }) => tasks.all[0]?.cancelCount === 1);
    const asked = server.requests.filter(({ body }) => body?.method?.startsWith("tasks/"));
    expect(new Set(asked.map(({ body }) => body?.method))).toEqual(
      new Set(["tasks/get", "tasks/update", "tasks/cancel"]),
    );
    for (const { headers, body } of asked) {
      const name = `=?base64?${Buffer.from(taskId).toString("base64")}?=`;
      expect(headers["mcp-name"]).toBe(name);
      const meta = body?.params?.["_meta"] as { [CAPABILITIES]: { extensions: object } };
      expect(meta[CAPABILITIES].extensions).toEqual({ [EXTENSION]: {} });
      expect(body?.params?.["taskId"]).toBe(taskId);
    }
    const [first] = server.requestsOf("tools/call");
    expect(first?.body?.params).not.toHaveProperty("task");
  });

  test("8.4 its result is held against the tool's output schema", async () => {
    const outputSchema = {
      type: "object",
      properties: { n: { type: "number" } },
      required: ["n"],
    };
    let structuredContent: object = { n: "no number" };
    const complete = (task: TestTask): void => task.complete({ content: [], structuredContent });
    const { server, pool } = await start(
      tasking({ onGet: complete }, { outputSchema }),
      {},
      {},
      { outputValidation: "error" },
    );
    const error = await failure(pool.callTool("s__work"));
    expect(error).toBeInstanceOf(McpProtocolError);
    expect(error).toMatchObject({ sent: "yes", message: expect.stringMatching(/output schema/) });
    const handle = await pool.callTool("s__work", {}, { task: "handle" });
    expect(await failure(handle.result())).toBeInstanceOf(McpProtocolError);
    structuredContent = { n: 1 };
    expect(await pool.callTool("s__work")).toEqual({ content: [], structuredContent });
    expect(server.requestsOf("tasks/cancel")).toEqual([]);
  });

  test.each([
    ["prompts/get", (pool: McpClientPool) => pool.getPrompt("s__p")],
    ["resources/read", (pool: McpClientPool) => pool.readResource("s", "test://a")],
    ["tools/list", (pool: McpClientPool) => pool.call("s", "tools/list")],
  ] as const)("12.2 a task in answer to %s is a breach of the protocol", async (method, ask_) => {
    const { server, pool } = await start(
      {},
      {},
      { prompts: { p: {} }, resources: { "test://a": {} } },
    );
    server.options.methods = { [method]: (_params, { tasks }) => tasks.createTask().created() };
    const error = await failure(ask_(pool));
    expect(error).toBeInstanceOf(McpProtocolError);
    expect(error).toMatchObject({ server: "s", method });
  });

  test("12.2 a task without an id, or of an unknown status, is a breach of the protocol", async () => {
    const { server, pool } = await start({});
    for (const spoilt of [{ taskId: "" }, { taskId: 7 }, { status: "asleep" }]) {
      server.options.tools = {
        work: { handler: (_args, { tasks }) => ({ ...tasks.createTask().created(), ...spoilt }) },
      };
      const error = await failure(pool.callTool("s__work"));
      expect(error).toBeInstanceOf(McpProtocolError);
      expect(error).toMatchObject({ sent: "yes" });
    }
  });

  test("12.2 call gives the task as it came", async () => {
    const { server, pool } = await start(tasking({ taskId: "t" }));
    const raw = await pool.call("s", "tools/call", { name: "work" });
    expect(raw).toMatchObject({ resultType: "task", taskId: "t", status: "working" });
    expect(server.requestsOf("tasks/get")).toEqual([]);
  });
});

const ask = elicit("Who?");

describe("input during a task", () => {
  test("12.5 is asked of the pool's handlers, all kinds at once, and given by tasks/update", async () => {
    const { server, pool } = await start(
      tasking({
        onGet: (task, count) => {
          if (count === 1) {
            task.requireInput({ who: ask, what: sample("What now?"), where: listRoots() });
          }
        },
        onUpdate: (_responses, task) => task.complete(textResult("done")),
      }),
      {
        onElicitation: ({ message }, { server: name }) => accept(`${name}: ${message}`),
        onSampling: () => ({
          role: "assistant",
          model: "m",
          content: { type: "text", text: "that" },
        }),
        roots: [{ uri: "file:///work" }],
      },
    );
    expect(await pool.callTool("s__work")).toEqual(textOf("done"));
    expect(server.tasks.all[0]?.updates).toEqual([
      {
        who: { action: "accept", content: { answer: "s: Who?" } },
        what: { role: "assistant", model: "m", content: { type: "text", text: "that" } },
        where: { roots: [{ uri: "file:///work" }] },
      },
    ]);
  });

  test("12.5 a slow person is asked once, however often the task is looked at meanwhile", async () => {
    const answered = gate();
    let askedCount = 0;
    const { server, pool } = await start(
      tasking({
        onGet: (task, count) => count === 1 && task.requireInput({ q: ask }),
        onUpdate: (_responses, task) => task.complete(textResult("done")),
      }),
      {
        onElicitation: async () => {
          askedCount += 1;
          await answered.opened;
          return accept("at last");
        },
      },
    );
    const call = pool.callTool("s__work");
    const task = await taskOf(server);
    await server.until(() => task.getCount >= 5);
    expect(task.updateCount).toBe(0);
    answered.open();
    expect(await call).toEqual(textOf("done"));
    expect(askedCount).toBe(1);
    expect(task.updates).toEqual([{ q: accept("at last") }]);
  });

  test("12.5 a server that still lists what was answered is not answered twice", async () => {
    let askedCount = 0;
    const { server, pool } = await start(
      tasking(),
      { onElicitation: () => accept(`${++askedCount}`) },
      {
        methods: {
          "tasks/get": ({ taskId }, { tasks }) => {
            const task = tasks.find(taskId) ?? expect.fail("no such task");
            if (task.status === "working" && task.updateCount === 0) task.requireInput({ q: ask });
            task.getCount += 1;
            if (task.getCount === 5) task.complete(textResult("done"));
            const stale = { status: "input_required", inputRequests: { q: ask } };
            return { ...task.detailed(), ...(task.getCount < 5 ? stale : {}) };
          },
        },
      },
    );
    expect(await pool.callTool("s__work")).toEqual(textOf("done"));
    expect(askedCount).toBe(1);
    expect(server.tasks.all[0]?.updates).toEqual([{ q: accept("1") }]);
  });

  test("12.5 a part of what is asked may be given before the rest", async () => {
    const slow = gate();
    const { server, pool } = await start(
      tasking({
        onGet: (task, count) => {
          if (count === 1) task.requireInput({ slow: elicit("slow") });
          if (count === 2) task.requireInput({ quick: elicit("quick") });
        },
        onUpdate: (_responses, task) => {
          if (task.updateCount === 2) task.complete(textResult("done"));
        },
      }),
      {
        onElicitation: async ({ message }) => {
          if (message === "slow") await slow.opened;
          return accept(message);
        },
      },
    );
    const call = pool.callTool("s__work");
    const task = await taskOf(server);
    await server.until(() => task.updateCount === 1);
    slow.open();
    expect(await call).toEqual(textOf("done"));
    expect(task.updates).toEqual([{ quick: accept("quick") }, { slow: accept("slow") }]);
  });

  test("12.5, 12.12 input before the task is another matter: the same key is asked for again", async () => {
    const asked: string[] = [];
    const { server, pool } = await start(
      {
        handler: (_args, { inputResponses, tasks }) =>
          inputResponses === undefined
            ? inputRequired({ inputRequests: { q: elicit("before") }, requestState: "s" })
            : tasks.createTask({
                onGet: (task, count) => count === 1 && task.requireInput({ q: elicit("during") }),
                onUpdate: (_responses, task) => task.complete(textResult("done")),
              }),
      },
      {
        onElicitation: ({ message }) => {
          asked.push(message);
          return accept(message);
        },
      },
    );
    expect(await pool.callTool("s__work")).toEqual(textOf("done"));
    expect(asked).toEqual(["before", "during"]);
    expect(server.tasks.all[0]?.updates).toEqual([{ q: accept("during") }]);
    expect(server.questionCount("work")).toBe(1);
  });

  test.each(["decline", "cancel"] as const)("7.30 a person's %s is an answer", async (action) => {
    const { server, pool } = await start(
      tasking({
        onGet: (task, count) => count === 1 && task.requireInput({ q: ask }),
        onUpdate: (_responses, task) => task.complete(textResult("done")),
      }),
      { onElicitation: () => ({ action }) },
    );
    expect(await pool.callTool("s__work")).toEqual(textOf("done"));
    expect(server.tasks.all[0]?.updates).toEqual([{ q: { action } }]);
  });

  test("7.29 what was not declared is not given: the call fails, the task is cancelled", async () => {
    const { server, pool } = await start(
      tasking({ onGet: (task, count) => count === 1 && task.requireInput({ q: sample("x") }) }),
    );
    const error = await failure(pool.callTool("s__work"));
    expect(error).toBeInstanceOf(McpProtocolError);
    await server.until(({ tasks }) => tasks.all[0]?.cancelCount === 1);
    expect(server.requestsOf("tasks/update")).toEqual([]);
  });

  test("7.30 a handler that throws fails the call, and the task is cancelled", async () => {
    const { server, pool } = await start(
      tasking({ onGet: (task, count) => count === 1 && task.requireInput({ q: ask }) }),
      {
        onElicitation: () => {
          throw new Error("nobody is here");
        },
      },
    );
    const error = await failure(pool.callTool("s__work"));
    expect(error).toBeInstanceOf(McpInputError);
    expect(error).toMatchObject({ code: "INPUT_FAILED", server: "s", sent: "yes" });
    await server.until(({ tasks }) => tasks.all[0]?.cancelCount === 1);
  });

  test("12.5 an update whose answer is lost is sent again: harmless, and asked of nobody", async () => {
    let askedCount = 0;
    const { server, pool } = await start(
      tasking({
        onGet: (task, count) => count === 1 && task.requireInput({ q: ask }),
        onUpdate: (_responses, task) => {
          if (task.updateCount === 2) task.complete(textResult("done"));
        },
      }),
      { onElicitation: () => accept(`${++askedCount}`) },
    );
    server.cut("tasks/update", "answer");
    expect(await pool.callTool("s__work")).toEqual(textOf("done"));
    expect(askedCount).toBe(1);
    expect(server.tasks.all[0]?.updates).toEqual([{ q: accept("1") }, { q: accept("1") }]);
  });
});

describe("giving up on a call that is a task", () => {
  test("12.6 an abort cancels the task, by tasks/cancel and nothing else", async () => {
    const clock = holding(777);
    const { server, pool } = await start(tasking({ pollIntervalMs: 777 }), { clock });
    const over = new AbortController();
    const call = pool.callTool("s__work", {}, { signal: over.signal });
    // From here on its id is known.
    await clock.untilHeld(777);
    const task = await taskOf(server);
    const reason = new Error("not wanted any more");
    over.abort(reason);
    await expect(call).rejects.toBe(reason);
    await server.until(() => task.cancelCount === 1);
    expect(task.status).toBe("cancelled");
    expect(server.requestsOf("notifications/cancelled")).toEqual([]);
  });

  test("12.6 an abort takes the question back from whoever is asked", async () => {
    const { server, pool } = await start(
      tasking({ onGet: (task, count) => count === 1 && task.requireInput({ q: ask }) }),
      {
        onElicitation: (_params, { signal }) =>
          new Promise((_resolve, reject) => {
            signal.addEventListener("abort", () => reject(signal.reason as Error));
            over.abort(new Error("enough"));
          }),
      },
    );
    const over = new AbortController();
    const call = pool.callTool("s__work", {}, { signal: over.signal });
    await expect(call).rejects.toThrow("enough");
    await server.until(({ tasks }) => tasks.all[0]?.cancelCount === 1);
    expect(server.requestsOf("tasks/update")).toEqual([]);
  });

  test("12.6 over stdio too: no notifications/cancelled for what was answered with a task", async () => {
    const ledger = new Ledger();
    const clock = holding(50);
    const pool = await connectedTo(statelessStdio(ledger), {}, { clock });
    const over = new AbortController();
    const options = { signal: over.signal, requestId: 555 };
    const call = pool.callTool("s__task", { polls: 100 }, options);
    await clock.untilHeld(50);
    over.abort(new Error("enough"));
    await expect(call).rejects.toThrow("enough");
    // It is read in order: what was sent before has been seen.
    await pool.callTool("s__echo");
    const sent = traceOf(ledger);
    expect(sent.filter(({ method }) => method === "tasks/cancel")).toMatchObject([
      { params: { taskId: "task 1" } },
    ]);
    const cancelled = sent.filter(({ method }) => method === "notifications/cancelled");
    expect(cancelled).toEqual([]);
  });

  test.each(["between two looks", "during a look"])(
    "8.22, 12.6 totalTimeoutMs is over all (it ends %s): then the task is cancelled",
    async (when) => {
      const { server, pool } = await start(tasking({ pollIntervalMs: 50 }));
      if (when === "during a look") server.hold("tasks/get");
      const error = await failure(pool.callTool("s__work", {}, { totalTimeoutMs: 120 }));
      expect(error).toBeInstanceOf(McpTimeoutError);
      expect(error).toMatchObject({
        server: "s",
        method: "tools/call",
        sent: "yes",
        limit: "total",
        timeoutMs: 120,
      });
      await server.until(({ tasks }) => tasks.all[0]?.cancelCount === 1);
      expect(server.executionCount("work")).toBe(1);
    },
  );

  test("8.22 the time of a person counts in totalTimeoutMs", async () => {
    const { server, pool } = await start(
      tasking({ onGet: (task, count) => count === 1 && task.requireInput({ q: ask }) }),
      { onElicitation: () => new Promise<never>(() => {}) },
    );
    const error = await failure(pool.callTool("s__work", {}, { totalTimeoutMs: 150 }));
    expect(error).toMatchObject({ code: "TIMEOUT", limit: "total" });
    await server.until(({ tasks }) => tasks.all[0]?.cancelCount === 1);
  });

  test("8.22 timeoutMs is for each question: a task may take longer", async () => {
    const { pool } = await start(tasking(completing(4)));
    expect(await pool.callTool("s__work", {}, { timeoutMs: 150 })).toEqual(textOf("done"));
  });

  test("12.6 closeAll while it is followed: the call ends, nothing is left", async () => {
    const clock = holding(777);
    const { server, pool } = await start(tasking({ pollIntervalMs: 777 }), { clock });
    const call = failure(pool.callTool("s__work"));
    await clock.untilHeld(777);
    await pool.closeAll({ drainMs: 0 });
    expect(await call).toBeInstanceOf(McpError);
    await server.until(({ openSockets }) => openSockets === 0);
    expect(clock.armed).toEqual([]);
  });
});

describe("the connection while a task runs", () => {
  test("4.13 an answer that is lost is asked for again", async () => {
    const { server, pool } = await start(tasking(completing(3)));
    server.cut("tasks/get", "answer");
    expect(await pool.callTool("s__work")).toEqual(textOf("done"));
    expect(server.executionCount("work")).toBe(1);
  });

  test("4.13 two that are lost in a row do not lose the call, and cancel nothing", async () => {
    const { server, pool } = await start(tasking(completing(4)));
    server.cut("tasks/get", "answer", 2);
    expect(await pool.callTool("s__work")).toEqual(textOf("done"));
    expect(server.executionCount("work")).toBe(1);
    expect(server.requestsOf("tasks/cancel")).toEqual([]);
  });

  test("12.10 the server is started anew in between: the task goes on", async () => {
    const clock = holding(777);
    const { server, pool } = await start(tasking({ pollIntervalMs: 777, ...completing(2) }), {
      clock,
    });
    const call = pool.callTool("s__work");
    await clock.untilHeld(777);
    await server.restart();
    clock.fire(777);
    await clock.untilHeld(777);
    await server.stop();
    clock.fire(777);
    await nextEvent(pool, "server.disconnected");
    await server.listen();
    expect(await call).toEqual(textOf("done"));
    expect(server.executionCount("work")).toBe(1);
  });

  test("12.10 lost for good: the outcome is unknown, and the task is left to be found again", async () => {
    const clock = holding(777);
    const { server, pool } = await start(tasking({ pollIntervalMs: 777, ...completing(1) }), {
      clock,
      reconnect: { ...QUICK, budgetMs: 50 },
    });
    const call = failure(pool.callTool("s__work"));
    await clock.untilHeld(777);
    const [task] = server.tasks.all;
    await server.stop();
    clock.fire(777);
    const error = await call;
    expect(error).toBeInstanceOf(McpOutcomeUnknownError);
    expect(error).toMatchObject({ server: "s", method: "tools/call", sent: "yes" });
    expect(error.message).toContain(`pool.task("s", ${JSON.stringify(task?.taskId)})`);

    await server.listen();
    await reconnect(pool);
    expect(await pool.task("s", task?.taskId ?? "").result()).toEqual(textOf("done"));
    expect(server.executionCount("work")).toBe(1);
    expect(server.requestsOf("tasks/cancel")).toEqual([]);
  });

  test("fault 34, 4.13 the answer that would have been the task is lost: unknown, not run again", async () => {
    const { server, pool } = await start(tasking());
    server.cut("tools/call", "answer");
    const error = await failure(pool.callTool("s__work"));
    expect(error).toMatchObject({ code: "OUTCOME_UNKNOWN" });
    expect(server.executionCount("work")).toBe(1);
  });

  test("12.9 the server forgets it: its own error", async () => {
    const { server, pool } = await start(
      tasking({ taskId: "t", onGet: (_task, count) => count === 1 && server.tasks.forget("t") }),
    );
    expect(await failure(pool.callTool("s__work"))).toMatchObject({
      code: "RESPONSE_ERROR",
      rpcCode: -32_602,
    });
  });
});

describe('task: "handle"', () => {
  test("12.10 gives the task with its id and its state, which refresh brings up to date", async () => {
    const { server, pool } = await start(
      tasking({ pollIntervalMs: 40, ttlMs: 60_000, statusMessage: "begun" }),
    );
    const handle = await pool.callTool("s__work", {}, { task: "handle" });
    const task = await taskOf(server);
    expect(handle).toMatchObject({ server: "s", id: task.taskId });
    expect(handle.state).toEqual({
      taskId: task.taskId,
      status: "working",
      statusMessage: "begun",
      createdAt: expect.any(String),
      lastUpdatedAt: expect.any(String),
      ttlMs: 60_000,
      pollIntervalMs: 40,
    });
    expect(task.getCount).toBe(0);
    task.setWorking("half way");
    expect(handle.state).toMatchObject({ statusMessage: "begun" });
    expect(await handle.refresh()).toMatchObject({ statusMessage: "half way" });
    expect(handle.state).toMatchObject({ statusMessage: "half way" });
    expect(task.getCount).toBe(1);
    task.complete(textResult("done"));
    expect(await handle.result()).toEqual(textOf("done"));
    expect(handle.state).toMatchObject({ status: "completed" });
    const looks = task.getCount;
    expect(await handle.result()).toEqual(textOf("done"));
    expect(task.getCount).toBe(looks);
  });

  test("12.2 the server answers at once: no id, no state, the result", async () => {
    const { server, pool } = await start({ handler: () => "at once" });
    const handle = await pool.callTool("s__work", {}, { task: "handle" });
    expect(handle).toMatchObject({ server: "s", id: undefined, state: undefined });
    expect(await handle.refresh()).toBeUndefined();
    await handle.cancel();
    expect(await handle.result()).toMatchObject(textOf("at once"));
    expect(server.requests.filter(({ body }) => body?.method?.startsWith("tasks/"))).toEqual([]);
  });

  test("12.6 cancel asks; the task ends as its server says", async () => {
    const { server, pool } = await start(tasking());
    const handle = await pool.callTool("s__work", {}, { task: "handle" });
    const waiting = failure(handle.result());
    await handle.cancel();
    expect(await waiting).toMatchObject({ code: "TASK_CANCELLED", server: "s" });
    expect(await failure(handle.result())).toMatchObject({ code: "TASK_CANCELLED" });
    expect(server.tasks.all[0]?.cancelCount).toBe(1);
  });

  test("12.6 a server may go on in spite of it", async () => {
    const { server, pool } = await start(tasking({ onCancel: "ignore" }));
    const handle = await pool.callTool("s__work", {}, { task: "handle" });
    await handle.cancel();
    expect(await handle.refresh()).toMatchObject({ status: "working" });
    server.tasks.all[0]?.complete(textResult("nevertheless"));
    expect(await handle.result()).toEqual(textOf("nevertheless"));
  });

  test("12.6 limits and aborts end the waiting, not the task", async () => {
    const { server, pool } = await start(tasking());
    const handle = await pool.callTool("s__work", {}, { task: "handle", totalTimeoutMs: 10_000 });
    expect(await failure(handle.result({ totalTimeoutMs: 60 }))).toMatchObject({
      code: "TIMEOUT",
      limit: "total",
    });
    const reason = new Error("enough");
    const over = new AbortController();
    const waiting = handle.result({ signal: over.signal });
    over.abort(reason);
    await expect(waiting).rejects.toBe(reason);
    server.tasks.all[0]?.complete(textResult("done"));
    expect(await handle.result()).toEqual(textOf("done"));
    expect(server.requestsOf("tasks/cancel")).toEqual([]);
  });

  test("8.22 a limit that passes during a look is told as what it is", async () => {
    const { server, pool } = await start(tasking());
    const handle = await pool.callTool("s__work", {}, { task: "handle" });
    const hold = server.hold("tasks/get");
    const error = await failure(handle.result({ totalTimeoutMs: 90 }));
    expect(error).toBeInstanceOf(McpTimeoutError);
    expect(error).toMatchObject({ method: "tools/call", limit: "total", timeoutMs: 90 });
    hold.release();
    server.tasks.all[0]?.complete(textResult("done"));
    expect(await handle.result()).toEqual(textOf("done"));
  });

  test("12.5 two who wait for it at once: a person is asked once", async () => {
    let askedCount = 0;
    const { pool } = await start(
      tasking({
        onGet: (task, count) => count === 1 && task.requireInput({ q: ask }),
        onUpdate: (_responses, task) => task.complete(textResult("done")),
      }),
      {
        onElicitation: async () => {
          askedCount += 1;
          await settled();
          return accept("x");
        },
      },
    );
    const handle = await pool.callTool("s__work", {}, { task: "handle" });
    const results = await Promise.all([handle.result(), handle.result()]);
    expect(results).toEqual([textOf("done"), textOf("done")]);
    expect(askedCount).toBe(1);
  });

  test("12.5 who gives up takes the question along; who waits next is asked anew", async () => {
    let askedCount = 0;
    const over = new AbortController();
    const { pool } = await start(
      tasking({
        onGet: (task, count) => count === 1 && task.requireInput({ q: ask }),
        onUpdate: (_responses, task) => task.complete(textResult("done")),
      }),
      {
        onElicitation: (_params, { signal }) => {
          askedCount += 1;
          if (askedCount > 1) return accept("x");
          over.abort(new Error("enough"));
          return new Promise((_resolve, reject) => {
            const give = (): void => reject(signal.reason as Error);
            if (signal.aborted) give();
            else signal.addEventListener("abort", give);
          });
        },
      },
    );
    const handle = await pool.callTool("s__work", {}, { task: "handle" });
    await expect(handle.result({ signal: over.signal })).rejects.toThrow("enough");
    expect(await handle.result()).toEqual(textOf("done"));
    expect(askedCount).toBe(2);
  });

  test("12.10 another process finds it by its id, though the server was started anew meanwhile", async () => {
    const { server, pool } = await start(
      tasking({
        taskId: "kept/äöü",
        onUpdate: (_responses, task) => task.complete(textResult("done")),
      }),
      {},
      {},
      { headers: { "x-client": "first" } },
    );
    const { id } = await pool.callTool("s__work", {}, { task: "handle" });
    expect(id).toBe("kept/äöü");
    await pool.closeAll();
    await server.restart();
    server.tasks.all[0]?.requireInput({ q: ask });

    const second = await connectedTo(
      server,
      { headers: { "x-client": "second" } },
      { onElicitation: () => accept("by another") },
    );
    const handle = second.task("s", id ?? "");
    expect(handle).toMatchObject({ server: "s", id, state: undefined });
    expect(await handle.refresh()).toMatchObject({ taskId: id, status: "input_required" });
    expect(await handle.result()).toEqual(textOf("done"));
    expect(server.tasks.all[0]?.updates).toEqual([{ q: accept("by another") }]);
    expect(server.executionCount("work")).toBe(1);
  });

  test("12.9 an id that the server does not know: its own error, from every method", async () => {
    const { pool } = await start({});
    const handle = pool.task("s", "nonesuch");
    for (const method of ["refresh", "result", "cancel"] as const) {
      const error = await failure(handle[method]());
      expect(error).toBeInstanceOf(McpResponseError);
      expect(error).toMatchObject({ rpcCode: -32_602, server: "s" });
    }
    expect(handle.state).toBeUndefined();
  });

  test("12.13 a server with sessions has none: every method says so, and asks nothing", async () => {
    const { server, pool } = await start({}, {}, { era: "sessions" });
    expect(pool.status()).toMatchObject([{ era: "session" }]);
    const handle = pool.task("s", "t");
    for (const method of ["refresh", "result", "cancel"] as const) {
      const error = await failure(handle[method]());
      expect(error).toBeInstanceOf(McpUnsupportedError);
      expect(error).toMatchObject({ server: "s", capability: EXTENSION });
    }
    expect(server.requests.filter(({ body }) => body?.method?.startsWith("tasks/"))).toEqual([]);
    const finished = await pool.callTool("s__work", { a: 1 }, { task: "handle" });
    expect(finished.id).toBeUndefined();
    expect(await finished.result()).toMatchObject(textOf('{"a":1}'));
  });

  test("12.10 a server that is not in the pool is named", async () => {
    const { pool } = await start({});
    expect(() => pool.task("nobody", "t")).toThrow(/nobody/);
  });

  test("12.4 over stdio: followed, held, failed", async () => {
    const ledger = new Ledger();
    const pool = await connectedTo(
      statelessStdio(ledger),
      {},
      {
        onElicitation: () => ({ action: "accept", content: { name: "me" } }),
      },
    );
    expect(await pool.callTool("s__task", { key: "k1", ask: true })).toEqual(textOf("k1"));
    const handle = await pool.callTool("s__task", { key: "k2" }, { task: "handle" });
    expect(handle.id).toBe("task 2");
    expect(await handle.result()).toEqual(textOf("k2"));
    expect(await failure(pool.callTool("s__task", { key: "k3", fail: true }))).toMatchObject({
      rpcCode: -32_603,
    });
    expect(["k1", "k2", "k3"].map((key) => ledger.count(key))).toEqual([1, 1, 1]);
    expect(ledger.lines.filter((line) => line.startsWith("violation"))).toEqual([]);
    await pool.closeAll();
    for (const pid of ledger.pids()) await untilProcessGone(pid);
  });
});

test("12.2, 12.4 many tasks at once: each call gets its own result", async () => {
  const { server, pool } = await start({
    handler: ({ key }, { tasks }) => tasks.createTask(completing(2, String(key))),
  });
  const warnings = collect(pool, "warning");
  const hold = server.hold(toolCall("work", "k0"));
  const keys = Array.from({ length: 60 }, (_, index) => `k${index}`);
  const calls = keys.map((key) => pool.callTool("s__work", { key }));
  await server.until(() => hold.waiting === 1);
  hold.release();
  expect(await Promise.all(calls)).toEqual(keys.map((key) => textOf(key)));
  expect(keys.map((key) => server.executionCount("work", key))).toEqual(keys.map(() => 1));
  expect(warnings).toEqual([]);
});
