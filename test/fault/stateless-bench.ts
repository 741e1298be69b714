// A stateless server and a pool for the tests of `subscriptions/listen`: the same steps over HTTP and over stdio.

import type { McpClientPool, PoolOptions, ServerConfig } from "mcp-client-pool";
import type { StatelessServer } from "../support/stateless-server.ts";
import type { ListenFilter } from "../support/stateless/types.ts";
import {
  connectedTo,
  Ledger,
  serveStateless,
  statelessStdio,
  traceOf,
} from "./stateless-harness.ts";
import { nextEvent } from "./support.ts";

export const LISTEN = "subscriptions/listen";
export const TOOLS_CHANGED = "notifications/tools/list_changed";
export const RESOURCES_CHANGED = "notifications/resources/list_changed";
export const UPDATED = "notifications/resources/updated";
export const LISTS = { toolsListChanged: true, resourcesListChanged: true };
export const RESOURCES = { "test://a": {}, "test://b": {} };

export type Config = Partial<ServerConfig>;
type Options = Omit<PoolOptions, "servers">;

export interface Listen {
  readonly id: string | number;
  readonly filter: ListenFilter;
}

/** A pool and its one server `s`, whichever way they speak. */
export interface Bench {
  readonly pool: McpClientPool;
  /** Every `subscriptions/listen` ever sent. */
  readonly listens: () => Listen[];
  /** Those that the server holds open. */
  readonly open: () => Listen[];
  /** Tells all subscriptions that were granted it. */
  readonly tell: (method: string, params?: object) => Promise<void>;
  /** Sends a message to the client just as it is: over HTTP, on the newest stream. */
  readonly tellRaw: (method: string, params: object) => Promise<void>;
  /** Ends all subscriptions in good order. */
  readonly end: () => Promise<void>;
  /** Answers to `tools/list` come only after what is told meanwhile; until the function is called that it gives. */
  readonly delayLists: () => () => void;
}

export interface Kind {
  readonly name: string;
  readonly start: (
    script?: { capabilities?: object },
    config?: Config,
    options?: Options,
  ) => Promise<Bench>;
}

export const HTTP: Kind = {
  name: "HTTP",
  async start({ capabilities } = {}, config, options) {
    const server = await serveStateless({
      resources: RESOURCES,
      ...(capabilities === undefined ? {} : { capabilities: { ...capabilities } }),
    });
    return overHttp(server, await connectedTo(server, config, options));
  },
};

export function overHttp(server: StatelessServer, pool: McpClientPool): Bench {
  const listenOf = ({ id, requested }: StatelessServer["allSubscriptions"][number]): Listen => {
    return { id, filter: requested };
  };
  return {
    pool,
    listens: () => server.allSubscriptions.map(listenOf),
    open: () => server.subscriptions.map(listenOf),
    tell: async (method, params = {}) => void server.push({ method, params: { ...params } }),
    tellRaw: async (method, params) => {
      server.allSubscriptions.at(-1)?.pushRaw({ jsonrpc: "2.0", method, params });
    },
    end: async () => server.endSubscriptions("graceful"),
    delayLists: () => {
      const hold = server.hold("tools/list");
      return () => hold.release();
    },
  };
}

export const STDIO: Kind = {
  name: "stdio",
  async start(script, config, options) {
    const ledger = new Ledger();
    return overStdio(
      ledger,
      await connectedTo(statelessStdio(ledger, script), config, {
        ...options,
        timeouts: { closeStepMs: 300, ...options?.timeouts },
      }),
    );
  },
};

export function overStdio(ledger: Ledger, pool: McpClientPool): Bench {
  const listens = (): Listen[] =>
    traceOf(ledger)
      .filter(({ method }) => method === LISTEN)
      .map(({ id = "", params }) => ({ id, filter: params["notifications"] as ListenFilter }));
  const tool = async (name: string, args: object): Promise<void> => {
    await pool.call("s", "tools/call", { name, arguments: args });
  };
  return {
    pool,
    listens,
    open: () =>
      listens().filter(({ id }) => !ledger.lines.includes(`cancelled ${JSON.stringify(id)}`)),
    tell: (method, params = {}) => tool("change", { method, params }),
    tellRaw: (method, params) => tool("change", { method, params, untagged: true }),
    end: () => tool("end", {}),
    // It answers in the order in which it is asked.
    delayLists: () => () => {},
  };
}

/** What each of them asked for. */
export const filtersOf = (listens: readonly Listen[]): ListenFilter[] =>
  listens.map(({ filter }) => filter);

/** Resolves when all that the server sent before has been taken in. */
export async function caughtUp({ pool, tell }: Bench): Promise<void> {
  const changed = nextEvent(pool, "resources.changed");
  await tell(RESOURCES_CHANGED);
  await changed;
}
