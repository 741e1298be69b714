// What a contender does here: it connects to many servers and lists the tools of each.

export const CONTENDERS = ["floor", "pool", "sdk-v2"] as const;
export type ContenderName = (typeof CONTENDERS)[number];

/** Everything connected, and what the servers listed kept. */
export interface Fleet {
  /** All tools of all servers. */
  countTools(): number;
  /** Ends every session and closes every socket. */
  close(): Promise<void>;
}

/** Loaded, and connected to nothing yet. */
export type ConnectFleet = (urls: readonly string[]) => Promise<Fleet>;

/** Servers that are being connected to at once. */
export const LANES = 32;

/** Does `work` for each, {@link LANES} at a time, in order. */
export async function inLanes<T, R>(
  items: readonly T[],
  work: (item: T) => Promise<R>,
): Promise<R[]> {
  const results: R[] = [];
  let next = 0;
  const lane = async (): Promise<void> => {
    for (;;) {
      const index = next++;
      const item = items[index];
      if (item === undefined) return;
      results[index] = await work(item);
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  return results;
}
