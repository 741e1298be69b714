// A server behind a channel that is up or down as a whole: a child's pipes, a pair in memory, HTTP+SSE of 2024-11-05.
import {
  acknowledged,
  answerTo,
  errorMessage,
  isStateless,
  listChanged,
  noSessions,
  orderOf,
  progress,
} from "./protocol.mjs";

/** How many keys are remembered, for what shall happen when one is seen again. */
const REMEMBERED = 1_000;

/** `special`: fates that only this channel has; each gets `{ message, order, run, answer }`. */
export function createDuplexServer({ name, era, send, log, special = {} }) {
  const seen = new Map();
  const timers = new Map();
  const subscriptions = new Set();
  let version = 0;
  let isClosed = false;

  function nextFate({ key, fates }) {
    const count = seen.get(key) ?? 0;
    seen.delete(key);
    seen.set(key, count + 1);
    if (seen.size > REMEMBERED) seen.delete(seen.keys().next().value);
    return fates[count] ?? "ok";
  }

  function later(id, delayMs, work) {
    const timer = setTimeout(() => {
      timers.delete(id);
      work();
    }, delayMs);
    timers.set(id, timer);
  }

  function serve(message, order) {
    const { id } = message;
    const { key, delayMs } = order;
    const fate = nextFate(order);
    log("got", key, fate);
    const run = () => log("ran", key);
    const answer = answerTo(message, { name, era, version });
    const finish = () => {
      if (isClosed) return;
      log("answered", key);
      send(answer);
    };
    if (special[fate] !== undefined) return special[fate]({ message, order, run, answer, finish });
    switch (fate) {
      case "slow-run":
        return later(id, delayMs, () => (run(), finish()));
      case "slow-answer":
        run();
        return later(id, delayMs, finish);
      case "hang-before":
        return;
      case "hang-after":
        return run();
      case "foreign":
        run();
        return send({ ...answer, id: `foreign-${key}` });
      case "foreign-then-own":
        run();
        send({ ...answer, id: `foreign-${key}` });
        return finish();
      case "double":
        run();
        finish();
        return finish();
      case "tool-error":
        run();
        if (message.method !== "tools/call") return finish();
        return send({ ...answer, result: { ...answer.result, isError: true } });
      case "rpc-error":
        run();
        return send(errorMessage(id, -32000, "told to fail"));
      case "progress":
        run();
        for (const step of [1, 2, 3]) {
          const report = progress(message, step);
          if (report !== undefined) send(report);
        }
        return finish();
      case "storm":
        run();
        storm(100);
        return finish();
      default:
        run();
        return finish();
    }
  }

  function storm(count) {
    version += 1;
    for (let sent = 0; sent < count; sent++) {
      if (era !== "stateless") send(listChanged());
      for (const id of subscriptions) send(listChanged(id));
    }
  }

  return {
    onMessage(message) {
      const { id, method } = message;
      if (method === "notifications/cancelled") {
        const { requestId } = message.params ?? {};
        subscriptions.delete(requestId);
        // The answer is not wanted any more; what was to run may still run.
        return;
      }
      if (id === undefined || method === undefined) return;
      if (era === "stateless" && !isStateless(message)) return send(noSessions(message));
      if (method === "subscriptions/listen" && isStateless(message) && era !== "sessions") {
        subscriptions.add(id);
        return send(acknowledged(message));
      }
      const order = orderOf(message);
      if (order === undefined) send(answerTo(message, { name, era, version }));
      else serve(message, order);
    },
    storm,
    close() {
      isClosed = true;
      for (const timer of timers.values()) clearTimeout(timer);
      timers.clear();
    },
  };
}
