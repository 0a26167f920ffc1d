/**
 * Samples the next token from logits, reproducibly for a seed.
 *
 * Temperature 0 selects the most likely token, the lowest id among equals. Above 0, one random number selects a token
 * from the cumulative softmax of the logits divided by the temperature.
 */

/** Random numbers in [0, 1): mulberry32 (Tommy Ettinger 2017); the seed is its 32-bit state. */
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
  // Plain loops are several times as fast as callbacks on a large vocabulary.
  const weights = new Float64Array(logits.length);
  let sum = 0;
  for (let id = 0; id < weights.length; id++) sum += weights[id] = Math.exp((logits[id]! - most) / temperature);
  let left = random() * sum;
  for (let id = 0; id < weights.length; id++) {
    left -= weights[id]!;
    if (left < 0) return id;
  }
  // Rounding may leave a remainder.
  return likeliest;
}

function argmax(values: Float32Array): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (values[i]! > values[best]!) best = i;
  return best;
}
