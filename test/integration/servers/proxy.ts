// An HTTP proxy on loopback that takes every name for one port of this machine, and notes what it was asked for.

import { createServer, request } from "node:http";
import { connect } from "node:net";
import type { AddressInfo, Socket } from "node:net";

export interface Proxy {
  readonly url: string;
  /** `CONNECT host:port`, or `METHOD absolute-URL`. */
  readonly asked: readonly string[];
  close(): Promise<void>;
}

export async function startProxy(targetPort: number): Promise<Proxy> {
  const asked: string[] = [];
  const sockets = new Set<Socket>();
  const keep = (socket: Socket): void => {
    sockets.add(socket);
    socket.on("error", () => socket.destroy());
    socket.once("close", () => sockets.delete(socket));
  };
  const server = createServer((req, res) => {
    asked.push(`${req.method} ${req.url}`);
    const { pathname, search } = new URL(req.url ?? "");
    const forwarded = request(
      {
        host: "127.0.0.1",
        port: targetPort,
        path: pathname + search,
        method: req.method,
        headers: req.headers,
      },
      (answer) => {
        res.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(res);
      },
    );
    forwarded.on("error", () => res.destroy());
    res.on("close", () => forwarded.destroy());
    req.pipe(forwarded);
  });
  server.on("connection", keep);
  server.on("connect", (req, socket: Socket, head: Buffer) => {
    asked.push(`CONNECT ${req.url}`);
    const target = connect(targetPort, "127.0.0.1", () => {
      socket.write("HTTP/1.1 200 Connection Established\r\n\r\n");
      target.write(head);
      socket.pipe(target).pipe(socket);
    });
    keep(target);
    socket.once("close", () => target.destroy());
    target.once("close", () => socket.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
