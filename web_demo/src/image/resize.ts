/**
 * Scales a picture to the input size, bit-identical to `zoo/data/pictures.py`: crop the center to the aspect ratio, and
 * average over the area of each output pixel. ImageNet has its own transform, in `imagenet.ts`.
 *
 * Browsers differ in how they scale pictures, so this does not use their scaling. Areas are integers in units of
 * 1/target of a pixel, and so are their sums with 8-bit values: only the final division rounds.
 */

/** Reads `count` rows of 8-bit RGBA pixels, starting at `top`; the columns are those of the cut. */
export type ReadRows = (top: number, count: number) => Uint8ClampedArray;

export interface Cut {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** Most pixels per read; large enough to read a video frame at once, before it changes. */
const MOST_AT_ONCE = 2 ** 23;

/** The largest center crop with the aspect ratio of width x height. */
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

/** Raw pixels (height, width, channels) of a cut: 3 channels for RGB, 1 for luma. */
export function areaAverage(cut: Cut, read: ReadRows, width: number, height: number, channels: number): Float32Array {
  const sums = new Float64Array(height * width * channels);
  const across = covered(cut.width, width);
  const down = covered(cut.height, height);
  const row = new Float64Array(cut.width * channels);
  const line = new Float64Array(width * channels);
  forEachRow(cut, read, (source, data, at) => {
    takeRow(row, data, at, channels);
    narrow(line, row, across, channels);
    // The first output row that covers this one; there are several when the picture is enlarged.
    for (let y = Math.floor((source * height) / cut.height); y < height && down[y]!.first <= source; y++) {
      const share = down[y]!.shares[source - down[y]!.first];
      if (share === undefined) continue;
      for (let i = 0; i < line.length; i++) sums[y * line.length + i]! += share * line[i]!;
    }
  });
  return Float32Array.from(sums, (sum) => sum / (cut.width * cut.height));
}

/** Calls `use` for each row of a cut; the row starts at index `at` of `data`. */
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

/** The source pixels that each of `target` output pixels covers, with the covered share in 1/target of a pixel. */
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
      // ITU-R BT.601 luma, as in JPEG, in fixed point.
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
