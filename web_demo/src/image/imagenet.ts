/**
 * The evaluation transform of ImageNet, bit-identical to `zoo/data/pictures.py`: scale the shorter side to 8/7 of the
 * input size, then crop the center square.
 *
 * Scaling is Pillow's bilinear resampling (`Resample.c`): a triangle filter as wide as an output pixel, rows first,
 * with 8-bit intermediate values and 22-bit weights.
 */

import { forEachRow, type Cut, type ReadRows } from './resize';

const WEIGHT_BITS = 22;

/** Raw pixels (size, size, 3), 0 to 255; `readOf` returns the reader of the rows of a cut. */
export function scaledMiddle(
  fromWidth: number,
  fromHeight: number,
  size: number,
  readOf: (cut: Cut) => ReadRows,
): Float32Array {
  const scale = roundHalfToEven((size * 8) / 7) / Math.min(fromWidth, fromHeight);
  const across = middleOf(fromWidth, scale, size);
  const down = middleOf(fromHeight, scale, size);
  const cut = { left: across.from, top: down.from, width: across.length, height: down.length };
  const narrow = new Uint8ClampedArray(down.length * size * 3);
  forEachRow(cut, readOf(cut), (y, data, at) => {
    across.taps.forEach((tap, x) => weighted(tap, data, at, 4, narrow, (y * size + x) * 3));
  });
  const result = new Uint8ClampedArray(size * size * 3);
  down.taps.forEach((tap, y) => {
    for (let x = 0; x < size; x++) weighted(tap, narrow, x * 3, size * 3, result, (y * size + x) * 3);
  });
  return Float32Array.from(result);
}

/** Source pixels of an output pixel: index of the first, from the edge of the cut, and weights in 2^-22. */
interface Tap {
  readonly first: number;
  readonly weights: readonly number[];
}

/** One axis: the source range that is read, and the taps of `size` pixels. */
interface Direction {
  readonly from: number;
  readonly length: number;
  readonly taps: readonly Tap[];
}

function middleOf(side: number, scale: number, size: number): Direction {
  const scaled = roundHalfToEven(side * scale);
  const cut = roundHalfToEven((scaled - size) / 2);
  const taps = Array.from({ length: size }, (_, i) => tap(side, scaled, cut + i));
  const from = taps[0]!.first;
  const last = taps[size - 1]!;
  return {
    from,
    length: last.first + last.weights.length - from,
    taps: taps.map(({ first, weights }) => ({ first: first - from, weights })),
  };
}

/** Tap of output pixel `i` when `side` pixels are scaled to `scaled`. */
function tap(side: number, scaled: number, i: number): Tap {
  const step = side / scaled;
  const reach = Math.max(step, 1);
  const center = (i + 0.5) * step;
  const first = Math.max(0, Math.trunc(center - reach + 0.5));
  const end = Math.min(side, Math.trunc(center + reach + 0.5));
  const shares = Array.from({ length: end - first }, (_, k) =>
    Math.max(0, 1 - Math.abs((first + k - center + 0.5) * (1 / reach))),
  );
  const total = shares.reduce((sum, share) => sum + share, 0);
  return { first, weights: shares.map((share) => Math.trunc(0.5 + (share / total) * 2 ** WEIGHT_BITS)) };
}

/** Writes the weighted sum of pixels of `from`, `stride` apart from `start`, to `to`. */
function weighted(
  { first, weights }: Tap,
  from: Uint8ClampedArray,
  start: number,
  stride: number,
  to: Uint8ClampedArray,
  place: number,
): void {
  for (let channel = 0; channel < 3; channel++) {
    let sum = 2 ** (WEIGHT_BITS - 1);
    let at = start + first * stride + channel;
    for (let k = 0; k < weights.length; k++, at += stride) sum += weights[k]! * from[at]!;
    to[place + channel] = sum >> WEIGHT_BITS;
  }
}

/** Like Python's round(). */
function roundHalfToEven(value: number): number {
  const below = Math.floor(value);
  const over = value - below;
  return below + (over > 0.5 || (over === 0.5 && below % 2 === 1) ? 1 : 0);
}
