import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { afterEach, expect, test } from "vitest";
import { call, connect, failure, type Link } from "./harness.ts";

let silent: Server;
let link: Link;
const sockets = new Set<Socket>();

/** Accepts TCP and never says a word of TLS. */
async function setup(connectMs: number): Promise<void> {
  silent = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.once("close", () => sockets.delete(socket));
    socket.resume();
  });
  await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
  const { port } = silent.address() as AddressInfo;
  link = await connect(new URL(`https://127.0.0.1:${port}/mcp`), { timeouts: { connectMs } });
}

afterEach(async () => {
  await link.transport.close();
  await new Promise((resolve) => silent.close(resolve));
});

test("3 a connection that is never made fails within the connect timeout", async () => {
  await setup(50);
  const error = await failure(link.send(call(1)).outcome);
  expect(error).toMatchObject({ code: "CONNECTION_FAILED", sent: "no", retryable: true });
  expect(error.message).toContain("UND_ERR_CONNECT_TIMEOUT");
});

test("close does not wait for a connection that is being made, nor leave it", async () => {
  await setup(600_000);
  const { exchange } = link.send(call(1));
  while (sockets.size === 0) await new Promise((resolve) => setImmediate(resolve));
  const [socket] = sockets;
  const closed = new Promise((resolve) => socket?.once("close", resolve));
  await link.transport.close();
  await closed;
  expect(sockets.size).toBe(0);
  expect(exchange.failedCount).toBe(0);
});

test("4 something that is no TLS is a failure that is not worth another try", async () => {
  await setup(10_000);
  silent.on("connection", (socket) => socket.write("HTTP/1.1 400 Bad Request\r\n\r\n"));
  const error = await failure(link.send(call(1)).outcome);
  expect(error).toMatchObject({ code: "CONNECTION_FAILED", sent: "no", retryable: false });
});
