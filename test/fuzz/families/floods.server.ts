// The hostile server of the family `floods`: a stream of one message, again and again, in the answer to a call.

import { startRawServer } from "../wire/raw-server.ts";

interface Flood {
  readonly line: string;
  readonly forMs: number;
}

const HEAD = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
const BLOCK_CHARS = 60_000;

const url = startRawServer(({ message, socket }) => {
  const flood = message?.params?.arguments?.["flood"] as Flood | undefined;
  if (message?.method !== "tools/call" || flood === undefined) return false;
  const event = Buffer.from(flood.line.replaceAll("$ID", JSON.stringify(message.id)), "latin1");
  const count = Math.max(1, Math.floor(BLOCK_CHARS / event.length));
  const block = Buffer.concat(Array.from({ length: count }, () => event));
  const endsAt = performance.now() + flood.forMs;
  socket.write(HEAD);
  const pump = (): void => {
    while (performance.now() < endsAt && !socket.destroyed) {
      if (socket.write(block)) continue;
      socket.once("drain", pump);
      return;
    }
    socket.end();
  };
  pump();
  return true;
});

export function obey(): Promise<string> {
  return url;
}
