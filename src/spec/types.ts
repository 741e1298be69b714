// The shapes of MCP that a client reads and writes, as a superset over all revisions:
// fields that one of them lacks are optional, unknown fields are kept.
// https://github.com/modelcontextprotocol/modelcontextprotocol/blob/main/schema/2026-07-28/schema.ts

export type JsonObject = { [key: string]: unknown };

/** `_meta`: reserved for the protocol and its extensions; unknown keys pass through. */
export type Meta = JsonObject;

export type LogLevel =
  | "debug"
  | "info"
  | "notice"
  | "warning"
  | "error"
  | "critical"
  | "alert"
  | "emergency";

export const LOG_LEVELS: readonly LogLevel[] = [
  "debug",
  "info",
  "notice",
  "warning",
  "error",
  "critical",
  "alert",
  "emergency",
];

export interface Icon {
  src: string;
  mimeType?: string;
  sizes?: string[];
  theme?: "light" | "dark";
}

/** Name and version of a client or a server. Display only: it proves nothing. */
export interface Implementation {
  name: string;
  version: string;
  title?: string;
  description?: string;
  websiteUrl?: string;
  icons?: Icon[];
}

export interface ClientCapabilities {
  roots?: { listChanged?: boolean };
  sampling?: { context?: JsonObject; tools?: JsonObject };
  elicitation?: { form?: JsonObject; url?: JsonObject };
  experimental?: JsonObject;
  extensions?: { [id: string]: JsonObject };
}

export interface ServerCapabilities {
  tools?: { listChanged?: boolean };
  resources?: { subscribe?: boolean; listChanged?: boolean };
  prompts?: { listChanged?: boolean };
  logging?: JsonObject;
  completions?: JsonObject;
  tasks?: {
    list?: JsonObject;
    cancel?: JsonObject;
    requests?: { tools?: { call?: JsonObject } };
  };
  experimental?: JsonObject;
  extensions?: { [id: string]: JsonObject };
}

export interface InitializeResult {
  protocolVersion: string;
  capabilities: ServerCapabilities;
  serverInfo: Implementation;
  instructions?: string;
  _meta?: Meta;
}

/** 2026-07-28: what a server says of itself to whoever asks. */
export interface DiscoverResult {
  supportedVersions: string[];
  capabilities: ServerCapabilities;
  instructions?: string;
  /** Milliseconds for which this may be taken as true. */
  ttlMs?: number;
  cacheScope?: "public" | "private";
  _meta?: Meta;
}

export interface ToolAnnotations {
  title?: string;
  readOnlyHint?: boolean;
  destructiveHint?: boolean;
  idempotentHint?: boolean;
  openWorldHint?: boolean;
}

/** A tool as its server defines it. */
export interface Tool {
  name: string;
  title?: string;
  description?: string;
  inputSchema: JsonObject;
  outputSchema?: JsonObject;
  annotations?: ToolAnnotations;
  /** 2025-11-25. */
  execution?: { taskSupport?: "forbidden" | "optional" | "required" };
  icons?: Icon[];
  _meta?: Meta;
  [key: string]: unknown;
}

export interface TextContent {
  type: "text";
  text: string;
  annotations?: JsonObject;
  _meta?: Meta;
}

export interface ImageContent {
  type: "image";
  /** Base64. */
  data: string;
  mimeType: string;
  annotations?: JsonObject;
  _meta?: Meta;
}

export interface AudioContent {
  type: "audio";
  /** Base64. */
  data: string;
  mimeType: string;
  annotations?: JsonObject;
  _meta?: Meta;
}

export interface ResourceLink {
  type: "resource_link";
  uri: string;
  name: string;
  [key: string]: unknown;
}

export interface EmbeddedResource {
  type: "resource";
  resource: ResourceContents;
  annotations?: JsonObject;
  _meta?: Meta;
}

/** One block of content; a type that this list does not know is passed through as it came. */
export type ContentBlock =
  | TextContent
  | ImageContent
  | AudioContent
  | ResourceLink
  | EmbeddedResource;

export interface CallToolResult {
  content: ContentBlock[];
  /** Any JSON value; an object in the session revisions. */
  structuredContent?: unknown;
  /** The tool ran and failed: hand it to the model, it is not an exception. */
  isError?: boolean;
  _meta?: Meta;
  [key: string]: unknown;
}

export interface Resource {
  uri: string;
  name: string;
  title?: string;
  description?: string;
  mimeType?: string;
  /** Bytes. */
  size?: number;
  annotations?: JsonObject;
  icons?: Icon[];
  _meta?: Meta;
  [key: string]: unknown;
}

export interface ResourceTemplate {
  /** RFC 6570. */
  uriTemplate: string;
  name: string;
  title?: string;
  description?: string;
  mimeType?: string;
  annotations?: JsonObject;
  icons?: Icon[];
  _meta?: Meta;
  [key: string]: unknown;
}

export interface ResourceContents {
  uri: string;
  mimeType?: string;
  text?: string;
  /** Base64. */
  blob?: string;
  _meta?: Meta;
}

export interface ReadResourceResult {
  contents: ResourceContents[];
  _meta?: Meta;
  [key: string]: unknown;
}

export interface PromptArgument {
  name: string;
  title?: string;
  description?: string;
  required?: boolean;
}

export interface Prompt {
  name: string;
  title?: string;
  description?: string;
  arguments?: PromptArgument[];
  icons?: Icon[];
  _meta?: Meta;
  [key: string]: unknown;
}

export interface PromptMessage {
  role: "user" | "assistant";
  content: ContentBlock;
}

export interface GetPromptResult {
  description?: string;
  messages: PromptMessage[];
  _meta?: Meta;
  [key: string]: unknown;
}

export type CompletionReference =
  | { type: "ref/prompt"; name: string }
  | { type: "ref/resource"; uri: string };

export interface CompletionArgument {
  name: string;
  value: string;
}

/** Arguments already filled in (from 2025-06-18 on; earlier servers ignore it). */
export interface CompletionContext {
  arguments?: { [name: string]: string };
}

export interface Completion {
  /** At most 100. */
  values: string[];
  total?: number;
  hasMore?: boolean;
}

export interface Progress {
  progress: number;
  total?: number;
  message?: string;
}

export interface LogMessage {
  level: LogLevel;
  logger?: string;
  data: unknown;
}

export interface Root {
  /** Always `file://`. */
  uri: string;
  name?: string;
  _meta?: Meta;
}

export interface ElicitFormParams {
  mode?: "form";
  message: string;
  /** A flat object schema of primitive properties. */
  requestedSchema: JsonObject;
  _meta?: Meta;
}

export interface ElicitUrlParams {
  mode: "url";
  message: string;
  /** 2025-11-25 only. */
  elicitationId?: string;
  url: string;
  _meta?: Meta;
}

export type ElicitParams = ElicitFormParams | ElicitUrlParams;

export type ElicitValue = string | number | boolean | string[];

export interface ElicitResult {
  action: "accept" | "decline" | "cancel";
  /** Only for an accepted form. */
  content?: { [key: string]: ElicitValue };
  _meta?: Meta;
}

export interface ToolUseContent {
  type: "tool_use";
  id: string;
  name: string;
  input: JsonObject;
}

export interface ToolResultContent {
  type: "tool_result";
  toolUseId: string;
  content: ContentBlock[];
  isError?: boolean;
  structuredContent?: unknown;
}

export type SamplingContent =
  | TextContent
  | ImageContent
  | AudioContent
  | ToolUseContent
  | ToolResultContent;

export interface SamplingMessage {
  role: "user" | "assistant";
  content: SamplingContent | SamplingContent[];
  _meta?: Meta;
}

export interface CreateMessageParams {
  messages: SamplingMessage[];
  maxTokens: number;
  systemPrompt?: string;
  includeContext?: "none" | "thisServer" | "allServers";
  temperature?: number;
  stopSequences?: string[];
  modelPreferences?: JsonObject;
  metadata?: JsonObject;
  tools?: Tool[];
  toolChoice?: { mode?: "auto" | "required" | "none" };
  _meta?: Meta;
}

export interface CreateMessageResult {
  role: "user" | "assistant";
  /** One block; an array is reduced to one for servers before 2025-11-25. */
  content: SamplingContent | SamplingContent[];
  model: string;
  stopReason?: string;
  _meta?: Meta;
}

/** 2025-11-25 tasks. */
export interface Task {
  taskId: string;
  status: "working" | "input_required" | "completed" | "failed" | "cancelled";
  statusMessage?: string;
  createdAt: string;
  lastUpdatedAt: string;
  ttl: number | null;
  /** Milliseconds. */
  pollInterval?: number;
}

/** 2026-07-28: what a server asks for instead of answering, by keys of its own. */
export interface InputRequests {
  [key: string]: { method: string; params?: JsonObject };
}

export type TaskStatus = "working" | "input_required" | "completed" | "failed" | "cancelled";

/** The task extension of 2026-07-28, `io.modelcontextprotocol/tasks`. */
export interface TaskState {
  taskId: string;
  status: TaskStatus;
  /** For people. */
  statusMessage?: string;
  /** ISO 8601. */
  createdAt?: string;
  lastUpdatedAt?: string;
  /** Milliseconds after `createdAt` when the server may forget it; `null`: never. */
  ttlMs?: number | null;
  /** How long to wait between polls, milliseconds. */
  pollIntervalMs?: number;
}
