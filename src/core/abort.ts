// Many waiters on one AbortSignal as one listener: Node warns on the console at the eleventh.

import { LinkedList, ListItem } from "./linked-list.ts";

/** Waits for one signal; give it back to `unwatch`. */
export class AbortWatch extends ListItem {
  readonly onAbort: () => void;

  constructor(onAbort: () => void) {
    super();
    this.onAbort = onAbort;
  }
}

interface Watched {
  readonly watches: LinkedList<AbortWatch>;
  readonly listener: () => void;
}

/** Only signals that somebody waits for. */
const watched: WeakMap<AbortSignal, Watched> = new WeakMap();

/** Calls `onAbort` once when the signal is aborted, unless `unwatch` comes first. */
export function watchAbort(signal: AbortSignal, onAbort: () => void): AbortWatch {
  const watch = new AbortWatch(onAbort);
  const known = watched.get(signal);
  if (known !== undefined) {
    known.watches.add(watch);
    return watch;
  }
  const watches = new LinkedList<AbortWatch>();
  watches.add(watch);
  const listener = (): void => {
    forget(signal, listener);
    for (const one of watches.takeAll()) one.onAbort();
  };
  watched.set(signal, { watches, listener });
  signal.addEventListener("abort", listener);
  return watch;
}

/** Leaves nothing behind on the signal when its last waiter goes. */
export function unwatchAbort(signal: AbortSignal, watch: AbortWatch): void {
  if (!LinkedList.remove(watch)) return;
  const known = watched.get(signal);
  if (known === undefined || !known.watches.isEmpty) return;
  forget(signal, known.listener);
}

/**
 * Runs `work` with a signal that aborts with the first of `signals`. Unlike `AbortSignal.any` it leaves nothing on
 * signals that live as long as the program, once the work is done.
 */
export async function withEither<T>(
  signals: readonly (AbortSignal | undefined)[],
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const either = new AbortController();
  const watches: { signal: AbortSignal; watch: AbortWatch }[] = [];
  for (const signal of signals) {
    if (signal === undefined) continue;
    if (signal.aborted) either.abort(signal.reason);
    else watches.push({ signal, watch: watchAbort(signal, () => either.abort(signal.reason)) });
  }
  try {
    return await work(either.signal);
  } finally {
    for (const { signal, watch } of watches) unwatchAbort(signal, watch);
  }
}

/** What `work` gives, or the signal's reason as soon as it is aborted; the work itself goes on. */
export function untilAborted<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    // Listening also when it is too late: what `work` rejects with must find a handler.
    if (signal.aborted) reject(signal.reason as Error);
    const watch = watchAbort(signal, () => reject(signal.reason as Error));
    void work.then(resolve, reject).finally(() => unwatchAbort(signal, watch));
  });
}

function forget(signal: AbortSignal, listener: () => void): void {
  watched.delete(signal);
  signal.removeEventListener("abort", listener);
}
