// The books of the soak's HTTP servers: what they say of sockets is what "sockets gone" is judged by.

import { connect } from "node:net";
import { expect, test, vi } from "vitest";
import { Listener } from "../soak/servers/listener.ts";

test.each([
  { how: "an idle socket", isEnding: false },
  { how: "a socket whose FIN is on its way", isEnding: true },
])("$how that is reset is gone from the books", async ({ isEnding }) => {
  const listener = new Listener((req, res) => {
    res.once("close", () => {
      if (isEnding) req.socket.end();
      listener.dropIdle(true);
    });
    res.end();
  });
  await listener.listen();
  const socket = connect(listener.port, "127.0.0.1");
  socket.on("error", () => {});
  const closed = new Promise((resolve) => socket.once("close", resolve));
  socket.resume().write("GET / HTTP/1.1\r\nhost: localhost\r\n\r\n");

  await closed;
  await vi.waitFor(() => expect(listener.openSockets).toBe(0));
  await listener.stop();
});
