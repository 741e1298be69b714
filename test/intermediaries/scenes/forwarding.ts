// A forward proxy that the environment names: servers behind it, and what is said when it refuses.

import { chmodSync, writeFileSync } from "node:fs";
import path from "node:path";
import { McpError } from "mcp-client-pool";
import { freePort, startIntermediary } from "../programs/start.ts";
import { Replicas } from "../servers/replicas.ts";
import { openPool } from "./load.ts";

/** Only the proxy knows this name. */
const HOST = "server.mcp.test";
const LOGIN = "user:canary-password";
const ALLOWED = { clients: "127.0.0.1", servers: ".mcp.test" };
/** How long a call waits for a connection that may yet be made, milliseconds. */
const PATIENCE_MS = 5_000;
const VARIABLES = [
  "http_proxy",
  "https_proxy",
  "HTTP_PROXY",
  "HTTPS_PROXY",
  "no_proxy",
  "NO_PROXY",
];

/** Squid says 503 for a name that does not exist, and others if its own name server does not answer. */
const UNKNOWN_HOST = "50[0234]";

export interface Forward {
  readonly title: string;
  /** A file of Squid's configurations; without it nothing listens where the proxy should be. */
  readonly config: string | undefined;
  readonly scheme: "http" | "https";
  readonly host?: string;
  /** What stands before the proxy's address, as in `user:password`. */
  readonly login?: string;
  /** Undefined: the server is reached. */
  readonly refusal?: {
    /** The status of the proxy's answer as an expression; undefined if it answers nothing. */
    readonly status: string | undefined;
    /** Whether more attempts are pointless. */
    readonly final: boolean;
  };
}

export const FORWARDS: readonly Forward[] = [
  {
    title: "an http: server, CONNECT allowed to 443 only",
    config: "recommended.conf",
    scheme: "http",
  },
  { title: "a login, and it is given", config: "login.conf", scheme: "http", login: LOGIN },
  {
    title: "a login, and none is given, http:",
    config: "login.conf",
    scheme: "http",
    refusal: { status: "407", final: true },
  },
  {
    title: "a login, and none is given, https:",
    config: "login.conf",
    scheme: "https",
    refusal: { status: "407", final: true },
  },
  {
    title: "a wrong login",
    config: "login.conf",
    scheme: "http",
    login: "user:canary-wrong",
    refusal: { status: "407", final: true },
  },
  {
    title: "denied, http:",
    config: "denies.conf",
    scheme: "http",
    refusal: { status: "403", final: true },
  },
  {
    title: "denied, https:",
    config: "denies.conf",
    scheme: "https",
    refusal: { status: "403", final: true },
  },
  {
    title: "an unknown host, http:",
    config: "recommended.conf",
    scheme: "http",
    host: "nowhere.mcp.test",
    refusal: { status: UNKNOWN_HOST, final: false },
  },
  {
    title: "an unknown host, https:",
    config: "recommended.conf",
    scheme: "https",
    host: "nowhere.mcp.test",
    refusal: { status: UNKNOWN_HOST, final: false },
  },
  {
    title: "no proxy there, http:",
    config: undefined,
    scheme: "http",
    refusal: { status: undefined, final: false },
  },
  {
    title: "no proxy there, https:",
    config: undefined,
    scheme: "https",
    refusal: { status: undefined, final: false },
  },
];

export interface ForwardResult {
  readonly proxy: string;
  /** The result of one call, if there is one. */
  readonly text: string | undefined;
  readonly error: { code: string; message: string; sent: string | undefined } | undefined;
  readonly seconds: number;
  readonly executions: number;
  /** Squid's own log: a line for each request. */
  readonly asked: readonly string[];
}

export async function measureForward(forward: Forward): Promise<ForwardResult> {
  const { config, scheme, host = HOST, login } = forward;
  await using replicas = await Replicas.start(1);
  await using proxy =
    config === undefined
      ? undefined
      : await startIntermediary("Squid", config, ALLOWED, (folder) => {
          writeFileSync(path.join(folder, "hosts"), `127.0.0.1 ${HOST}\n`);
          writeFileSync(path.join(folder, "check-login"), CHECK_LOGIN);
          chmodSync(path.join(folder, "check-login"), 0o755);
        });
  const address = `127.0.0.1:${proxy?.port ?? (await freePort())}`;
  const before = VARIABLES.map((name) => [name, process.env[name]] as const);
  for (const name of VARIABLES) delete process.env[name];
  process.env[`${scheme}_proxy`] = `http://${login === undefined ? "" : `${login}@`}${address}`;
  try {
    await using watched = openPool({ reconnect: { budgetMs: PATIENCE_MS } });
    const { pool } = watched;
    const startedAt = performance.now();
    let text: string | undefined;
    let error: ForwardResult["error"];
    try {
      // Squid's usual rules let CONNECT through to port 443 only. Nothing needs to listen there: it is refused before.
      const port = scheme === "https" ? 443 : replicas.first.port;
      // Lazy: then the call itself waits for the connection, for as long as that is tried.
      const server = { url: `${scheme}://${host}:${port}/mcp`, lazy: true };
      await pool.addClient("s", server);
      const result = await pool.callTool("s__work", { key: "a" });
      text = (result as { content: { text?: string }[] }).content[0]?.text;
    } catch (reason) {
      if (!(reason instanceof McpError)) throw reason;
      error = { code: reason.code, message: reason.message, sent: reason.sent };
    }
    const seconds = (performance.now() - startedAt) / 1_000;
    return {
      proxy: address,
      text,
      error,
      seconds,
      executions: replicas.count("ran"),
      asked: proxy?.logOf("access.log") ?? [],
    };
  } finally {
    for (const [name, value] of before) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  }
}

/** A login helper as Squid wants it: a line in, OK or ERR out. */
const CHECK_LOGIN = `#!/bin/sh
while read -r user password; do
  if [ "$user $password" = "${LOGIN.replace(":", " ")}" ]; then echo OK; else echo ERR; fi
done
`;

/** @param limit the longest that a final refusal may take, seconds. */
export function problemsOfForward(
  forward: Forward,
  result: ForwardResult,
  limit: number,
): string[] {
  const { refusal } = forward;
  const { proxy, text, error, seconds, executions } = result;
  if (refusal === undefined) {
    return [
      text === undefined ? `not reached: ${JSON.stringify(error)} ${result.asked.join("\n")}` : "",
      executions === 1 ? "" : `${executions} executions`,
    ].filter((problem) => problem !== "");
  }
  const { status, final } = refusal;
  const message = error?.message ?? "";
  return [
    error === undefined ? `no error: ${JSON.stringify(text)}` : "",
    /proxy/i.test(message) ? "" : `the message does not speak of a proxy: ${message}`,
    message.includes(proxy) ? "" : `the proxy is not named: ${message}`,
    status === undefined || new RegExp(String.raw`\b${status}\b`).test(message)
      ? ""
      : `no ${status} in: ${message}`,
    message.includes("canary") ? `the login is in the message: ${message}` : "",
    final && seconds > limit ? `it took ${seconds.toFixed(1)} s` : "",
    error?.sent === "no" ? "" : `sent is ${error?.sent}`,
  ].filter((problem) => problem !== "");
}
