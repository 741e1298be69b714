// The story of a world, in lines: virtual time, actor, event.

import type { VirtualClock } from "./clock.ts";

export class Trace {
  readonly lines: string[] = [];
  readonly #clock: VirtualClock;

  constructor(clock: VirtualClock) {
    this.#clock = clock;
  }

  note(actor: string, event: string): void {
    this.lines.push(`${timeOf(this.#clock.now)}  ${actor.padEnd(8)} ${event}`);
  }
}

/** `2:05:07.250` */
export function timeOf(ms: number): string {
  const seconds = Math.floor(ms / 1_000);
  const two = (value: number): string => String(value).padStart(2, "0");
  const fraction = String(Math.floor(ms % 1_000)).padStart(3, "0");
  return `${Math.floor(seconds / 3_600)}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}.${fraction}`;
}
