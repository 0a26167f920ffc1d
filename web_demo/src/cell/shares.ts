/** Probabilities of two answers, class by class. */

import { make, percent } from '../ui/page';

const MOST_CLASSES = 5;

export class Shares {
  readonly root = make('table', 'shares');
  private readonly body = make('tbody');
  private readonly columns: HTMLTableCellElement[];

  constructor(caption: string, first: string, second: string) {
    const top = make('thead');
    const head = make('tr');
    this.columns = ['Class', first, second].map((name) => {
      const cell = make('th', '', name);
      cell.scope = 'col';
      return cell;
    });
    head.append(...this.columns);
    top.append(head);
    this.root.append(make('caption', 'unseen', caption), top, this.body);
  }

  /** Names the two answers. */
  name(first: string, second: string): void {
    this.columns[1]!.textContent = first;
    this.columns[2]!.textContent = second;
  }

  /** Shows the classes that are most probable in one of the answers. */
  show(nameOf: (index: number) => string, first: Float32Array, second: Float32Array): void {
    const chosen = best(second);
    const order = Array.from(first, (_, index) => index)
      .sort((one, other) => Math.max(first[other]!, second[other]!) - Math.max(first[one]!, second[one]!))
      .slice(0, MOST_CLASSES);
    this.body.replaceChildren(
      ...order.map((index) => {
        const item = make('tr', index === chosen ? 'best' : '');
        const head = make('th', '', nameOf(index));
        head.scope = 'row';
        item.append(head, share(first[index]!), share(second[index]!));
        return item;
      }),
    );
  }
}

export const best = (shares: Float32Array): number => shares.indexOf(Math.max(...shares));

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
