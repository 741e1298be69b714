// The keep-alive race: when a request is written, lest it be lost on a socket whose end is on its way.
// Hot path: most requests are written at once.

import type { Sender } from "./call-sockets.ts";
import type { HttpContext } from "./context.ts";

/** A server that was not heard of for longer may have closed its idle sockets meanwhile, milliseconds. */
const QUIET_MS = 0.25;

/**
 * By then a stream whose answer has come has ended, and a server that closes the socket after it has done so. Of real
 * time, as the turns of the event loop that follow: it is the wire that is waited for. Milliseconds.
 */
const PAUSE_MS = 1;

/** Has the request sent: now, or after a look at what has arrived. */
export function sendInTime({ clock, sockets, heardAt }: HttpContext, sender: Sender): void {
  const quietMs = clock.now() - heardAt;
  if (!sender.isLongLived && sockets.takePause()) setTimeout(look, PAUSE_MS, sender);
  else if (quietMs > QUIET_MS && quietMs < Infinity) look(sender);
  else sender.sendUnlessOver();
}

/**
 * The end of a socket that has reached this machine is not known here before the event loop polls, and a request
 * written to it is lost. Two turns, because the first may come before the poll. One function for all requests: a
 * closure for each would be garbage on the hot path.
 */
function look(sender: Sender): void {
  setImmediate(lookAgain, sender);
}

function lookAgain(sender: Sender): void {
  setImmediate(sendNow, sender);
}

function sendNow(sender: Sender): void {
  sender.sendUnlessOver();
}
