/**
 * A picture made as small as a network's images (those of ImageNet: `imagenet.ts`), bit for bit as
 * `zoo/data/pictures.py` does it: the middle that has the shape asked for, and for each pixel the mean of the area that
 * it covers.
 *
 * Browsers scale pictures each in its own way, so nothing here is left to them. Areas are counted in units in
 * which they are whole numbers, and so are their sums with 8-bit values: only the last division rounds.
 */

/** Rows of 8-bit RGBA pixels, from `top` on; columns are those of the cut. */
export type ReadRows = (top: number, count: number) => Uint8ClampedArray;

export interface Cut {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** Pixels that are read at once: a video's frame must not change between two readings. */
const MOST_AT_ONCE = 2 ** 23;

/** The middle of a picture, as much of it as has the shape of width x height. */
export function middle(fromWidth: number, fromHeight: number, width: number, height: number): Cut {
  const tall = fromHeight * width <= fromWidth * height;
  const cutHeight = tall ? fromHeight : Math.max(1, Math.floor((fromWidth * height) / width));
  const cutWidth = tall ? Math.max(1, Math.floor((fromHeight * width) / height)) : fromWidth;
  return {
    left: Math.floor((fromWidth - cutWidth) / 2),
    top: Math.floor((fromHeight - cutHeight) / 2),
    width: cutWidth,
    height: cutHeight,
  };
}

/** Raw pixels (height, width, channels) of a cut: 3 channels are its colors, 1 is its brightness. */
export function areaAverage(cut: Cut, read: ReadRows, width: number, height: number, channels: number): Float32Array {
  const sums = new Float64Array(height * width * channels);
  const across = covered(cut.width, width);
  const down = covered(cut.height, height);
  const row = new Float64Array(cut.width * channels);
  const line = new Float64Array(width * channels);
  forEachRow(cut, read, (source, data, at) => {
    takeRow(row, data, at, channels);
    narrow(line, row, across, channels);
    // The first row that covers any of this one; several do where a picture is made larger.
    for (let y = Math.floor((source * height) / cut.height); y < height && down[y]!.first <= source; y++) {
      const share = down[y]!.shares[source - down[y]!.first];
      if (share === undefined) continue;
      for (let i = 0; i < line.length; i++) sums[y * line.length + i]! += share * line[i]!;
    }
  });
  return Float32Array.from(sums, (sum) => sum / (cut.width * cut.height));
}

/** Gives each row of a cut, which stands in `data` from `at` on. */
export function forEachRow(cut: Cut, read: ReadRows, use: (row: number, data: Uint8ClampedArray, at: number) => void): void {
  const atOnce = Math.max(1, Math.floor(MOST_AT_ONCE / cut.width));
  for (let top = 0; top < cut.height; top += atOnce) {
    const count = Math.min(atOnce, cut.height - top);
    const data = read(top, count);
    for (let row = 0; row < count; row++) use(top + row, data, row * cut.width * 4);
  }
}

interface Covered {
  readonly first: number;
  readonly shares: readonly number[];
}

/** For each of `target` pixels those of `source` that it covers, and how much of each, in 1/target of a pixel. */
function covered(source: number, target: number): Covered[] {
  return Array.from({ length: target }, (_, i) => {
    const [start, end] = [i * source, (i + 1) * source];
    const first = Math.floor(start / target);
    const count = Math.ceil(end / target) - first;
    const shares = Array.from({ length: count }, (_, k) => {
      const there = (first + k) * target;
      return Math.min(there + target, end) - Math.max(there, start);
    });
    return { first, shares };
  });
}

function takeRow(row: Float64Array, data: Uint8ClampedArray, at: number, channels: number): void {
  for (let x = 0; x < row.length / channels; x++, at += 4) {
    const [red, green, blue] = [data[at]!, data[at + 1]!, data[at + 2]!];
    if (channels === 1) {
      // ITU-R BT.601 luma, as JPEG has it, in whole numbers.
      row[x] = (19595 * red + 38470 * green + 7471 * blue + 32768) >> 16;
    } else {
      row[x * 3] = red;
      row[x * 3 + 1] = green;
      row[x * 3 + 2] = blue;
    }
  }
}

function narrow(line: Float64Array, row: Float64Array, across: readonly Covered[], channels: number): void {
  line.fill(0);
  across.forEach(({ first, shares }, x) => {
    for (let k = 0; k < shares.length; k++) {
      for (let c = 0; c < channels; c++) line[x * channels + c]! += shares[k]! * row[(first + k) * channels + c]!;
    }
  });
}
