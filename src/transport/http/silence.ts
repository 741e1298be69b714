// How long a server had been silent when it was cut off, for messages: intermediaries cut by the clock.

/** A shorter pause says nothing, milliseconds. */
const NOTABLE_MS = 500;

/** The shortest time after which intermediaries commonly give up on a silent server, milliseconds. */
const PROXY_MS = 10_000;

/** " after 60.0 s of silence", or nothing. */
export function afterSilence(silentMs: number): string {
  return silentMs < NOTABLE_MS ? "" : ` after ${seconds(silentMs)} of silence`;
}

/** "; a proxy's read timeout … is often the cause", or nothing. */
export function proxyHint(silentMs: number): string {
  return silentMs < PROXY_MS
    ? ""
    : "; a proxy's read timeout (proxy_read_timeout in nginx, timeout server in HAProxy) is often the cause";
}

/** The signs of life of a stream that are no messages, or undefined. */
export function describeKeepAlives(
  reader: { readonly keepAliveCount: number } | undefined,
  silentMs: number,
): string | undefined {
  if (reader === undefined || reader.keepAliveCount === 0) return undefined;
  return `its stream is open and sent only keep-alives, the last one ${seconds(silentMs)} ago`;
}

/** With one digit behind the point. */
export function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}
