/**
 * A written digit as scikit-learn's digits show one.
 *
 * Those 8x8 images are the optical recognition set of the UCI repository, prepared by NIST's form reader
 * (M. Garris et al., "NIST Form-Based Handprint Recognition System", NISTIR 5469, 1994): a binary scan is
 * stretched to 20x32, sheared until its top and its bottom begin in the same column, thickened or worn
 * off to a fixed amount of ink, centered in 32x32, and counted in 4x4 blocks (levels 0..16). A drawing has
 * to go the same way, or the network sees what it was never shown. So a digit is kept as the path of the
 * pen, and drawn again in that frame.
 */

export interface Point {
  readonly x: number;
  readonly y: number;
}

/** Where the pen went without being lifted. */
export type Stroke = readonly Point[];

const BITMAP = 32;
const BLOCK = 4;
const LEVELS = BLOCK * BLOCK;

/** Width of the frame into which a scan is stretched. */
const FRAME_WIDTH = 20;

/** Inked pixels of a bitmap in the set: 303 to 330 on average for each digit, 313 for all. */
const INK = 313;

/** A pen's width beside the height of what it wrote; the line of a 1 is stretched too, but not to 20 pixels. */
const NATURAL_PEN = 0.16;

/** How far from the very top and bottom a stroke may begin, beside the height, and still be said to begin there. */
const ROW = 0.06;

/** Raw pixels 0..255 (8x8, ink high) of a digit, or null when there is no ink. */
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

/** Slants the strokes until top and bottom begin in the same column. */
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

/** Fills the frame, in the middle of the bitmap. */
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

/** 1 wherever the middle of a pixel lies within `radius` of a stroke. */
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

/** Of `p` from the segment a-b; squared, because this is asked a hundred thousand times for a drawing. */
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

// Spreading a long path into Math.min's arguments can overflow the stack.
const least = (values: readonly number[]): number => values.reduce((a, b) => Math.min(a, b));
