// Counts what calls do and leave to the runtime: promises, timers and the like by async_hooks; the rest by wrapping the
// functions and classes that do it.

import { createHook } from "node:async_hooks";

export interface Counts {
  readonly promises: number;
  readonly timers: number;
  readonly immediates: number;
  /** process.nextTick, queueMicrotask. */
  readonly ticks: number;
  /** Whatever else Node has a name for, sockets apart. */
  readonly others: number;
  readonly abortControllers: number;
  readonly abortListeners: number;
  readonly parses: number;
  readonly stringifies: number;
  readonly clones: number;
  readonly urls: number;
}

export interface Counted {
  readonly counts: Counts;
  /** Opened. */
  readonly sockets: number;
}

type Counting = { -readonly [kind in keyof Counts]: number };

const NOTHING: Counts = {
  promises: 0,
  timers: 0,
  immediates: 0,
  ticks: 0,
  others: 0,
  abortControllers: 0,
  abortListeners: 0,
  parses: 0,
  stringifies: 0,
  clones: 0,
  urls: 0,
};

const RESOURCES: { readonly [type: string]: keyof Counts } = {
  PROMISE: "promises",
  Timeout: "timers",
  Immediate: "immediates",
  TickObject: "ticks",
  Microtask: "ticks",
};

/** A connection, and what belongs to opening one. */
const CONNECT = "TCPCONNECTWRAP";
const OF_SOCKETS: ReadonlySet<string> = new Set([CONNECT, "TCPWRAP", "SHUTDOWNWRAP"]);

const FUNCTIONS: readonly (readonly [owner: object, name: string, kind: keyof Counts])[] = [
  [globalThis, "AbortController", "abortControllers"],
  [EventTarget.prototype, "addEventListener", "abortListeners"],
  [JSON, "parse", "parses"],
  [JSON, "stringify", "stringifies"],
  [globalThis, "structuredClone", "clones"],
  [globalThis, "URL", "urls"],
];

/** All that is made while `work` goes on. */
export async function counting(work: () => Promise<void>): Promise<Counted> {
  const counts: Counting = { ...NOTHING };
  let sockets = 0;
  const hook = createHook({
    init(_id, type) {
      if (type === CONNECT) sockets += 1;
      if (!OF_SOCKETS.has(type)) counts[RESOURCES[type] ?? "others"] += 1;
    },
  });
  const unwraps = FUNCTIONS.map(([owner, name, kind]) =>
    wrap(owner, name, (self) => {
      if (kind !== "abortListeners" || self instanceof AbortSignal) counts[kind] += 1;
    }),
  );
  hook.enable();
  try {
    await work();
  } finally {
    hook.disable();
    for (const unwrap of unwraps) unwrap();
  }
  return { counts, sockets };
}

/** The counts of some calls as those of one, each the least of all times: pauses add some, nothing takes one away. */
export function leastPerCall(all: readonly Counts[], calls: number): Counts {
  return mapCounts((kind) => Math.min(...all.map((counts) => counts[kind])) / calls);
}

export function mapCounts(valueOf: (kind: keyof Counts) => number): Counts {
  const counts: Counting = { ...NOTHING };
  for (const kind of Object.keys(counts) as (keyof Counts)[]) counts[kind] = valueOf(kind);
  return counts;
}

/** Tells of every use of a function or class until the function that it gives is called. */
function wrap(owner: object, name: string, onUse: (self: unknown) => void): () => void {
  const property = Object.getOwnPropertyDescriptor(owner, name);
  if (property === undefined) throw new Error(`there is no ${name}`);
  const value: object = new Proxy(Reflect.get(owner, name) as () => unknown, {
    apply(target, self, args) {
      onUse(self);
      return Reflect.apply(target, self, args) as unknown;
    },
    construct(target, args, newTarget) {
      onUse(undefined);
      return Reflect.construct(target, args, newTarget) as object;
    },
  });
  Object.defineProperty(owner, name, { value, configurable: true, writable: true });
  return () => Object.defineProperty(owner, name, property);
}
