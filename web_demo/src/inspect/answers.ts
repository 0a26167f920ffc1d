/** The answer with all edges, and with some removed. */

import { className, type Manifest } from '../artifact/manifest';
import { best, Shares } from '../cell/shares';
import { counted, make, percent } from '../ui/page';

export class Answers {
  readonly root = make('section', 'answers');
  private readonly outcome = make('p');
  private readonly shares = new Shares('Probabilities with all edges and now', 'All edges', 'Now');

  constructor() {
    this.outcome.setAttribute('role', 'status');
    this.root.append(make('h3', '', 'The answer without edges'), this.outcome, this.shares.root);
  }

  show(manifest: Manifest, before: Float32Array, now: Float32Array, removed: number): void {
    const [first, last] = [best(before), best(now)];
    const name = (index: number) => className(manifest, index);
    this.outcome.textContent =
      removed === 0
        ? `${name(first)} at ${percent(before[first]!)} with all edges. Remove one to see how much it matters.`
        : `Without ${counted(removed, 'edge')}: ${name(last)} at ${percent(now[last]!)}; ` +
          (first === last ? `${percent(before[first]!)} with all.` : `with all, ${name(first)} at ${percent(before[first]!)}.`);
    this.shares.show(name, before, now);
  }
}
