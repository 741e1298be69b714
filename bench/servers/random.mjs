// Random numbers that are the same in each run: what servers make up must not differ from round to round.

/** Uniform in [0, 1), from a seed: mulberry32. */
export function randomOf(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Gives one of a list, by such numbers. */
export function pickerOf(random) {
  return (list) => list[Math.floor(random() * list.length)];
}
