/** A source of numbers in [0, 1). Handed in, never taken from the engine: a run is replayed from its seed. */
export type Random = () => number;

/** A small generator (mulberry32) with 32 bits of state: ample for delays and simulations, useless for secrets. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

/** A whole number in [0, limit). */
export function randomBelow(random: Random, limit: number): number {
  return Math.floor(random() * limit);
}
