// Clients made for the judge: each does one thing wrong, as FAKE_CLIENT says. With "honest" it does nothing wrong.
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

const wrong = process.env.FAKE_CLIENT ?? "honest";

export const name = `fake, ${wrong}`;
export const version = "1.0.0";
export const cannot = wrong === "unable" ? ["http"] : [];

class OutcomeUnknown extends Error {}

/** `send(method, params, signal)` over HTTP. */
function overHttp(url) {
  let session;
  let lastId = 0;
  return async (method, params, signal) => {
    const response = await fetch(url, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        accept: "application/json, text/event-stream",
        ...(session === undefined ? {} : { "mcp-session-id": session }),
      },
      body: JSON.stringify({ jsonrpc: "2.0", id: ++lastId, method, params }),
      signal,
    });
    session ??= response.headers.get("mcp-session-id") ?? undefined;
    const { result, error } = await response.json();
    if (error !== undefined) throw new Error(error.message);
    return result;
  };
}

/** The same over a child's pipes, one request at a time. */
function overStdio(child) {
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  let lastId = 0;
  return async (method, params) => {
    child.stdin.write(`${JSON.stringify({ jsonrpc: "2.0", id: ++lastId, method, params })}\n`);
    const { value, done } = await lines.next();
    if (done) throw new Error("the child is gone");
    return JSON.parse(value).result;
  };
}

export function createClient() {
  let send;
  let child;

  /** What becomes of a call whose answer was lost. */
  async function recover(again, error) {
    if (wrong === "doubles") return await again();
    if (wrong === "loses") throw error;
    if (wrong === "lies") throw new Error("it was not sent", { cause: error });
    if (wrong === "invents") return "all went well";
    if (wrong === "hangs") return await new Promise(() => {});
    if (wrong === "dies") process.exit(3);
    throw new OutcomeUnknown("it may have run once", { cause: error });
  }

  return {
    async connect(servers) {
      const [{ url, command, args }] = Object.values(servers);
      if (url === undefined) {
        child = spawn(command, args, { stdio: ["pipe", "pipe", "ignore"], detached: true });
        send = overStdio(child);
      } else send = overHttp(url);
      const clientInfo = { name, version };
      await send("initialize", { protocolVersion: "2025-11-25", capabilities: {}, clientInfo });
      if (wrong === "holds the process") setInterval(() => {}, 1_000);
      if (wrong === "holds a request") void send("tools/call", { name: "work" }).catch(() => {});
    },
    listTools: async () => (await send("tools/list", {})).tools,
    async callTool(tool, args, { timeoutMs, signal }) {
      const limit = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
      const heeded = wrong === "ignores its limit" ? signal : limit;
      const again = () => send("tools/call", { name: tool, arguments: args }, heeded);
      try {
        return await again();
      } catch (error) {
        if (heeded.aborted) throw error;
        return await recover(again, error);
      }
    },
    async close() {
      if (wrong === "never closes") await new Promise(() => {});
      if (child === undefined) return;
      if (wrong === "leaves its child") {
        child.unref();
        for (const pipe of [child.stdin, child.stdout]) pipe.unref();
      } else child.kill("SIGKILL");
    },
  };
}

export function mayHaveRun(error) {
  if (error instanceof OutcomeUnknown) return true;
  return wrong === "lies" ? false : undefined;
}
