// The public surface of mcp-client-pool.

export { McpClientPool } from "./pool/pool.ts";
export { DEFAULT_DRAIN_MS } from "./pool/call-options.ts";
export { MAX_NAME_CHARS, SEPARATOR, splitToolName } from "./catalog/names.ts";
export { createMemoryPair } from "./transport/memory/memory.ts";
export { SamplingRefusedError } from "./eras/sampling.ts";
export {
  McpAuthError,
  McpCircuitOpenError,
  McpClosedError,
  McpConfigError,
  McpConnectionError,
  McpError,
  McpHttpError,
  McpInputError,
  McpOutcomeUnknownError,
  McpOutputError,
  McpOverloadedError,
  McpProtocolError,
  McpResponseError,
  McpTimeoutError,
  McpToolNotFoundError,
  McpUnsupportedError,
} from "./core/errors.ts";
export {
  LATEST_SESSION_VERSION,
  LATEST_STATELESS_VERSION,
  SESSION_VERSIONS,
  STATELESS_VERSIONS,
} from "./spec/versions.ts";

export type { McpErrorCode, McpErrorJson, McpErrorOptions, Sent } from "./core/errors.ts";
export type { Clock, Timer } from "./core/clock.ts";
export type { Listener } from "./core/emitter.ts";
export type {
  PoolPrompt,
  PoolResource,
  PoolResourceTemplate,
  PoolTool,
} from "./catalog/pool-tool.ts";
export type { CachedCallOptions } from "./catalog/pages.ts";
export type { DefinitionChange, PinnedDefinition, PinStore, WithheldTool } from "./catalog/pins.ts";
export type { Interceptor, InterceptorNext, PoolRequest } from "./connection/interceptors.ts";
export type { CircuitState } from "./resilience/breaker.ts";
export type { Throttle } from "./resilience/adaptive-limit.ts";
export type { CacheMode } from "./catalog/response-cache.ts";
export type { CacheStore } from "./core/cache-store.ts";
export type { CallOptions } from "./connection/call.ts";
export type { ReplayOption } from "./connection/replay.ts";
export type {
  BreakerOptions,
  ConnectionOptions,
  HttpServerConfig,
  Limits,
  ReconnectOptions,
  RetryBudgetOptions,
  ServerConfig,
  ServerOptions,
  StdioServerConfig,
  Timeouts,
  ToolFilter,
  TransportServerConfig,
} from "./connection/config-types.ts";
export type { ConnectionCounts, ServerDescription } from "./connection/description.ts";
export type { Routing } from "./connection/session-search.ts";
export type { ConnectionStateName } from "./connection/state.ts";
export type { HandlerContext } from "./eras/handlers.ts";
export type { ConnectReport } from "./pool/connect-all.ts";
export type { PoolEvent, PoolEvents } from "./pool/events.ts";
export type {
  ElicitFormHandler,
  ElicitUrlHandler,
  PoolOptions,
  SamplingHandler,
} from "./pool/options.ts";
export type { ServerStatus } from "./pool/status.ts";
export type { QuirkCode } from "./jsonrpc/quirk-table.ts";
export type {
  ResourceChange,
  ResourceListener,
  ResourceSubscription,
} from "./pool/subscriptions.ts";
export type {
  DuplexTransport,
  Exchange,
  ExchangeHandle,
  ExchangeTransport,
  HeaderList,
  ListenEnd,
  ListenOptions,
  ResponseHead,
  Transport,
  TransportSink,
} from "./jsonrpc/transport.ts";
export type {
  JsonRpcErrorObject,
  JsonRpcFailure,
  JsonRpcMessage,
  JsonRpcNotification,
  JsonRpcRequest,
  JsonRpcResponse,
  JsonRpcSuccess,
  RequestId,
} from "./jsonrpc/messages.ts";
export type { SdkTransport } from "./transport/custom/sdk-adapter.ts";
export type { MemoryPair, MemoryServerEnd } from "./transport/memory/memory.ts";
export type { ProtocolVersion, SessionVersion, StatelessVersion } from "./spec/versions.ts";
export type { ToolCallOptions } from "./pool/call-options.ts";
export type { ToolTask } from "./pool/tool-task.ts";
export type * from "./spec/types.ts";
