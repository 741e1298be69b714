// A balancer before replicas that do not share their sessions: it passes requests on, and chooses where.

import { Agent, createServer, request as httpRequest } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import type { TestHttpServer } from "../../support/http-server.ts";
import type { Target, Trial } from "../trial.ts";

export interface Passing {
  readonly req: IncomingMessage;
  readonly body: Buffer;
  /** Counted from 0. */
  readonly turn: number;
  /** Of the connection, counted from 0. */
  readonly connection: number;
}

export interface BalancerOptions {
  readonly replicas: readonly TestHttpServer[];
  /** The replica that a request goes to. */
  readonly choose: (passing: Passing) => number;
  /** Headers added to the replica's answer. */
  readonly answerHeaders?: (replica: number, passing: Passing) => Record<string, string | string[]>;
  /** After a replica has lost the connection: the replica that is tried next. Default: 502. */
  readonly repeatAt?: (replica: number) => number;
  /** Answers by itself: true if it has. */
  readonly intercept?: (req: IncomingMessage, res: ServerResponse) => boolean;
}

/** Replicas of a server with the tool echo. */
export function replicasOf(trial: Trial, count: number): Promise<TestHttpServer[]> {
  return Promise.all(
    Array.from({ length: count }, () => trial.http({ echo: {} }, { capabilities: { tools: {} } })),
  );
}

export async function balancer(trial: Trial, options: BalancerOptions): Promise<Target> {
  const { replicas, choose, intercept, repeatAt, answerHeaders } = options;
  const agent = new Agent({ keepAlive: true });
  const sockets = new Map<Socket, number>();
  let turns = 0;
  let connections = 0;

  const pass = (passing: Passing, res: ServerResponse, replica: number, isLast: boolean): void => {
    const { req, body } = passing;
    const url = replicas[replica]?.url;
    if (url === undefined) throw new Error(`there is no replica ${replica}`);
    const { hostname, port, pathname: path } = url;
    const { method, headers } = req;
    const onward = httpRequest({ hostname, port, path, method, headers, agent }, (answer) => {
      const added = answerHeaders?.(replica, passing) ?? {};
      res.writeHead(answer.statusCode ?? 502, { ...answer.headers, ...added });
      answer.pipe(res);
    });
    onward.on("error", () => {
      if (res.headersSent || res.destroyed) res.destroy();
      else if (repeatAt === undefined || isLast) res.writeHead(502).end("Bad Gateway");
      else pass(passing, res, repeatAt(replica), true);
    });
    res.once("close", () => onward.destroy());
    onward.end(body);
  };

  const front = createServer((req, res) => {
    const connection = sockets.get(req.socket) ?? 0;
    void readBody(req).then((body) => {
      if (body === undefined || intercept?.(req, res) === true) return;
      const passing = { req, body, turn: turns++, connection };
      pass(passing, res, choose(passing), false);
    });
  });
  front.keepAliveTimeout = 0;
  front.on("connection", (socket: Socket) => {
    sockets.set(socket, connections++);
    socket.on("error", () => {});
    socket.once("close", () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => front.listen(0, "127.0.0.1", resolve));
  trial.later(async () => {
    const closed = new Promise((resolve) => front.close(resolve));
    front.closeAllConnections();
    agent.destroy();
    await closed;
  });
  const { port } = front.address() as AddressInfo;
  return {
    entry: { url: `http://127.0.0.1:${port}/mcp` },
    ran: (tool, key) =>
      replicas.reduce((sum, replica) => sum + replica.executionCount(tool, key), 0),
  };
}

/** Undefined if the client has gone. */
async function readBody(req: IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of req) chunks.push(chunk as Buffer);
    return Buffer.concat(chunks);
  } catch {
    return undefined;
  }
}
