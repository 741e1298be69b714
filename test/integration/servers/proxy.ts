// An HTTP proxy on loopback that takes every name for one port of this machine, and notes what it was asked for.

import { createServer, request } from "node:http";
import type { IncomingHttpHeaders, OutgoingHttpHeaders } from "node:http";
import { connect } from "node:net";
import type { AddressInfo, Socket } from "node:net";

export interface Proxy {
  readonly url: string;
  /** Host and port. */
  readonly name: string;
  /** `CONNECT host:port`, or `METHOD absolute-URL`. */
  readonly asked: readonly string[];
  /** The headers of each of these. */
  readonly headers: readonly IncomingHttpHeaders[];
  /** What it does with the next ones instead of passing them on; `undefined` passes them on. */
  refusal: Refusal | undefined;
  close(): Promise<void>;
}

/** It answers so, never answers, or closes the connection. */
export type Refusal =
  | { readonly status: number; readonly headers?: OutgoingHttpHeaders }
  | "hang"
  | "close";

export async function startProxy(targetPort: number): Promise<Proxy> {
  const asked: string[] = [];
  const headers: IncomingHttpHeaders[] = [];
  const sockets = new Set<Socket>();
  const keep = (socket: Socket): void => {
    sockets.add(socket);
    socket.on("error", () => socket.destroy());
    socket.once("close", () => sockets.delete(socket));
  };
  const server = createServer((req, res) => {
    asked.push(`${req.method} ${req.url}`);
    headers.push(req.headers);
    const { refusal } = proxy;
    if (refusal === "hang") return;
    if (refusal === "close") {
      req.socket.destroy();
      return;
    }
    if (refusal !== undefined) {
      res.writeHead(refusal.status, refusal.headers).end("<html>No.</html>");
      return;
    }
    const { pathname, search } = new URL(req.url ?? "");
    const { "proxy-authorization": _credentials, ...passedOn } = req.headers;
    const forwarded = request(
      {
        host: "127.0.0.1",
        port: targetPort,
        path: pathname + search,
        method: req.method,
        headers: passedOn,
        // Nothing is kept open behind the client's back.
        agent: false,
      },
      (answer) => {
        res.writeHead(answer.statusCode ?? 502, answer.headers).flushHeaders();
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
    headers.push(req.headers);
    const { refusal } = proxy;
    if (refusal === "hang") return;
    if (refusal === "close") {
      socket.destroy();
      return;
    }
    if (refusal !== undefined) {
      const lines = Object.entries(refusal.headers ?? {}).map(
        ([name, value]) => `${name}: ${String(value)}\r\n`,
      );
      socket.end(`HTTP/1.1 ${refusal.status} No\r\n${lines.join("")}content-length: 0\r\n\r\n`);
      return;
    }
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
  const name = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const proxy: Proxy = {
    url: `http://${name}`,
    name,
    asked,
    headers,
    refusal: undefined,
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
  return proxy;
}
