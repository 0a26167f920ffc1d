/** What the section shows of a head: loss and accuracy while it trains, its confusion, and its answers. */

import { make, percent } from '../ui/page';

const SVG = 'http://www.w3.org/2000/svg';
const [WIDTH, HEIGHT] = [320, 120];

/** A curve: its name, and its values from 0 to `most`. */
interface Curve {
  readonly name: string;
  readonly values: (number | null)[];
  readonly line: SVGPolylineElement;
  readonly key: HTMLElement;
}

export class Chart {
  readonly root = make('figure', 'teach-chart');
  private readonly svg = draw('svg', { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: 'img', preserveAspectRatio: 'none' });
  private readonly steps: number[] = [];
  private readonly curves: readonly Curve[];

  constructor(private readonly last: number) {
    const caption = make('figcaption');
    this.curves = ['Loss', 'Training accuracy', 'Held-out accuracy'].map((name, at) => {
      const line = draw('polyline', { class: `curve-${at}` });
      const key = make('span', `teach-key curve-${at}`);
      caption.append(key);
      this.svg.append(line);
      return { name, values: [], line, key };
    });
    this.root.append(this.svg, caption);
    this.root.hidden = true;
  }

  clear(): void {
    this.steps.length = 0;
    for (const { values } of this.curves) values.length = 0;
    this.root.hidden = true;
  }

  /** Adds the values after a step; null where nothing was measured. */
  add(step: number, loss: number, training: number, held: number | null): void {
    this.steps.push(step);
    [loss, training, held].forEach((value, at) => this.curves[at]!.values.push(value));
    this.root.hidden = false;
    this.curves.forEach(({ name, values, line, key }, at) => {
      const most = at === 0 ? Math.max(...values.map((value) => value ?? 0), 1e-9) : 1;
      const points = values.map((value, i) => (value === null ? '' : `${(this.steps[i]! / this.last) * WIDTH},${HEIGHT - 3 - (value / most) * (HEIGHT - 6)}`));
      line.setAttribute('points', points.filter(Boolean).join(' '));
      const now = values.at(-1)!;
      key.hidden = now === null;
      if (now !== null) key.textContent = `${name} ${at === 0 ? now.toFixed(3) : percent(now)}`;
    });
    const shown = this.curves.filter(({ key }) => !key.hidden).map(({ key }) => key.textContent);
    this.svg.setAttribute('aria-label', `After step ${step}: ${shown.join(', ')}`);
  }
}

/** Counts by true class (row) and predicted class (column). */
export function confusionTable(names: readonly string[], counts: readonly (readonly number[])[]): HTMLElement {
  const table = make('table', 'teach-confusion');
  table.append(make('caption', '', 'Held-out pictures by class (row) and answer (column)'));
  const head = make('tr');
  head.append(make('td'), ...names.map((name) => header(name, 'col')));
  const top = make('thead');
  top.append(head);
  const body = make('tbody');
  counts.forEach((row, truth) => {
    const all = Math.max(1, row.reduce((sum, count) => sum + count, 0));
    const line = make('tr');
    line.append(
      header(names[truth]!, 'row'),
      ...row.map((count, answer) => {
        const cell = make('td', answer === truth ? 'right' : count > 0 ? 'wrong' : '', String(count));
        cell.style.setProperty('--share', String(count / all));
        return cell;
      }),
    );
    body.append(line);
  });
  table.append(top, body);
  const wide = make('div', 'wide');
  wide.tabIndex = 0;
  wide.setAttribute('role', 'group');
  wide.setAttribute('aria-label', 'Confusion of the held-out pictures');
  wide.append(table);
  return wide;
}

/** A bar for each class, the most probable first; none without probabilities. */
export function sharesOf(names: readonly string[], shares: Float32Array | null): HTMLElement[] {
  const order = [...(shares ?? [])].map((share, at) => ({ share, at })).sort((one, other) => other.share - one.share);
  return order.map(({ share, at }) => {
    const item = make('li');
    const [track, fill] = [make('span', 'track'), make('span', 'fill')];
    fill.style.setProperty('--share', String(share));
    track.setAttribute('aria-hidden', 'true');
    track.append(fill);
    item.append(make('span', 'name', names[at]), track, make('span', 'share', percent(share)));
    return item;
  });
}

function header(name: string, scope: 'row' | 'col'): HTMLTableCellElement {
  const cell = make('th', '', name);
  cell.scope = scope;
  return cell;
}

function draw<K extends keyof SVGElementTagNameMap>(tag: K, attributes: Readonly<Record<string, string>>): SVGElementTagNameMap[K] {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}
