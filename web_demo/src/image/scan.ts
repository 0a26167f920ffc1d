/**
 * Traces a digit in a photograph: separates ink from paper, removes specks, and thins lines to strokes.
 *
 * Thinning: T. Y. Zhang and C. Y. Suen, "A fast parallel algorithm for thinning digital patterns", 1984.
 */

import type { Stroke } from './digits';

/** Brightness 0..255, in row-major order. */
export interface Gray {
  readonly width: number;
  readonly height: number;
  readonly values: Float32Array;
}

interface Mask {
  readonly width: number;
  readonly height: number;
  readonly ink: Uint8Array;
}

/** Least contrast between ink and paper; less is noise. */
const LEAST_CONTRAST = 40;

/** Height at which lines are thinned: enough detail for digits, fast enough for a live camera. */
const THINNING_HEIGHT = 72;

/** Strokes of the digit in a picture; empty if none is found. */
export function traceDigit(gray: Gray): Stroke[] {
  const mask = largestParts(separateInk(gray));
  return mask === null ? [] : linesOf(thin(resize(crop(mask))));
}

/** Separates ink by its contrast with the surroundings, so that shadows do not count as ink. */
function separateInk({ width, height, values }: Gray): Mask {
  const around = blur(values, width, height, Math.ceil(Math.max(width, height) / 3));
  const sign = paperIsBright(values, width, height) ? 1 : -1;
  const contrast = values.map((value, i) => sign * (around[i]! - value));
  const level = otsu(contrast);
  return { width, height, ink: Uint8Array.from(contrast, (c) => (c > level ? 1 : 0)) };
}

/** Whether the margin, which is mostly paper, is bright. */
function paperIsBright(values: Float32Array, width: number, height: number): boolean {
  const margin: number[] = [];
  values.forEach((value, i) => {
    const [row, column] = [Math.floor(i / width), i % width];
    if (row === 0 || column === 0 || row === height - 1 || column === width - 1) margin.push(value);
  });
  const edge = margin.sort((a, b) => a - b)[margin.length >> 1]!;
  let [low, high] = [255, 0];
  for (const value of values) [low, high] = [Math.min(low, value), Math.max(high, value)];
  return edge > (low + high) / 2;
}

/** Mean over a square window, by a summed-area table. */
function blur(values: Float32Array, width: number, height: number, reach: number): Float32Array {
  const stride = width + 1;
  const sums = new Float64Array(stride * (height + 1));
  for (let row = 0; row < height; row++) {
    let line = 0;
    for (let column = 0; column < width; column++) {
      line += values[row * width + column]!;
      sums[(row + 1) * stride + column + 1] = sums[row * stride + column + 1]! + line;
    }
  }
  return values.map((_, i) => {
    const [row, column] = [Math.floor(i / width), i % width];
    const [top, bottom] = [Math.max(0, row - reach), Math.min(height, row + reach + 1)];
    const [left, right] = [Math.max(0, column - reach), Math.min(width, column + reach + 1)];
    const sum =
      sums[bottom * stride + right]! -
      sums[top * stride + right]! -
      sums[bottom * stride + left]! +
      sums[top * stride + left]!;
    return sum / ((bottom - top) * (right - left));
  });
}

/** The threshold of Otsu (1979); Infinity if the contrast is too low. */
function otsu(values: Float32Array): number {
  let [low, high] = [Infinity, -Infinity];
  for (const value of values) [low, high] = [Math.min(low, value), Math.max(high, value)];
  if (high - low < LEAST_CONTRAST) return Infinity;
  const bins = 128;
  const counts = new Float64Array(bins);
  for (const value of values) counts[Math.min(bins - 1, Math.floor(((value - low) / (high - low)) * bins))]! += 1;
  const total = counts.reduce((sum, count, bin) => sum + count * bin, 0);
  let [below, sumBelow, best, level] = [0, 0, -1, 0];
  for (let bin = 0; bin < bins - 1; bin++) {
    below += counts[bin]!;
    sumBelow += counts[bin]! * bin;
    if (below === 0 || below === values.length) continue;
    const apart = total * below - sumBelow * values.length;
    const spread = (apart * apart) / (below * (values.length - below));
    if (spread > best) [best, level] = [spread, bin + 1];
  }
  return low + (level / bins) * (high - low);
}

/** Keeps the largest connected part and parts of at least a twelfth its size; drops parts that touch the margin. */
function largestParts({ width, height, ink }: Mask): Mask | null {
  const part = new Int32Array(ink.length);
  const sizes = [0];
  const touching = [false];
  ink.forEach((_, start) => {
    if (!ink[start] || part[start]) return;
    const name = sizes.push(0) - 1;
    touching.push(false);
    const open = [start];
    part[start] = name;
    for (let at = open.pop(); at !== undefined; at = open.pop()) {
      sizes[name]! += 1;
      const [row, column] = [Math.floor(at / width), at % width];
      if (row === 0 || column === 0 || row === height - 1 || column === width - 1) touching[name] = true;
      for (const next of around(row, column, width, height)) {
        if (ink[next] && !part[next]) {
          part[next] = name;
          open.push(next);
        }
      }
    }
  });
  const inside = sizes.map((size, name) => (touching[name] ? 0 : size));
  // In a tight crop, all parts touch the margin.
  const counted = inside.some((size) => size > 0) ? inside : sizes;
  const largest = Math.max(...counted);
  if (largest < 8) return null;
  return { width, height, ink: ink.map((_, at) => (counted[part[at]!]! * 12 >= largest ? 1 : 0)) };
}

function around(row: number, column: number, width: number, height: number): number[] {
  const places: number[] = [];
  for (let r = Math.max(0, row - 1); r <= Math.min(height - 1, row + 1); r++) {
    for (let c = Math.max(0, column - 1); c <= Math.min(width - 1, column + 1); c++) places.push(r * width + c);
  }
  return places;
}

function crop({ width, ink }: Mask): Mask {
  let [top, bottom, left, right] = [Infinity, -1, Infinity, -1];
  ink.forEach((on, at) => {
    if (!on) return;
    const [row, column] = [Math.floor(at / width), at % width];
    [top, bottom, left, right] = [
      Math.min(top, row),
      Math.max(bottom, row),
      Math.min(left, column),
      Math.max(right, column),
    ];
  });
  const size = { width: right - left + 1, height: bottom - top + 1 };
  const cut = new Uint8Array(size.width * size.height).map((_, at) => {
    const [row, column] = [Math.floor(at / size.width), at % size.width];
    return ink[(row + top) * width + column + left]!;
  });
  return { ...size, ink: cut };
}

/** Scales to the thinning height, with the empty margin of one pixel that thinning needs. */
function resize({ width, height, ink }: Mask): Mask {
  const scale = THINNING_HEIGHT / Math.max(width, height);
  const size = {
    width: Math.max(1, Math.round(width * scale)) + 2,
    height: Math.max(1, Math.round(height * scale)) + 2,
  };
  const scaled = new Uint8Array(size.width * size.height).map((_, at) => {
    const [row, column] = [Math.floor(at / size.width) - 1, (at % size.width) - 1];
    if (row < 0 || column < 0 || row >= size.height - 2 || column >= size.width - 2) return 0;
    const [top, left] = [Math.floor(row / scale), Math.floor(column / scale)];
    const [bottom, right] = [
      Math.max(top + 1, Math.floor((row + 1) / scale)),
      Math.max(left + 1, Math.floor((column + 1) / scale)),
    ];
    for (let r = top; r < Math.min(height, bottom); r++) {
      for (let c = left; c < Math.min(width, right); c++) if (ink[r * width + c]) return 1;
    }
    return 0;
  });
  return { ...size, ink: scaled };
}

/** Zhang and Suen: removes border pixels from alternating sides until lines are one pixel wide. */
function thin({ width, height, ink }: Mask): Mask {
  const left = ink.slice();
  for (let changed = true; changed;) {
    changed = false;
    for (const side of [0, 1]) {
      const gone: number[] = [];
      for (let at = width + 1; at < left.length - width - 1; at++) {
        if (left[at] && peels(left, at, width, side)) gone.push(at);
      }
      for (const at of gone) left[at] = 0;
      changed ||= gone.length > 0;
    }
  }
  return { width, height, ink: left };
}

function peels(ink: Uint8Array, at: number, width: number, side: number): boolean {
  const ring = [-width, -width + 1, 1, width + 1, width, width - 1, -1, -width - 1].map((step) => ink[at + step]!);
  const count = ring.reduce((sum, on) => sum + on, 0);
  const rises = ring.filter((on, i) => !on && ring[(i + 1) % 8]).length;
  const [north, , east, , south, , west] = ring as [number, number, number, number, number, number, number];
  const open =
    side === 0
      ? !(north && east && south) && !(east && south && west)
      : !(north && east && west) && !(north && south && west);
  return count >= 2 && count <= 6 && rises === 1 && open;
}

/** Segments between adjacent ink pixels. */
function linesOf({ width, height, ink }: Mask): Stroke[] {
  const lines: Stroke[] = [];
  const point = (at: number) => ({ x: at % width, y: Math.floor(at / width) });
  ink.forEach((on, at) => {
    if (!on) return;
    const next = around(Math.floor(at / width), at % width, width, height).filter((other) => other > at && ink[other]);
    lines.push([point(at)], ...next.map((other) => [point(at), point(other)]));
  });
  return lines;
}
