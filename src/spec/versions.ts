// The protocol revisions, oldest first. https://modelcontextprotocol.io/specification/versioning

/** Revisions that begin with `initialize` and hold a session. */
export const SESSION_VERSIONS = ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"] as const;

export type SessionVersion = (typeof SESSION_VERSIONS)[number];

export const LATEST_SESSION_VERSION: SessionVersion = "2025-11-25";

export function isSessionVersion(version: unknown): version is SessionVersion {
  return (SESSION_VERSIONS as readonly unknown[]).includes(version);
}
