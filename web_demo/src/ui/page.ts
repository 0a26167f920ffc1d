/** Elements of index.html, and numbers as text. */

export function element<T extends HTMLElement>(id: string, kind: new () => T): T {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) throw new Error(`index.html has no ${kind.name} with the id "${id}"`);
  return found;
}

/** A new element with a class and text. */
export function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  className = '',
  text = '',
): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.textContent = text;
  return made;
}

/** A row of a description list. */
export function row(term: string, ...description: (string | Node)[]): HTMLDivElement {
  const made = make('div');
  const dd = make('dd');
  dd.append(...description);
  made.append(make('dt', '', term), dd);
  return made;
}

export const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;

export function bytes(count: number): string {
  if (count < 1000) return `${count} B`;
  return count < 1e6 ? `${(count / 1e3).toFixed(0)} kB` : `${(count / 1e6).toFixed(2)} MB`;
}

export function milliseconds(ms: number): string {
  if (ms >= 1000) return `${(ms / 1000).toFixed(2)} s`;
  return `${ms.toFixed(ms < 10 ? 2 : 0)} ms`;
}

/** "1 image", "10 images". */
export const counted = (count: number, name: string): string => `${count.toLocaleString('en')} ${name}${count === 1 ? '' : 's'}`;

export function scientific(value: number): string {
  return Number.isFinite(value) ? value.toExponential(1) : 'not a number';
}

export function amount(count: number): string {
  return count < 1e6 ? count.toLocaleString('en') : `${(count / 1e6).toFixed(2)} million`;
}

/** Shows raw pixels 0..255 on a canvas of the same size. */
export function paint(canvas: HTMLCanvasElement, pixels: Float32Array, width: number, height: number): void {
  const channels = pixels.length / (width * height);
  const image = new ImageData(width, height);
  for (let at = 0; at < width * height; at++) {
    for (let c = 0; c < 3; c++) image.data[at * 4 + c] = pixels[at * channels + Math.min(c, channels - 1)]!;
    image.data[at * 4 + 3] = 255;
  }
  canvas.width = width;
  canvas.height = height;
  canvas.getContext('2d')!.putImageData(image, 0, 0);
}
