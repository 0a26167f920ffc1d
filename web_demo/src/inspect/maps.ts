/** Feature maps as small pictures. */

import { make } from '../ui/page';
import type { Tensor } from '../runtime/runtime';
import { channelsOf } from './graph';

const MOST_CHANNELS = 16;

/** The first channels of a map, in one scale from black to white. */
export function mapSheet(title: string, map: Tensor): HTMLElement {
  const [, height = 1, width = 1, count = 1] = map.shape;
  const shown = channelsOf(map).slice(0, MOST_CHANNELS);
  const [low, high] = rangeOf(shown);
  const figure = make('figure', 'maps');
  const grid = make('div', 'channels');
  grid.setAttribute('role', 'img');
  const scale = low === high ? `all values are ${written(low)}` : `black is ${written(low)}, white ${written(high)}`;
  const about = `${shown.length < count ? `${shown.length} of ${count}` : count} channels, ${width} × ${height}; ${scale}`;
  grid.setAttribute('aria-label', `${title}: ${about}`);
  grid.append(...shown.map((channel) => picture(channel, width, height, low, high)));
  const caption = make('figcaption', '', title);
  caption.append(make('small', 'quiet', about));
  figure.append(caption, grid);
  return figure;
}

/** The mean of all channels as a picture in its own scale. */
export function meanPicture(map: Tensor): HTMLCanvasElement {
  const [, height = 1, width = 1] = map.shape;
  const channels = channelsOf(map);
  const mean = channels[0]!.map((_, pixel) => channels.reduce((sum, one) => sum + one[pixel]!, 0) / channels.length);
  return picture(mean, width, height, ...rangeOf([mean]));
}

function picture(values: Float32Array, width: number, height: number, low: number, high: number): HTMLCanvasElement {
  const canvas = make('canvas');
  Object.assign(canvas, { width, height });
  const image = new ImageData(width, height);
  values.forEach((value, pixel) => {
    const gray = high > low ? (255 * (value - low)) / (high - low) : 127;
    image.data.set([gray, gray, gray, 255], 4 * pixel);
  });
  canvas.getContext('2d')!.putImageData(image, 0, 0);
  return canvas;
}

function rangeOf(channels: readonly Float32Array[]): [number, number] {
  let [low, high] = [Infinity, -Infinity];
  for (const channel of channels) {
    for (const value of channel) {
      low = Math.min(low, value);
      high = Math.max(high, value);
    }
  }
  return [low, high];
}

const written = (value: number): string => (value === 0 ? '0' : value.toPrecision(2).replace('-', '−'));
