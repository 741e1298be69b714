// Servers that are being removed when all is closed, interceptors that throw anything, and tasks whose server is busy.

import { expect, test } from "vitest";
import { startHttpServer } from "../support/http-server.ts";
import { textResult, toolCall } from "../support/stateless-server.ts";
import { connectedTo, HandClock, serveStateless } from "./stateless-harness.ts";
import { connected, gate, nextEvent, poolOf, serve, textOf } from "./support.ts";

test("fault 55: closeAll has no patience with one that is being removed with more of it", async () => {
  const server = await serve({ tools: { hang: { handler: () => new Promise(() => {}) } } });
  const pool = await connected(server);
  const call = pool.callTool("s__hang").catch((error: unknown) => error);
  await server.until(() => server.executionCount("hang") === 1);
  let isRemoved = false;
  const removal = pool.removeClient("s", { drainMs: 2_000_000 }).then(() => (isRemoved = true));
  expect(isRemoved).toBe(false);
  await pool.closeAll({ drainMs: 0 });
  await removal;
  expect(await call).toMatchObject({ code: "CLOSED", sent: "unknown" });
  expect(server.executionCount("hang")).toBe(1);
});

test("fault 54: an answer that comes after its server has left the pool is handed over, checked", async () => {
  const open = gate();
  const handler = (): Promise<string> => open.opened.then(() => "here it is");
  const server = await serve({ tools: { hold: { outputSchema: { type: "object" }, handler } } });
  const pool = await connected(server);
  const warned = nextEvent(pool, "warning", ({ message }) => message.includes("output schema"));
  const call = pool.callTool("s__hold");
  await server.until(() => server.executionCount("hold") === 1);
  const removal = pool.removeClient("s", { drainMs: 10_000 });
  expect(pool.status()).toEqual([]);
  open.open();
  expect(await call).toEqual(textOf("here it is"));
  expect(await warned).toMatchObject({ server: "s" });
  await removal;
});

test("an interceptor that throws on one server's list is that server's failure", async () => {
  const [bad, good] = [await serve(), await serve()];
  const pool = poolOf({ bad: { url: bad.url }, good: { url: good.url } });
  pool.use((request, next) => {
    if (request.server === "bad" && request.method === "tools/list") throw new Error("no lists");
    return next(request);
  });
  const { connected: up, failed } = await pool.connect();
  expect(up).toEqual(["good"]);
  expect(failed["bad"]).toMatchObject({
    server: "bad",
    message: expect.stringMatching(/no lists/),
  });
  expect(await pool.callTool("good__echo", {})).toBeDefined();
});

test("a server that goes and comes back while all its places wait: all are served, once each", async () => {
  const server = await startHttpServer();
  const pool = poolOf({ s: { url: server.url } });
  await pool.connect();
  await server.stop();
  const calls = Array.from({ length: 200 }, (_, index) =>
    pool.callTool("s__echo", { key: `k${index}` }),
  );
  await nextEvent(pool, "server.disconnected");
  await server.listen();
  await Promise.all(calls);
  for (let index = 0; index < 200; index++) {
    expect(server.executionCount("echo", `k${index}`)).toBe(1);
  }
  expect(pool.status()[0]?.counts).toMatchObject({ inFlight: 0, queued: 0, failed: 0 });
  await pool.closeAll();
  await server.close();
});

test("a task whose server has no place for a question goes on, and is asked after later", async () => {
  const clock = new HandClock();
  clock.holds = (delayMs) => delayMs === 777;
  const server = await serveStateless({
    tools: {
      work: {
        handler: (_args, { tasks }) =>
          tasks.createTask({
            pollIntervalMs: 777,
            onGet: (task) => task.complete(textResult("done")),
          }),
      },
      other: {},
    },
  });
  const pool = await connectedTo(server, {}, { clock, limits: { inFlight: 1, queued: 0 } });
  const call = pool.callTool("s__work");
  await clock.untilHeld(777);
  const hold = server.hold(toolCall("other"));
  const other = pool.callTool("s__other");
  await server.until(() => hold.waiting === 1);
  clock.fire(777);
  await clock.untilHeld(777);
  expect(server.tasks.all[0]?.getCount).toBe(0);
  hold.release();
  await other;
  clock.fire(777);
  expect(await call).toEqual(textOf("done"));
  expect(server.executionCount("work")).toBe(1);
});
