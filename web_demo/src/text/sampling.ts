/**
 * The next token from its logits, the same for the same seed.
 *
 * At temperature 0 it is the likeliest, of equals the one with the lowest id. Above, logits are divided by the
 * temperature, and one number of the generator chooses along the sum of their exponentials, in order of the ids.
 */

/** Numbers in [0, 1): mulberry32 (Tommy Ettinger 2017), 32 bits of state, which the seed is. */
export function mulberry32(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export function choose(logits: Float32Array, temperature: number, random: () => number): number {
  const likeliest = argmax(logits);
  if (temperature === 0) return likeliest;
  const most = logits[likeliest]!;
  // A vocabulary may be large: plain loops are several times as fast as callbacks.
  const weights = new Float64Array(logits.length);
  let sum = 0;
  for (let id = 0; id < weights.length; id++) sum += weights[id] = Math.exp((logits[id]! - most) / temperature);
  let left = random() * sum;
  for (let id = 0; id < weights.length; id++) {
    left -= weights[id]!;
    if (left < 0) return id;
  }
  // Rounding may leave a crumb.
  return likeliest;
}

function argmax(values: Float32Array): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (values[i]! > values[best]!) best = i;
  return best;
}
