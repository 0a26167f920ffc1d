/** The card of a network: its drawing, accuracy, sizes, and time on this device. */

import { inside } from '../artifact/request';
import type { Choice } from '../choice/choice';
import { make, row } from '../ui/page';
import { QUANTITIES, scoreText, type Listed } from './listed';
import { isPlain } from './map';

export interface Card {
  readonly listed: Listed;
  readonly item: HTMLLIElement;
  /** Shows the figures in a runtime and backend; `note` replaces the time. */
  readonly show: (choice: Choice, note?: string) => void;
}

export function cardOf(listed: Listed, page: URL, onOpen: (name: string) => void): Card {
  const { entry, data, metric, score } = listed;
  const item = make('li', 'network');
  const link = make('a', '', entry.name);
  link.href = addressOf(entry.name);
  link.addEventListener('click', (event) => {
    if (isPlain(event)) onOpen(entry.name);
  });
  const head = make('h2');
  head.append(link);
  const facts = make('dl');
  item.append(drawingOf(listed, page), head, facts);
  const show = (choice: Choice, note?: string) => {
    const result = score === null ? 'not measured' : `${scoreText(metric, score)}${data ? ` on ${data}` : ''}`;
    facts.replaceChildren(
      row(metric === 'perplexity' ? 'Perplexity' : 'Accuracy', result),
      ...Object.values(QUANTITIES).map((quantity) => {
        const value = quantity.of(listed, choice);
        const missing = quantity === QUANTITIES.time ? (note ?? 'not measured') : '–';
        return row(quantity.title, value === null ? missing : quantity.text(value));
      }),
    );
  };
  return { listed, item, show };
}

/** The address of the page with a network. */
export function addressOf(name: string): string {
  return `?model=${encodeURIComponent(name)}`;
}

/** Its drawing, loaded when it comes near the window. */
function drawingOf({ entry, drawing }: Listed, page: URL): HTMLElement {
  const frame = make('div', 'drawing');
  if (drawing === null) return frame;
  const image = make('img');
  Object.assign(image, { alt: '', loading: 'lazy', decoding: 'async' });
  image.src = inside(inside(page, entry.path), drawing).href;
  frame.append(image);
  return frame;
}
