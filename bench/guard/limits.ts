// What a call costs beyond what the floor's costs, as counted when this table was last brought up to date. A limit is
// that and HEADROOM; promises and the like have none.
//
// After a change that makes calls cheaper, or is worth what it costs: `npm run build`, then `npm run guard -- --figures`
// on Node 20 and on Node 24, and of each number that they print the higher one in the place of these. A new Node, or a
// new undici, may move them too: the floor moves with them only in part.

import type { Counts } from "./counting.ts";
import type { InFlight } from "./guard.child.ts";

export const CASES = [
  "http-json, session",
  "http-json, stateless",
  "http-sse, session",
  "http-sse, stateless",
  "stdio, session",
  "stdio, stateless",
] as const;

export type CaseName = (typeof CASES)[number];

/** Share of what is allocated today by which it may grow. The same build varies by 2 %, on a busy machine by 12 %. */
const HEADROOM = 0.25;

/** On the heap, bytes per call more than the floor's, with one call in flight and with 32. */
const BYTES: { readonly [name in CaseName]: { readonly [inFlight in InFlight]: number } } = {
  "http-json, session": { 1: 2319, 32: 1599 },
  "http-json, stateless": { 1: 2218, 32: 1733 },
  "http-sse, session": { 1: 2595, 32: 1936 },
  "http-sse, stateless": { 1: 2788, 32: 2118 },
  "stdio, session": { 1: 1887, 32: 1663 },
  "stdio, stateless": { 1: 2201, 32: 2053 },
};

export function bytesLimit(name: CaseName, inFlight: InFlight): number {
  return Math.round(BYTES[name][inFlight] * (1 + HEADROOM));
}

/** Outside of the heap, in buffers, bytes per call more than the floor's: none but what chance leaves. */
export const OUTSIDE_LIMIT = 200;

/** Per call more than the floor's, whole, whatever the Node. */
export function countLimits(name: CaseName, inFlight: InFlight): Counts {
  const isHttp = name.startsWith("http");
  return {
    // Where its answer is counted; the caller's own is the floor's too.
    promises: 1,
    // The one that ends a call which gets no answer.
    timers: 1,
    // A call that follows another waits a turn of the event loop for its socket.
    immediates: isHttp && inFlight === 1 ? 2 : 0,
    // Over stdio the write waits for the end of the turn, one for all calls of that turn.
    ticks: !isHttp && inFlight === 1 ? 1 : 0,
    others: 0,
    abortControllers: 0,
    abortListeners: 0,
    parses: 0,
    stringifies: 0,
    clones: 0,
    urls: 0,
  };
}

/** Opened by 1,000 calls, one after the other, when it is warm; one may have been closed for being idle. */
export const SOCKETS_LIMIT = 1;

/** Over HTTP with JSON, 32 in flight. Wide, because these two are measured in time: medians of ratios. */
export const CPU_LIMIT = 2;
export const RATE_LIMIT = 4;
