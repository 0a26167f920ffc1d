/** A window that moves over a map and fills the next one, layer after layer. */

import { make } from '../ui/page';
import type { Layer, Operation } from '../cell/operations';

const SIDE = 8; // pixels of the map before
const PIXEL = 14;
const GAP = 56;
const STEP_MS = 110;
const REST_MS = 700;

const isCalm = (): boolean => matchMedia('(prefers-reduced-motion: reduce)').matches;

export class MovingKernel {
  readonly figure = make('figure', 'kernel');
  private readonly canvas = make('canvas');
  private readonly caption = make('figcaption', 'quiet');
  private running = 0;

  constructor() {
    const sharp = 2;
    this.canvas.width = (2 * SIDE * PIXEL + GAP + 2) * sharp;
    this.canvas.height = (SIDE * PIXEL + 2) * sharp;
    this.canvas.getContext('2d')!.scale(sharp, sharp);
    this.canvas.setAttribute('aria-hidden', 'true'); // the sentence says the same
    this.figure.append(this.canvas, this.caption);
  }

  /** Plays the layers of an operation until another is shown; a still picture if motion is not welcome. */
  show({ layers }: Operation, stride: number): void {
    const mine = ++this.running;
    this.figure.hidden = layers.length === 0;
    if (this.figure.hidden) return;
    const first = layers[0]!;
    if (isCalm()) {
      this.draw(first, stride, Math.floor(this.count(stride) / 2 + SIDE / stride / 2), layers.length, 0);
      return;
    }
    let [at, position, next] = [0, 0, 0];
    const frame = (now: number) => {
      if (mine !== this.running) return;
      requestAnimationFrame(frame);
      if (now < next || this.canvas.offsetParent === null) return; // not shown
      const step = at === 0 ? stride : 1; // only the first layer has the stride
      this.draw(layers[at]!, step, position, layers.length, at);
      position += 1;
      next = now + STEP_MS;
      if (position < this.count(step)) return;
      next = now + REST_MS;
      position = 0;
      at = (at + 1) % layers.length;
    };
    requestAnimationFrame(frame);
  }

  stop(): void {
    this.running++;
  }

  private count(stride: number): number {
    return (SIDE / stride) ** 2;
  }

  private draw({ reads, height, width, dilation }: Layer, stride: number, position: number, of: number, at: number): void {
    const pen = this.canvas.getContext('2d')!;
    const style = getComputedStyle(this.figure);
    const color = (name: string) => style.getPropertyValue(`--${name}`);
    this.caption.textContent = of > 1 ? `${at + 1} of ${of}: ${reads}` : reads;
    pen.clearRect(0, 0, this.canvas.width, this.canvas.height);
    const side = SIDE / stride;
    const [row, column] = [Math.floor(position / side), position % side];
    const box = (left: number, y: number, x: number, size: number, fill: string | null) => {
      pen.beginPath();
      pen.rect(1 + left + x * size + 0.5, 1 + y * size + 0.5, size - 1, size - 1);
      if (fill) {
        pen.fillStyle = fill;
        pen.fill();
      }
      pen.strokeStyle = color('line');
      pen.stroke();
    };
    const taps = new Set<number>();
    for (let down = 0; down < height; down++) {
      for (let right = 0; right < width; right++) {
        const y = row * stride + (down - Math.floor((height - 1) / 2)) * dilation;
        const x = column * stride + (right - Math.floor((width - 1) / 2)) * dilation;
        if (y >= 0 && y < SIDE && x >= 0 && x < SIDE) taps.add(y * SIDE + x);
      }
    }
    for (let pixel = 0; pixel < SIDE * SIDE; pixel++) {
      box(0, Math.floor(pixel / SIDE), pixel % SIDE, PIXEL, taps.has(pixel) ? color('accent') : null);
    }
    const right = SIDE * PIXEL + GAP;
    for (let pixel = 0; pixel < side * side; pixel++) {
      const fill = pixel === position ? color('accent') : pixel < position ? color('bar') : null;
      box(right, Math.floor(pixel / side), pixel % side, PIXEL * stride, fill);
    }
    pen.beginPath();
    pen.strokeStyle = color('quiet');
    pen.lineWidth = 2;
    const [from, to, middle] = [SIDE * PIXEL + 14, right - 12, (SIDE * PIXEL) / 2 + 1];
    pen.moveTo(from, middle);
    pen.lineTo(to, middle);
    pen.moveTo(to - 6, middle - 5);
    pen.lineTo(to, middle);
    pen.lineTo(to - 6, middle + 5);
    pen.stroke();
    pen.lineWidth = 1;
  }
}
