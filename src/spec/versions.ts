// The protocol revisions, oldest first. https://modelcontextprotocol.io/specification/versioning

/** Revisions that begin with `initialize` and hold a session. */
export const SESSION_VERSIONS = ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"] as const;

/** Revisions without handshake and session: every request says all there is to say. */
export const STATELESS_VERSIONS = ["2026-07-28"] as const;

export type SessionVersion = (typeof SESSION_VERSIONS)[number];
export type StatelessVersion = (typeof STATELESS_VERSIONS)[number];
export type ProtocolVersion = SessionVersion | StatelessVersion;

export const LATEST_SESSION_VERSION: SessionVersion = "2025-11-25";
export const LATEST_STATELESS_VERSION: StatelessVersion = "2026-07-28";

export function isSessionVersion(version: unknown): version is SessionVersion {
  return (SESSION_VERSIONS as readonly unknown[]).includes(version);
}

/**
 * The session revision whose rules hold under a name that a server gave: the newest that is not younger. A draft sorts
 * behind all dates, and is taken for the newest; a name older than all is taken for the oldest.
 */
export function nearestSessionVersion(version: string): SessionVersion {
  return SESSION_VERSIONS.findLast((known) => known <= version) ?? SESSION_VERSIONS[0];
}

export function isStatelessVersion(version: unknown): version is StatelessVersion {
  return (STATELESS_VERSIONS as readonly unknown[]).includes(version);
}

/** Whether a revision, known here or not, is younger than the last one with sessions: names sort by date. */
export function isAfterSessions(version: string): boolean {
  return version > LATEST_SESSION_VERSION;
}
