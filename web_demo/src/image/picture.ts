/** Converts drawings, pictures and camera frames to the raw pixels of a network input. */

import { isShown } from '../artifact/artifact';
import type { Manifest } from '../artifact/manifest';
import { digitPixels, type Stroke } from './digits';
import { drawStrokes } from './pad';
import { Failure } from '../artifact/failure';
import { areaAverage, middle, type Cut, type ReadRows } from './resize';
import type { Gray } from './scan';

export interface Picture {
  readonly source: CanvasImageSource;
  readonly width: number;
  readonly height: number;
}

/** Longest side of a picture in which a digit is searched. */
const SCAN_SIDE = 256;

/** Shorter side of a displayed photo. */
const SHOWN_SIDE = 1024;

export function readsDigits({ input }: Manifest): boolean {
  return input.data === 'digits' && input.width === 8 && input.height === 8 && input.channels === 1;
}

/** Throws a `Failure` unless the input is grayscale or color, with values from 0 to 255. */
export function refuseOtherPixels({ name, input }: Manifest): void {
  if (!isShown(input.channels)) {
    throw new Failure(
      `${name} takes ${input.channels}-channel images, and this page supports only grayscale and color: check it with "zoo verify", and use its files from your own code.`,
    );
  }
  const [low, high] = input.range ?? [0, 255];
  if (low === 0 && high === 255) return;
  throw new Failure(
    `${name} takes pixels from ${low} to ${high}, and this page supports only 0 to 255: build it with that range, or use its files from your own code.`,
  );
}

/** Raw pixels of a drawing, or null if it is empty. */
export function drawingPixels(manifest: Manifest, strokes: readonly Stroke[]): Float32Array | null {
  if (readsDigits(manifest)) return digitPixels(strokes);
  return strokes.length === 0 ? null : scaledPixels(manifest, onPaper(strokes));
}

/** Raw pixels of a picture, or null if the network reads digits and none was found. */
export async function picturePixels(manifest: Manifest, picture: Picture): Promise<Float32Array | null> {
  const { width, height } = manifest.input;
  const exact = picture.width === width && picture.height === height;
  // Each is loaded with the first picture for it.
  if (readsDigits(manifest) && !exact) {
    const { traceDigit } = await import('./scan');
    return digitPixels(traceDigit(grayOf(picture)));
  }
  if (cutAsImageNet(manifest)) {
    const { scaledMiddle } = await import('./imagenet');
    return scaledMiddle(picture.width, picture.height, width, rowsOf(picture));
  }
  return scaledPixels(manifest, picture);
}

/** The pixels of the center, averaged over the area of each pixel of the input. */
function scaledPixels({ input: { width, height, channels } }: Manifest, picture: Picture): Float32Array {
  const cut = middle(picture.width, picture.height, width, height);
  return areaAverage(cut, rowsOf(picture)(cut), width, height, channels);
}

/** Readers of the rows of a cut of a picture. */
function rowsOf(picture: Picture): (cut: Cut) => ReadRows {
  return (cut) => (top, count) => {
    const context = new OffscreenCanvas(cut.width, count).getContext('2d', { willReadFrequently: true })!;
    onWhite(context, cut.width, count);
    const place = [0, 0, cut.width, count] as const;
    context.drawImage(picture.source, cut.left, cut.top + top, cut.width, count, ...place);
    return context.getImageData(...place).data;
  };
}

/** Whether the input uses the evaluation transform of ImageNet. */
export function cutAsImageNet({ input }: Manifest): boolean {
  return input.data === 'imagenet' && input.channels === 3 && input.height === input.width;
}

/** Whether the network takes photos rather than drawings. */
export function readsPhotos({ input }: Manifest): boolean {
  return input.channels === 3;
}

/** Decodes a picture file: upright, without color conversion; throws a `Failure`. */
export async function openPicture(file: Blob, name: string): Promise<ImageBitmap> {
  try {
    return await createImageBitmap(file, {
      colorSpaceConversion: 'none',
      imageOrientation: 'from-image',
      premultiplyAlpha: 'none',
    });
  } catch {
    throw new Failure(`${name} cannot be read as a picture: choose a PNG, JPEG, GIF or WebP file.`);
  }
}

/** Scales a picture down for display, and closes the original: a decoded phone photo takes 200 MB. */
export async function forShowing(picture: ImageBitmap): Promise<ImageBitmap> {
  const scale = SHOWN_SIDE / Math.min(picture.width, picture.height);
  if (scale >= 1) return picture;
  try {
    const small = await createImageBitmap(picture, {
      resizeWidth: Math.round(picture.width * scale),
      resizeHeight: Math.round(picture.height * scale),
      resizeQuality: 'high',
    });
    picture.close();
    return small;
  } catch {
    return picture; // out of memory
  }
}

/** Renders strokes as dark ink on white, also in dark mode. */
function onPaper(strokes: readonly Stroke[]): Picture {
  const side = 2 * SCAN_SIDE;
  const source = new OffscreenCanvas(side, side);
  drawStrokes(source.getContext('2d')!, strokes, side);
  return { source, width: side, height: side };
}

function grayOf(picture: Picture): Gray {
  const scale = Math.min(1, SCAN_SIDE / Math.max(picture.width, picture.height));
  const [width, height] = [
    Math.max(3, Math.round(picture.width * scale)),
    Math.max(3, Math.round(picture.height * scale)),
  ];
  return { width, height, values: brightness(cover(picture, width, height)) };
}

/** Pixels of the largest center crop with the aspect ratio of width x height. */
function cover({ source, width: from, height: high }: Picture, width: number, height: number): Uint8ClampedArray {
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext('2d')!;
  onWhite(context, width, height);
  context.imageSmoothingQuality = 'high';
  const scale = Math.min(from / width, high / height);
  const [cutWidth, cutHeight] = [width * scale, height * scale];
  context.drawImage(source, (from - cutWidth) / 2, (high - cutHeight) / 2, cutWidth, cutHeight, 0, 0, width, height);
  return context.getImageData(0, 0, width, height).data;
}

/** Fills the background for transparent pictures. */
function onWhite(context: OffscreenCanvasRenderingContext2D, width: number, height: number): void {
  context.fillStyle = '#ffffff';
  context.fillRect(0, 0, width, height);
}

/** ITU-R BT.601 luma, as in JPEG. */
function brightness(data: Uint8ClampedArray): Float32Array {
  return Float32Array.from(
    { length: data.length / 4 },
    (_, i) => 0.299 * data[i * 4]! + 0.587 * data[i * 4 + 1]! + 0.114 * data[i * 4 + 2]!,
  );
}
