// What a client must offer to be run against the faults: an adapter is a module with these exports.

/** A server as `mcp.json` describes it. */
export interface ServerEntry {
  readonly url?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly command?: string;
  readonly args?: readonly string[];
  /** Whether the server's annotations may be believed. Default false. */
  readonly trusted?: boolean;
}

export interface ConnectSettings {
  /** Longest that one server may take to connect, milliseconds. */
  readonly timeoutMs: number;
  /** For whatever the client tells its user by calling back: changed lists, log messages, losses. May throw. */
  readonly onEvent: (event: unknown) => void;
}

export interface CallSettings {
  /** Longest that the caller wants to wait for a sign of life, milliseconds. */
  readonly timeoutMs: number;
  /** Aborted when the caller cancels. */
  readonly signal: AbortSignal;
}

/** A tool as a model would be shown it. */
export interface ClientTool {
  /** What `callTool` takes. */
  readonly name: string;
  /** As the server gave it: the suite knows its tools by it. */
  readonly description: string;
}

export type OtherList = "resources" | "resourceTemplates" | "prompts";

/** A result as the protocol has it, or its text. */
export type CallOutput = string | { readonly content?: unknown; readonly isError?: unknown };

export interface ClientUnderTest {
  /** May reject; what works all the same is then still tried. */
  connect(servers: Readonly<Record<string, ServerEntry>>, settings: ConnectSettings): Promise<void>;
  /** The tools that there are now, asked for in the way that the client documents. */
  listTools(): Promise<readonly ClientTool[]>;
  /** The names of what else there is to list; a client may have nothing of the kind. */
  listOthers?(kind: OtherList): Promise<readonly string[]>;
  callTool(
    name: string,
    args: Readonly<Record<string, unknown>>,
    settings: CallSettings,
  ): Promise<CallOutput>;
  /** May be called while `connect` is under way. */
  close(): Promise<void>;
}

/**
 * What a client may lack; faults that need it show "–".
 *
 * - `http`, `stdio`: the transport
 * - `several`: one client has many servers
 * - `names`: the client itself makes names that tell servers apart
 * - `cancel`: a call can be cancelled by its caller
 * - `stateless`: revision 2026-07-28
 * - `events`: the client tells its user of anything by calling back
 */
export const ABILITIES = [
  "http",
  "stdio",
  "several",
  "names",
  "cancel",
  "stateless",
  "events",
] as const;
export type Ability = (typeof ABILITIES)[number];

export interface Adapter {
  readonly name: string;
  readonly version: string;
  readonly cannot?: readonly Ability[];
  createClient(): ClientUnderTest;
  /** What `callTool` takes for a tool that is not listed. Default: the server's own name for it. */
  toolName?(server: string, tool: string): string;
  /** Whether the error says that the call may have run (true), that it has not (false), or neither (undefined). */
  mayHaveRun?(error: unknown): boolean | undefined;
}
