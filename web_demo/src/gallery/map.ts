/** A scatter plot whose points are links: one Tab stop, and the arrow keys move to the next point. */

const SVG = 'http://www.w3.org/2000/svg';
const HEIGHT = 320;
const ROOM = { left: 58, right: 16, top: 16, bottom: 44 };

export interface Point {
  readonly name: string;
  readonly x: number;
  readonly y: number;
  readonly href: string;
}

export interface Axis {
  readonly title: string;
  readonly text: (value: number) => string;
}

export interface Options {
  readonly x: Axis;
  readonly y: Axis;
  /** Whether small values of y are better: the best is always at the top. */
  readonly lowIsBest: boolean;
  readonly onOpen: (name: string) => void;
}

/** Draws the points, smallest x first, into a host of `width` pixels. The x axis is logarithmic. */
export function mapOf(points: readonly Point[], options: Options, width: number): SVGSVGElement {
  const sorted = [...points].sort((a, b) => a.x - b.x);
  const svg = draw('svg', { viewBox: `0 0 ${width} ${HEIGHT}`, role: 'group', 'aria-label': `${options.y.title} against ${options.x.title}` });
  const across = scale(padded(sorted.map(({ x }) => Math.log10(Math.max(x, 1e-6)))), ROOM.left, width - ROOM.right);
  const heights = padded(sorted.map(({ y }) => y));
  const up = scale(options.lowIsBest ? [heights[1], heights[0]] : heights, HEIGHT - ROOM.bottom, ROOM.top);
  const grid = svg.appendChild(draw('g', { class: 'grid-lines', 'aria-hidden': 'true' }));
  let labeled = -Infinity;
  for (const tick of logTicks(...across.domain, (width - ROOM.left) / 70)) {
    const x = across.at(Math.log10(tick));
    grid.append(line(x, ROOM.top, x, HEIGHT - ROOM.bottom));
    if (x - labeled < 70) continue;
    grid.append(text(options.x.text(tick), x, HEIGHT - ROOM.bottom + 16, 'middle'));
    labeled = x;
  }
  for (const tick of ticks(...heights)) {
    const y = up.at(tick);
    grid.append(line(ROOM.left, y, width - ROOM.right, y), text(options.y.text(tick), ROOM.left - 8, y + 4, 'end'));
  }
  grid.append(text(options.x.title, (ROOM.left + width - ROOM.right) / 2, HEIGHT - 6, 'middle'));
  const label = text('', 0, 0, 'middle');
  label.setAttribute('class', 'point-name');
  label.setAttribute('aria-hidden', 'true');
  const links = sorted.map((point, at) => {
    const [x, y] = [across.at(Math.log10(Math.max(point.x, 1e-6))), up.at(point.y)];
    const words = `${point.name}: ${options.y.text(point.y)}, ${options.x.text(point.x)}`;
    const link = draw('a', { href: point.href, 'aria-label': words, tabindex: at ? '-1' : '0' });
    link.append(draw('circle', { cx: x, cy: y, r: 12, class: 'target' }), draw('circle', { cx: x, cy: y, r: 5.5 }));
    const show = () => {
      label.textContent = words;
      const half = label.getBBox().width / 2;
      label.setAttribute('x', String(Math.max(half, Math.min(width - half, x))));
      label.setAttribute('y', String(y < ROOM.top + 30 ? y + 28 : y - 18));
    };
    const hide = () => (label.textContent = '');
    for (const event of ['pointerenter', 'focus']) link.addEventListener(event, show);
    for (const event of ['pointerleave', 'blur']) link.addEventListener(event, hide);
    link.addEventListener('click', (event) => {
      if (isPlain(event)) options.onOpen(point.name);
    });
    link.addEventListener('keydown', (event) => {
      const step = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 }[event.key];
      const next = step && links[at + step];
      if (!next) return;
      event.preventDefault();
      link.setAttribute('tabindex', '-1');
      next.setAttribute('tabindex', '0');
      next.focus();
    });
    return link;
  });
  svg.append(...links, label);
  return svg;
}

/** Whether a click is for this page, and not for another tab; then the link is not followed. */
export function isPlain(event: MouseEvent): boolean {
  const plain = event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey;
  if (plain) event.preventDefault();
  return plain;
}

type Range = [number, number];

/** The range of values, with a margin. */
function padded(values: readonly number[]): Range {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const margin = (high - low) * 0.08 || Math.abs(high) * 0.05 || 1;
  return [low - margin, high + margin];
}

function scale(domain: Range, from: number, to: number): { domain: Range; at: (value: number) => number } {
  const [low, high] = domain;
  return { domain, at: (value) => from + ((value - low) / (high - low)) * (to - from) };
}

/** About five round values in a range. */
function ticks(low: number, high: number): number[] {
  const rough = (high - low) / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((times) => times * power).find((one) => one >= rough)!;
  const first = Math.ceil(low / step);
  return Array.from({ length: Math.floor(high / step) - first + 1 }, (_, at) => Number(((first + at) * step).toPrecision(12)));
}

/** At most `most` round values between two powers of ten: 1, 2, 5, 10, or only 1, 10, 100; evenly spaced in a narrow range. */
function logTicks(low: number, high: number, most: number): number[] {
  if (high - low < 0.7) return ticks(10 ** low, 10 ** high);
  const powers = Array.from({ length: Math.ceil(high) - Math.floor(low) + 1 }, (_, at) => 10 ** (Math.floor(low) + at));
  const inside = (value: number) => Math.log10(value) >= low && Math.log10(value) <= high;
  const choices = [[1, 2, 3, 4, 5, 6, 7, 8, 9], [1, 2, 5], [1, 3], [1]].map((times) =>
    powers.flatMap((power) => times.map((one) => Number((one * power).toPrecision(6)))).filter(inside),
  );
  return choices.find(({ length }) => length <= most) ?? choices.at(-1)!;
}

function draw<K extends keyof SVGElementTagNameMap>(tag: K, attributes: Record<string, string | number>): SVGElementTagNameMap[K] {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, String(value));
  return made;
}

function line(x1: number, y1: number, x2: number, y2: number): SVGLineElement {
  return draw('line', { x1, y1, x2, y2 });
}

function text(words: string, x: number, y: number, anchor: string): SVGTextElement {
  const made = draw('text', { x, y, 'text-anchor': anchor });
  made.textContent = words;
  return made;
}
