/** From a drawing, a picture or a camera frame to the raw pixels that a network takes. */

import { isShown, type Manifest } from '../artifact/artifact';
import { digitPixels, type Stroke } from './digits';
import { drawStrokes } from './pad';
import { Failure } from '../artifact/failure';
import { scaledMiddle } from './imagenet';
import { areaAverage, middle, type Cut } from './resize';
import { traceDigit, type Gray } from './scan';

/** Something with pixels, and its size. */
export interface Picture {
  readonly source: CanvasImageSource;
  readonly width: number;
  readonly height: number;
}

/** Longest side of a picture in which a digit is looked for. */
const SCAN_SIDE = 256;

/** Shorter side of a photo that is shown. */
const SHOWN_SIDE = 1024;

export function readsDigits({ input }: Manifest): boolean {
  return input.data === 'digits' && input.width === 8 && input.height === 8 && input.channels === 1;
}

/** Pictures are gray or colored, with values from 0 to 255; a network may have been exported for others. */
export function refuseOtherPixels({ name, input }: Manifest): void {
  if (!isShown(input.channels)) {
    throw new Failure(
      `${name} takes images of ${input.channels} channels, and this page has gray and colored ones: check it with "zoo verify", and use its files from your own code.`,
    );
  }
  const [low, high] = input.range ?? [0, 255];
  if (low === 0 && high === 255) return;
  throw new Failure(
    `${name} takes pixels from ${low} to ${high}, and this page has them from 0 to 255: build it with that range, or use its files from your own code.`,
  );
}

/** Pixels of a drawing, or null when it holds nothing. */
export function drawingPixels(manifest: Manifest, strokes: readonly Stroke[]): Float32Array | null {
  if (readsDigits(manifest)) return digitPixels(strokes);
  return strokes.length === 0 ? null : picturePixels(manifest, onPaper(strokes));
}

/** Pixels of a picture, or null when a digit was looked for and none was there. */
export function picturePixels(manifest: Manifest, picture: Picture): Float32Array | null {
  const { width, height, channels } = manifest.input;
  const exact = picture.width === width && picture.height === height;
  if (readsDigits(manifest) && !exact) return digitPixels(traceDigit(grayOf(picture)));
  const readOf = (cut: Cut) => (top: number, count: number) => {
    const context = new OffscreenCanvas(cut.width, count).getContext('2d', { willReadFrequently: true })!;
    onWhite(context, cut.width, count);
    const place = [0, 0, cut.width, count] as const;
    context.drawImage(picture.source, cut.left, cut.top + top, cut.width, count, ...place);
    return context.getImageData(...place).data;
  };
  if (cutAsImageNet(manifest)) return scaledMiddle(picture.width, picture.height, width, readOf);
  const cut = middle(picture.width, picture.height, width, height);
  return areaAverage(cut, readOf(cut), width, height, channels);
}

/** Sees pictures as the tests of ImageNet do. */
export function cutAsImageNet({ input }: Manifest): boolean {
  return input.data === 'imagenet' && input.channels === 3 && input.height === input.width;
}

/** Takes photos, rather than drawings. */
export function readsPhotos({ input }: Manifest): boolean {
  return input.channels === 3;
}

/** A picture file as something that can be drawn: upright, its values as they are stored. */
export async function openPicture(file: Blob, name: string): Promise<ImageBitmap> {
  try {
    return await createImageBitmap(file, {
      colorSpaceConversion: 'none',
      imageOrientation: 'from-image',
      premultiplyAlpha: 'none',
    });
  } catch {
    throw new Failure(`${name} is not a picture that this browser can read: choose a PNG, JPEG, GIF or WebP file.`);
  }
}

/** The picture, made small enough to be kept and shown: what a phone takes fills 200 MB as it is. */
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
    return picture; // no memory for both at once
  }
}

/** Dark ink on white, whatever the colors of the page. */
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

/** The picture's middle, as much of it as has the shape asked for. */
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

/** Transparent pictures are seen on paper. */
function onWhite(context: OffscreenCanvasRenderingContext2D, width: number, height: number): void {
  context.fillStyle = '#ffffff';
  context.fillRect(0, 0, width, height);
}

/** ITU-R BT.601 luma, as JPEG has it. */
function brightness(data: Uint8ClampedArray): Float32Array {
  return Float32Array.from(
    { length: data.length / 4 },
    (_, i) => 0.299 * data[i * 4]! + 0.587 * data[i * 4 + 1]! + 0.114 * data[i * 4 + 2]!,
  );
}
