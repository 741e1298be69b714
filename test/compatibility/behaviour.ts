// One behaviour of a server: what is reported of it, and what its user must see all the same.

import type { Trial } from "./trial.ts";

/** In the order of the page. */
export const KINDS = [
  ["sessions", "Sessions that are lost"],
  ["probe", "The question for the newest revision is refused"],
  ["handshake", "The handshake"],
  ["authorization", "One request is refused"],
  ["lists", "Lists"],
  ["messages", "Messages"],
  ["content", "Results and schemas"],
  ["bodies", "HTTP: bodies"],
  ["headers", "HTTP: headers, addresses, codings"],
  ["streams", "Streams"],
  ["pings", "Pings"],
  ["stdio", "Child processes"],
  ["restarts", "Restarts and limits"],
  ["balancers", "Replicas behind a balancer"],
] as const;
export type Kind = (typeof KINDS)[number][0];

export interface Behaviour {
  /** For `--only`; also the anchor in the data. */
  readonly id: string;
  /** The server's behaviour, as the end of a sentence that begins with "The server". */
  readonly title: string;
  /** Where it was reported of a real server. */
  readonly source?: string;
  /**
   * How long a step may take before it counts as late, milliseconds, where a server that keeps to the specification
   * would be as slow. Default: 2.5 s.
   */
  readonly lateMs?: number;
  /** Connects, lists, calls; what falls short is noted by the trial. */
  run(trial: Trial): Promise<void>;
}

export function behaviour(
  id: string,
  title: string,
  source: string | undefined,
  run: Behaviour["run"],
  lateMs?: number,
): Behaviour {
  return {
    id,
    title,
    ...(source === undefined ? {} : { source }),
    ...(lateMs === undefined ? {} : { lateMs }),
    run,
  };
}
