// The public surface as types: what compiles, what must not, and what comes back. `tsc --noEmit` is the judge.

import {
  DEFAULT_DRAIN_MS,
  MAX_NAME_CHARS,
  McpClientPool,
  McpError,
  McpResponseError,
  SEPARATOR,
  splitToolName,
} from "mcp-client-pool";
import type {
  createMemoryPair,
  McpAuthError,
  McpCircuitOpenError,
  McpClosedError,
  McpConfigError,
  McpConnectionError,
  McpHttpError,
  McpOutcomeUnknownError,
  McpOverloadedError,
  McpProtocolError,
  McpTimeoutError,
  McpToolNotFoundError,
  McpUnsupportedError,
  CachedCallOptions,
  CallOptions,
  CallToolResult,
  Completion,
  ConnectionStateName,
  ConnectReport,
  GetPromptResult,
  HttpServerConfig,
  Implementation,
  JsonObject,
  LogLevel,
  McpErrorCode,
  McpErrorJson,
  PoolEvent,
  PoolEvents,
  PoolOptions,
  PoolPrompt,
  PoolResource,
  PoolResourceTemplate,
  PoolTool,
  Progress,
  ReadResourceResult,
  RequestId,
  ResourceChange,
  ResourceSubscription,
  Root,
  SdkTransport,
  Sent,
  ServerConfig,
  ServerOptions,
  ServerStatus,
  StdioServerConfig,
  Tool,
  ToolCallOptions,
  Transport,
} from "mcp-client-pool";
import { describe, expectTypeOf, test } from "vitest";

type Pool = InstanceType<typeof McpClientPool>;
type Returned<K extends keyof Pool> = Pool[K] extends (...args: never[]) => infer R ? R : never;

describe("McpClientPool", () => {
  test("made with options or without, disposable", () => {
    expectTypeOf(McpClientPool).constructorParameters.toEqualTypeOf<
      [options?: PoolOptions | undefined]
    >();
    expectTypeOf<McpClientPool>().toExtend<AsyncDisposable>();
  });

  test("servers", () => {
    expectTypeOf<Returned<"connect">>().toEqualTypeOf<Promise<ConnectReport>>();
    expectTypeOf<ConnectReport["connected"]>().toEqualTypeOf<readonly string[]>();
    expectTypeOf<ConnectReport["failed"]>().toEqualTypeOf<{
      readonly [server: string]: McpError;
    }>();
    expectTypeOf<Pool["addClient"]>().parameter(0).toEqualTypeOf<string>();
    expectTypeOf<Pool["addClient"]>().parameter(1).toEqualTypeOf<string | URL | ServerConfig>();
    expectTypeOf<Returned<"addClient">>().toEqualTypeOf<Promise<void>>();
    expectTypeOf<Pool["removeClient"]>().toBeCallableWith("files", { drainMs: 1_000 });
    expectTypeOf<Returned<"removeClient">>().toEqualTypeOf<Promise<void>>();
    expectTypeOf<Returned<"status">>().toEqualTypeOf<readonly ServerStatus[]>();
    expectTypeOf<Pool["closeAll"]>().toEqualTypeOf<
      (options?: { drainMs?: number }) => Promise<void>
    >();
  });

  test("tools: a read-only snapshot, and calls by name", () => {
    expectTypeOf<Pool["allTools"]>().toEqualTypeOf<readonly PoolTool[]>();
    expectTypeOf<Pool["listTools"]>().toEqualTypeOf<
      (name?: string, options?: CachedCallOptions) => Promise<readonly PoolTool[]>
    >();
    // Of the overload for results; the other gives handles.
    expectTypeOf<Parameters<Pool["callTool"]>>().toEqualTypeOf<
      [
        name: string,
        args?: { readonly [key: string]: unknown } | undefined,
        options?: (ToolCallOptions & { readonly task?: undefined }) | undefined,
      ]
    >();
    expectTypeOf<Returned<"callTool">>().toEqualTypeOf<Promise<CallToolResult>>();
  });

  test("any request, and notifications", () => {
    expectTypeOf<Pool["call"]>().parameters.toEqualTypeOf<
      [
        name: string,
        method: string,
        params?: JsonObject | undefined,
        options?: CallOptions | undefined,
      ]
    >();
    expectTypeOf<Returned<"call">>().toEqualTypeOf<Promise<JsonObject>>();
    expectTypeOf<Returned<"notify">>().toEqualTypeOf<Promise<void>>();
  });

  test("resources, prompts, completion, logging", () => {
    expectTypeOf<Returned<"listResources">>().resolves.toEqualTypeOf<PoolResource[]>();
    expectTypeOf<Returned<"listResourceTemplates">>().resolves.toEqualTypeOf<
      PoolResourceTemplate[]
    >();
    expectTypeOf<Returned<"readResource">>().resolves.toEqualTypeOf<ReadResourceResult>();
    expectTypeOf<Returned<"listPrompts">>().resolves.toEqualTypeOf<PoolPrompt[]>();
    expectTypeOf<Returned<"getPrompt">>().resolves.toEqualTypeOf<GetPromptResult>();
    expectTypeOf<Returned<"complete">>().resolves.toEqualTypeOf<Completion>();
    expectTypeOf<Pool["setLogLevel"]>().parameter(1).toEqualTypeOf<LogLevel>();
    expectTypeOf<Pool["setRoots"]>().parameter(0).toEqualTypeOf<readonly Root[]>();
    expectTypeOf<Returned<"subscribeResource">>().resolves.toEqualTypeOf<ResourceSubscription>();
    expectTypeOf<Pool["subscribeResource"]>()
      .parameter(2)
      .toEqualTypeOf<(change: ResourceChange) => unknown>();
    expectTypeOf<ResourceSubscription>().toExtend<AsyncDisposable>();
  });

  test("what does not compile", () => {
    const misuse = (pool: McpClientPool, status: ServerStatus): unknown[] => [
      // @ts-expect-error the snapshot cannot be changed
      pool.allTools.push(),
      // @ts-expect-error nor replaced
      (pool.allTools = []),
      // @ts-expect-error arguments are an object
      pool.callTool("a__b", "text"),
      // @ts-expect-error no such option
      pool.callTool("a__b", {}, { timeout: 1 }),
      // @ts-expect-error no such event
      pool.on("tool.changed", () => {}),
      // @ts-expect-error no such property in that event
      pool.on("server.closed", ({ error }) => error),
      // @ts-expect-error no such level
      pool.setLogLevel("a", "loud"),
      // @ts-expect-error a server is reached somehow
      pool.addClient("a", {}),
      // @ts-expect-error a prompt's arguments are strings
      pool.getPrompt("a__p", { n: 1 }),
      // @ts-expect-error a status is read only
      (status.state = "ready"),
    ];
    expectTypeOf(misuse).toBeFunction();
  });
});

test("PoolTool: what an LLM is given, all read-only", () => {
  expectTypeOf<PoolTool>().toEqualTypeOf<{
    readonly name: string;
    readonly description: string;
    readonly parameters: JsonObject;
    readonly server: string;
    readonly tool: Readonly<Tool>;
  }>();
});

describe("options", () => {
  test("the pool: servers by name, handlers, defaults for every server", () => {
    expectTypeOf<PoolOptions["servers"]>().toEqualTypeOf<
      Readonly<Record<string, ServerConfig>> | undefined
    >();
    expectTypeOf<PoolOptions>().toHaveProperty("onElicitation");
    expectTypeOf<PoolOptions>().toHaveProperty("onSampling");
    expectTypeOf<PoolOptions>().toHaveProperty("onLog");
    expectTypeOf<PoolOptions>().toHaveProperty("roots");
    expectTypeOf<keyof Omit<ServerOptions, "disabled">>().toExtend<keyof PoolOptions>();
    expectTypeOf<{
      tools: { allow: string[] };
      timeouts: { connectMs: number };
    }>().toExtend<PoolOptions>();
  });

  test("a server: over HTTP, as a child process, or a transport of the caller's", () => {
    expectTypeOf<{ url: string; headers: { authorization: string } }>().toExtend<ServerConfig>();
    expectTypeOf<{ url: URL; transport: "sse" }>().toExtend<HttpServerConfig>();
    expectTypeOf<{
      command: string;
      args: string[];
      env: { A: string };
      cwd: string;
    }>().toExtend<StdioServerConfig>();
    expectTypeOf<{ transport: Transport }>().toExtend<ServerConfig>();
    expectTypeOf<{ transport: SdkTransport }>().toExtend<ServerConfig>();
    expectTypeOf<{
      transport: ReturnType<typeof createMemoryPair>["client"];
    }>().toExtend<ServerConfig>();
    expectTypeOf<{
      lazy: true;
      trusted: true;
      required: true;
      disabled: true;
    }>().toExtend<ServerOptions>();
    expectTypeOf<{ url: number }>().not.toExtend<ServerConfig>();
    expectTypeOf<{ command: string; env: { A: number } }>().not.toExtend<ServerConfig>();
    expectTypeOf<{ protocol: "1999-01-01" }>().not.toExtend<ServerOptions>();
  });

  test("a call: limits, cancellation, progress, replay; each may be left undefined", () => {
    expectTypeOf<CallOptions>().toEqualTypeOf<{
      readonly timeoutMs?: number | undefined;
      readonly totalTimeoutMs?: number | undefined;
      readonly signal?: AbortSignal | undefined;
      readonly onProgress?: ((progress: Progress) => void) | undefined;
      readonly meta?: { readonly [key: string]: unknown } | undefined;
      readonly requestId?: RequestId | undefined;
      readonly replay?: "safe" | "always" | "never" | undefined;
    }>();
    expectTypeOf<RequestId>().toEqualTypeOf<string | number>();
  });
});

describe("events", () => {
  test("the names", () => {
    expectTypeOf<PoolEvent>().toEqualTypeOf<
      | "server.connecting"
      | "server.connected"
      | "server.disconnected"
      | "server.reconnected"
      | "server.failed"
      | "server.auth-required"
      | "server.circuit-opened"
      | "server.circuit-closed"
      | "server.closed"
      | "tools.changed"
      | "tools.withheld"
      | "resources.changed"
      | "resource.updated"
      | "prompts.changed"
      | "log"
      | "warning"
    >();
  });

  test("every payload says which server; a warning may be about none", () => {
    type Others = Exclude<PoolEvent, "warning">;
    expectTypeOf<PoolEvents[Others]["server"]>().toEqualTypeOf<string>();
    expectTypeOf<PoolEvents["warning"]["server"]>().toEqualTypeOf<string | undefined>();
  });

  test("payloads, as listeners see them", () => {
    const listen = (pool: McpClientPool): void => {
      const off = pool.on("tools.changed", ({ server, added, removed, changed }) => {
        expectTypeOf(server).toEqualTypeOf<string>();
        expectTypeOf({ added, removed, changed }).toEqualTypeOf<{
          added: readonly PoolTool[];
          removed: readonly PoolTool[];
          changed: readonly PoolTool[];
        }>();
      });
      expectTypeOf(off).toEqualTypeOf<() => void>();
      pool.on("server.connected", ({ protocolVersion, serverInfo }) => {
        expectTypeOf(protocolVersion).toEqualTypeOf<string>();
        expectTypeOf(serverInfo).toEqualTypeOf<Implementation>();
      });
      pool.on("server.disconnected", ({ error }) => {
        expectTypeOf(error).toEqualTypeOf<McpError | undefined>();
      });
      pool.on("server.failed", ({ error }) => {
        expectTypeOf(error).toEqualTypeOf<McpError>();
      });
      pool.on("server.reconnected", ({ reason }) => {
        expectTypeOf(reason).toEqualTypeOf<"connection-lost" | "session-lost">();
      });
      pool.on("log", ({ level, data }) => {
        expectTypeOf(level).toEqualTypeOf<LogLevel>();
        expectTypeOf(data).toBeUnknown();
      });
    };
    expectTypeOf(listen).returns.toBeVoid();
  });
});

describe("errors", () => {
  test("one base, one union of codes", () => {
    expectTypeOf<McpError>().toExtend<Error>();
    expectTypeOf<McpError["code"]>().toEqualTypeOf<McpErrorCode>();
    expectTypeOf<McpErrorCode>().toEqualTypeOf<
      | "CONNECTION_FAILED"
      | "CONNECTION_LOST"
      | "OUTCOME_UNKNOWN"
      | "TIMEOUT"
      | "RESPONSE_ERROR"
      | "PROTOCOL_ERROR"
      | "LIMIT_EXCEEDED"
      | "HTTP_ERROR"
      | "AUTH_REQUIRED"
      | "AUTH_FAILED"
      | "INSUFFICIENT_SCOPE"
      | "INPUT_FAILED"
      | "TASK_CANCELLED"
      | "OVERLOADED"
      | "CIRCUIT_OPEN"
      | "SERVER_NOT_FOUND"
      | "TOOL_NOT_FOUND"
      | "UNSUPPORTED"
      | "INVALID_CONFIG"
      | "CLOSED"
    >();
    expectTypeOf<McpError["sent"]>().toEqualTypeOf<Sent>();
    expectTypeOf<Sent>().toEqualTypeOf<"no" | "yes" | "unknown">();
    expectTypeOf<McpError["server"]>().toEqualTypeOf<string | undefined>();
    expectTypeOf<McpError["method"]>().toEqualTypeOf<string | undefined>();
    expectTypeOf<McpError["retryable"]>().toEqualTypeOf<boolean>();
    expectTypeOf<McpError["toJSON"]>().returns.toEqualTypeOf<McpErrorJson>();
  });

  test("the subclasses, and what each knows", () => {
    expectTypeOf<
      | McpConnectionError
      | McpTimeoutError
      | McpResponseError
      | McpProtocolError
      | McpHttpError
      | McpAuthError
      | McpOverloadedError
      | McpCircuitOpenError
      | McpToolNotFoundError
      | McpConfigError
      | McpUnsupportedError
      | McpClosedError
    >().toExtend<McpError>();
    expectTypeOf<McpOutcomeUnknownError>().toExtend<McpConnectionError>();
    expectTypeOf<McpResponseError>().toExtend<{
      readonly rpcCode: number;
      readonly rpcMessage: string;
      readonly data: unknown;
    }>();
    expectTypeOf<McpToolNotFoundError["nearMatches"]>().toEqualTypeOf<readonly string[]>();
    expectTypeOf<McpTimeoutError["limit"]>().toEqualTypeOf<
      "connect" | "handshake" | "silence" | "total"
    >();
    expectTypeOf<McpHttpError["status"]>().toEqualTypeOf<number>();
    expectTypeOf<McpConfigError["path"]>().toEqualTypeOf<string | undefined>();
  });

  test("instanceof narrows what was caught", () => {
    const handle = (error: unknown): void => {
      if (error instanceof McpResponseError) expectTypeOf(error.rpcCode).toEqualTypeOf<number>();
      if (error instanceof McpError) expectTypeOf(error.code).toEqualTypeOf<McpErrorCode>();
    };
    expectTypeOf(handle).parameter(0).toBeUnknown();
  });
});

test("status: state, address, counts, the last error as data", () => {
  expectTypeOf<ServerStatus["state"]>().toEqualTypeOf<ConnectionStateName | "disabled">();
  expectTypeOf<ConnectionStateName>().toEqualTypeOf<
    "idle" | "connecting" | "ready" | "backoff" | "auth-required" | "failed" | "draining" | "closed"
  >();
  expectTypeOf<ServerStatus["lastError"]>().toEqualTypeOf<McpErrorJson | undefined>();
  expectTypeOf<ServerStatus["counts"]["inFlight"]>().toEqualTypeOf<number>();
  expectTypeOf<ServerStatus["protocolVersion"]>().toEqualTypeOf<string | undefined>();
  expectTypeOf<ServerStatus["latencyMs"]>().toEqualTypeOf<number | undefined>();
});

test("names", () => {
  expectTypeOf(SEPARATOR).toExtend<string>();
  expectTypeOf(splitToolName).returns.toEqualTypeOf<{ server: string; tool: string } | undefined>();
  expectTypeOf(MAX_NAME_CHARS).toBeNumber();
  expectTypeOf(DEFAULT_DRAIN_MS).toBeNumber();
});
