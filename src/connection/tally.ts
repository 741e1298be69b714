// The tally of one call: what its attempts have met so far.

/** What has happened to one call so far. */
export interface Tally {
  /** Second executions risked. */
  replays: number;
  /** Times that a session was refused. */
  refusals: number;
  /** Times that it was refused as one too many, and calls that had been answered when that began. */
  throttled: number;
  answeredBefore: number;
  /** The last ones, on the session that holds now. */
  refusalsInRow: number;
  resends: number;
  pauses: number;
  /** An attempt was written and its answer lost. */
  mayHaveRun: boolean;
}

export const NOTHING_YET: Tally = {
  replays: 0,
  refusals: 0,
  throttled: 0,
  answeredBefore: 0,
  refusalsInRow: 0,
  resends: 0,
  pauses: 0,
  mayHaveRun: false,
};
