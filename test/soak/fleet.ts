// The servers of the soak: every transport, every era, both forms of answers, trusted and not.

export type Era = "sessions" | "stateless" | "both";

interface SpecBase {
  readonly name: string;
  readonly era: Era;
  /** Whether the pool is told to believe its annotations. */
  readonly trusted: boolean;
}

export interface HttpSpec extends SpecBase {
  readonly kind: "http";
  readonly replies: "json" | "sse";
  /** `none`: events without ids; `kept`: streams can be resumed; `lost`: ids are given, and GET refuses to resume. */
  readonly ids: "none" | "kept" | "lost";
  /** False: sessions without an id. */
  readonly sessionIds: boolean;
  /** Whether its era may change while it runs. */
  readonly changesEra: boolean;
}

export interface LegacySpec extends SpecBase {
  readonly kind: "legacy";
  /** Whether the pool must find out by itself that this is HTTP+SSE of 2024-11-05. */
  readonly auto: boolean;
}

export interface StdioSpec extends SpecBase {
  readonly kind: "stdio";
}

export interface MemorySpec extends SpecBase {
  readonly kind: "memory";
}

export type ServerSpec = HttpSpec | LegacySpec | StdioSpec | MemorySpec;

export const FLEET: readonly ServerSpec[] = [
  http("json"),
  http("json-untrusted", { trusted: false }),
  http("json-no-id", { sessionIds: false }),
  http("sse", { replies: "sse" }),
  http("sse-resumed", { replies: "sse", ids: "kept" }),
  http("sse-refused", { replies: "sse", ids: "lost" }),
  http("free-json", { era: "stateless" }),
  http("free-sse", { era: "stateless", replies: "sse" }),
  http("both-json", { era: "both", changesEra: true }),
  http("both-sse", { era: "both", replies: "sse", changesEra: true }),
  { kind: "legacy", name: "old", era: "sessions", trusted: true, auto: false },
  { kind: "legacy", name: "old-auto", era: "sessions", trusted: false, auto: true },
  { kind: "stdio", name: "child", era: "sessions", trusted: true },
  { kind: "stdio", name: "child-untrusted", era: "sessions", trusted: false },
  { kind: "stdio", name: "child-free", era: "stateless", trusted: true },
  { kind: "stdio", name: "child-both", era: "both", trusted: true },
  { kind: "memory", name: "memory", era: "sessions", trusted: true },
];

function http(name: string, own: Partial<HttpSpec> = {}): HttpSpec {
  return {
    kind: "http",
    name,
    era: "sessions",
    trusted: true,
    replies: "json",
    ids: "none",
    sessionIds: true,
    changesEra: false,
    ...own,
  };
}
