/** A picture as the input of a network that looks like one for images. */

import type { Described, Tensor } from '../runtime/runtime';

const LEAST_SIDE = 8;

interface Layout {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  readonly channelsFirst: boolean;
}

/** Whether an input is one picture, gray or in color, with the channels first or last. */
export function isImage(input: Described): boolean {
  return layoutOf(input) !== null;
}

/** The picture stretched to the input, with values from 0 to 1. */
export async function pictureFor(input: Described, read: () => Promise<Blob>): Promise<Tensor> {
  const { height, width, channels, channelsFirst } = layoutOf(input)!;
  const picture = await createImageBitmap(await read(), { resizeWidth: width, resizeHeight: height, resizeQuality: 'high' });
  const context = new OffscreenCanvas(width, height).getContext('2d', { willReadFrequently: true })!;
  context.drawImage(picture, 0, 0);
  picture.close();
  const { data: pixels } = context.getImageData(0, 0, width, height);
  const area = height * width;
  const data = new Float32Array(area * channels);
  for (let at = 0; at < area; at++) {
    for (let c = 0; c < channels; c++) data[channelsFirst ? c * area + at : at * channels + c] = pixels[at * 4 + c]! / 255;
  }
  return { data, shape: input.shape.map((size) => size ?? 1) };
}

function layoutOf({ dtype, shape }: Described): Layout | null {
  const [batch, a, b, c] = shape;
  if (dtype !== 'float32' || shape.length !== 4 || (batch ?? 1) !== 1 || !a || !b || !c) return null;
  const isColor = (size: number) => size === 1 || size === 3;
  if (isColor(c) && a >= LEAST_SIDE && b >= LEAST_SIDE) return { height: a, width: b, channels: c, channelsFirst: false };
  if (isColor(a) && b >= LEAST_SIDE && c >= LEAST_SIDE) return { height: b, width: c, channels: a, channelsFirst: true };
  return null;
}
