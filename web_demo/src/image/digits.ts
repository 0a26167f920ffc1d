/**
 * Renders a drawn digit like those of scikit-learn's digits data set.
 *
 * Those 8x8 images are the optical recognition set of the UCI repository, prepared by NIST's form reader
 * (M. Garris et al., "NIST Form-Based Handprint Recognition System", NISTIR 5469, 1994): a binary scan is
 * stretched to 20x32, sheared until its top and bottom rows start in the same column, dilated or eroded to a fixed
 * amount of ink, centered in 32x32, and counted in 4x4 blocks (levels 0..16). Drawings get the same preprocessing,
 * to match the training data: a digit is kept as the path of the pen, and rendered in that frame.
 */

export interface Point {
  readonly x: number;
  readonly y: number;
}

/** The path of the pen from pen down to pen up. */
export type Stroke = readonly Point[];

const BITMAP = 32;
const BLOCK = 4;
const LEVELS = BLOCK * BLOCK;

/** Width to which a scan is stretched. */
const FRAME_WIDTH = 20;

/** Mean number of inked pixels of a bitmap in the data set; 303 to 330 by digit. */
const INK = 313;

/** Pen width relative to the digit height; limits how far a 1 is stretched. */
const NATURAL_PEN = 0.16;

/** Height of the top and bottom rows, relative to the digit height. */
const ROW = 0.06;

/** Raw pixels 0..255 (8x8, ink high) of a digit, or null without ink. */
export function digitPixels(strokes: readonly Stroke[]): Float32Array | null {
  if (!strokes.some((stroke) => stroke.length > 0)) return null;
  const upright = shear(strokes);
  let [thin, thick] = [0.7, 6];
  let bitmap = new Uint8Array();
  for (let step = 0; step < 7; step++) {
    const radius = (thin + thick) / 2;
    bitmap = inkBitmap(stretch(upright, radius), radius);
    if (bitmap.reduce((sum, ink) => sum + ink, 0) > INK) thick = radius;
    else thin = radius;
  }
  return countBlocks(bitmap);
}

/** Shears the strokes until the top and bottom rows start in the same column. */
function shear(strokes: readonly Stroke[]): Stroke[] {
  const { top, height } = bounds(strokes);
  const reach = ROW * height;
  const startAt = (y: number) =>
    least(
      strokes
        .flat()
        .filter((p) => Math.abs(p.y - y) <= reach)
        .map((p) => p.x),
    );
  const slope = height > 0 ? (startAt(top + height) - startAt(top)) / height : 0;
  return move(strokes, (p) => ({ x: p.x - slope * (p.y - top), y: p.y }));
}

/** Scales the strokes to the frame, centered in the bitmap. */
function stretch(strokes: readonly Stroke[], radius: number): Stroke[] {
  const { left, top, width, height } = bounds(strokes);
  const pen = NATURAL_PEN * Math.max(width, height, 1e-6);
  const acrossX = FRAME_WIDTH / (width + pen);
  const acrossY = (BITMAP - 2 * radius) / Math.max(height, pen);
  const [middleX, middleY] = [left + width / 2, top + height / 2];
  return move(strokes, (p) => ({
    x: BITMAP / 2 + (p.x - middleX) * acrossX,
    y: BITMAP / 2 + (p.y - middleY) * acrossY,
  }));
}

function move(strokes: readonly Stroke[], place: (p: Point) => Point): Stroke[] {
  return strokes.map((stroke) => stroke.map(place));
}

function bounds(strokes: readonly Stroke[]): { left: number; top: number; width: number; height: number } {
  const points = strokes.flat();
  const [left, top] = [least(points.map((p) => p.x)), least(points.map((p) => p.y))];
  const [right, bottom] = [-least(points.map((p) => -p.x)), -least(points.map((p) => -p.y))];
  return { left, top, width: right - left, height: bottom - top };
}

/** 1 for pixels whose center is within `radius` of a stroke. */
function inkBitmap(strokes: readonly Stroke[], radius: number): Uint8Array<ArrayBuffer> {
  const bitmap = new Uint8Array(BITMAP * BITMAP);
  for (const stroke of strokes) {
    stroke.forEach((point, i) => inkSegment(bitmap, stroke[Math.max(0, i - 1)] ?? point, point, radius));
  }
  return bitmap;
}

function inkSegment(bitmap: Uint8Array, a: Point, b: Point, radius: number): void {
  const clip = (v: number): number => Math.min(BITMAP - 1, Math.max(0, v));
  const firstRow = clip(Math.floor(Math.min(a.y, b.y) - radius));
  const lastRow = clip(Math.ceil(Math.max(a.y, b.y) + radius));
  const firstColumn = clip(Math.floor(Math.min(a.x, b.x) - radius));
  const lastColumn = clip(Math.ceil(Math.max(a.x, b.x) + radius));
  for (let row = firstRow; row <= lastRow; row++) {
    for (let column = firstColumn; column <= lastColumn; column++) {
      if (squaredDistance({ x: column + 0.5, y: row + 0.5 }, a, b) <= radius * radius)
        bitmap[row * BITMAP + column] = 1;
    }
  }
}

/** Squared distance of `p` from the segment a-b; called about 100,000 times per drawing. */
function squaredDistance(p: Point, a: Point, b: Point): number {
  const [dx, dy] = [b.x - a.x, b.y - a.y];
  const length = dx * dx + dy * dy;
  const along = length === 0 ? 0 : Math.min(1, Math.max(0, ((p.x - a.x) * dx + (p.y - a.y) * dy) / length));
  return (p.x - a.x - along * dx) ** 2 + (p.y - a.y - along * dy) ** 2;
}

function countBlocks(bitmap: Uint8Array): Float32Array {
  const side = BITMAP / BLOCK;
  const pixels = new Float32Array(side * side);
  bitmap.forEach((ink, at) => {
    const row = Math.floor(at / BITMAP / BLOCK);
    const column = Math.floor((at % BITMAP) / BLOCK);
    pixels[row * side + column]! += (ink * 255) / LEVELS;
  });
  return pixels;
}

// Math.min(...values) can overflow the stack.
const least = (values: readonly number[]): number => values.reduce((a, b) => Math.min(a, b));
