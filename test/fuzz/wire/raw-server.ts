// An HTTP server on a raw socket, which answers calls with the bytes that the calls bring.

import { createServer, type AddressInfo, type Socket } from "node:net";
import { answerTo, type Asked } from "./answers.ts";

/** One byte for each character of its parts; `$ID` stands for the id of the request, as JSON. */
export interface Script {
  readonly parts: readonly string[];
  readonly end: "keep" | "end" | "reset";
}

export interface RawRequest {
  readonly verb: string;
  readonly message: Asked | undefined;
  readonly socket: Socket;
}

/** @param onRequest gives true for a request that it answers itself */
export async function startRawServer(
  onRequest: (request: RawRequest) => boolean = () => false,
): Promise<string> {
  const server = createServer((socket) => {
    let bytes = Buffer.alloc(0);
    socket.setNoDelay(true).on("error", () => {});
    socket.on("data", (chunk) => {
      bytes = Buffer.concat([bytes, chunk]);
      for (let rest = take(bytes); rest !== undefined; rest = take(bytes)) {
        bytes = Buffer.from(rest.after);
        const request = { ...rest, socket };
        if (!onRequest(request)) answer(request);
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`;
}

function take(bytes: Buffer) {
  const end = bytes.indexOf("\r\n\r\n");
  if (end === -1) return undefined;
  const head = bytes.toString("latin1", 0, end);
  const length = Number(/\r\ncontent-length: (\d+)/i.exec(head)?.[1] ?? 0);
  if (bytes.length < end + 4 + length) return undefined;
  const body = bytes.toString("utf8", end + 4, end + 4 + length);
  return {
    verb: head.split(" ", 1)[0] ?? "",
    message: body === "" ? undefined : (JSON.parse(body) as Asked),
    after: bytes.subarray(end + 4 + length),
  };
}

function answer({ verb, message, socket }: RawRequest): void {
  if (verb === "GET") socket.write("HTTP/1.1 405 No\r\ncontent-length: 0\r\n\r\n");
  else if (message?.id === undefined) {
    socket.write("HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n");
  } else {
    const script = message.params?.arguments?.["script"];
    if (message.method === "tools/call" && script !== undefined) {
      void play(socket, script as Script, message.id);
    } else socket.write(jsonAnswer(answerTo(message)));
  }
}

export function jsonAnswer(message: object): string {
  const text = JSON.stringify(message);
  return `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(text)}\r\n\r\n${text}`;
}

async function play(socket: Socket, { parts, end }: Script, id: string | number): Promise<void> {
  for (const part of parts) {
    socket.write(Buffer.from(part.replaceAll("$ID", JSON.stringify(id)), "latin1"));
    await new Promise(setImmediate);
  }
  if (end === "end") socket.end();
  if (end === "reset") socket.resetAndDestroy();
}
