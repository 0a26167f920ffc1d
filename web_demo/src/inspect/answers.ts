/** The answer with all edges, and with some removed. */

import { className, type Manifest } from '../artifact/manifest';
import { counted, make, percent } from '../ui/page';

const MOST_CLASSES = 5;

export class Answers {
  readonly root = make('section', 'answers');
  private readonly title = make('h3', '', 'The answer without edges');
  private readonly outcome = make('p');
  private readonly body = make('tbody');

  constructor() {
    const table = make('table', 'changes');
    const head = make('tr');
    for (const name of ['Class', 'All edges', 'Now']) {
      const cell = make('th', '', name);
      cell.scope = 'col';
      head.append(cell);
    }
    const caption = make('caption', 'unseen', 'Probabilities with all edges and now');
    const top = make('thead');
    top.append(head);
    table.append(caption, top, this.body);
    this.outcome.setAttribute('role', 'status');
    this.root.append(this.title, this.outcome, table);
  }

  show(manifest: Manifest, before: Float32Array, now: Float32Array, removed: number): void {
    const [first, last] = [best(before), best(now)];
    const name = (index: number) => className(manifest, index);
    this.outcome.textContent =
      removed === 0
        ? `${name(first)} at ${percent(before[first]!)} with all edges. Remove one to see what it matters.`
        : `Without ${counted(removed, 'edge')}: ${name(last)} at ${percent(now[last]!)}; ` +
          (first === last ? `${percent(before[first]!)} with all.` : `with all, ${name(first)} at ${percent(before[first]!)}.`);
    const order = Array.from(before, (_, index) => index)
      .sort((one, other) => Math.max(before[other]!, now[other]!) - Math.max(before[one]!, now[one]!))
      .slice(0, MOST_CLASSES);
    this.body.replaceChildren(
      ...order.map((index) => {
        const item = make('tr', index === last ? 'best' : '');
        const head = make('th', '', name(index));
        head.scope = 'row';
        item.append(head, share(before[index]!), share(now[index]!));
        return item;
      }),
    );
  }
}

const best = (shares: Float32Array): number => shares.indexOf(Math.max(...shares));

function share(value: number): HTMLTableCellElement {
  const cell = make('td');
  const track = make('span', 'track');
  const fill = make('span', 'fill');
  fill.style.setProperty('--share', String(value));
  track.setAttribute('aria-hidden', 'true');
  track.append(fill);
  cell.append(track, make('span', 'value', percent(value)));
  return cell;
}
