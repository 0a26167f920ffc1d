/** The rows of a race: a bar for each lane, and a heading for each network. */

import { isImages } from '../artifact/artifact';
import { keyOf, type Choice } from '../choice/choice';
import { sizeNote } from '../choice/panel';
import { TITLES, type Availability } from '../runtime/backends';
import { amount, make, milliseconds, percent, scientific } from '../ui/page';
import { medianOf, ROUNDS, startOf, type Entrant, type Lane } from './race';

export interface Row {
  readonly lane: Lane;
  /** Download size and caveats. */
  readonly size: string;
  readonly tick: HTMLInputElement;
  readonly item: HTMLTableRowElement;
  readonly fill: HTMLElement;
  readonly time: HTMLElement;
  readonly remark: HTMLElement;
}

/** A row for each runtime and backend of a network; `ticked` says which are checked at first. */
export function rowsOf(
  entrant: Entrant,
  ticked: (key: string, emulated: boolean) => boolean,
  onTick: () => void,
): Row[] {
  return entrant.offers.flatMap(({ runtime, backends }) =>
    backends.map((available) => rowFor(entrant, { runtime, backend: available.backend }, available, ticked, onTick)),
  );
}

function rowFor(
  entrant: Entrant,
  choice: Choice,
  { reason, software }: Availability,
  ticked: (key: string, emulated: boolean) => boolean,
  onTick: () => void,
): Row {
  const item = make('tr');
  const head = make('th');
  head.scope = 'row';
  const label = make('label');
  const tick = make('input');
  const key = keyOf(choice);
  Object.assign(tick, { type: 'checkbox', value: key, disabled: reason !== null, checked: reason === null && ticked(key, software) });
  tick.addEventListener('change', onTick);
  const name = make('span', '', choice.runtime.title);
  name.append(make('small', '', TITLES[choice.backend]));
  label.append(tick, name);
  head.append(label);
  const cell = make('td');
  const track = make('span', 'track');
  const fill = make('span', 'fill');
  track.append(fill);
  track.setAttribute('aria-hidden', 'true');
  const time = make('span', 'time');
  const size = sizeNote(choice, entrant.artifact.manifest) + (software ? ' · emulated GPU, slow' : '');
  const remark = make('small', '', reason === null ? size : `Not available: ${reason}`);
  cell.append(track, time, remark);
  item.append(head, cell);
  return { lane: startOf(entrant, choice), size, tick, item, fill, time, remark };
}

/** The heading of a network among several; `onLeave` removes it. */
export function headingOf({ artifact }: Entrant, onLeave: (() => void) | null): HTMLTableRowElement {
  const { manifest } = artifact;
  const item = make('tr', 'entrant');
  const head = make('th', '', `${manifest.name} `);
  head.colSpan = 2;
  head.scope = 'rowgroup';
  const accuracy = isImages(artifact) ? artifact.manifest.metrics?.test_accuracy : undefined;
  const facts = [accuracy === undefined ? '' : `test accuracy ${percent(accuracy)}`, `${amount(manifest.parameters)} parameters`];
  head.append(make('small', '', facts.filter(Boolean).join(' · ')));
  if (onLeave) {
    const leave = make('button', '', 'Remove');
    leave.type = 'button';
    leave.setAttribute('aria-label', `Remove ${manifest.name}`);
    leave.addEventListener('click', onLeave);
    head.append(leave);
  }
  item.append(head);
  return item;
}

export const isRight = ({ agreement }: Lane): boolean => agreement?.ok === true;

/** Bars grow with the rounds, to a length proportional to speed; wrong results cannot win. */
export function show({ lane, size, fill, time, remark, tick, item }: Row, rows: readonly Row[]): void {
  const times = rows.filter(({ lane: one }) => isRight(one)).map(({ lane: one }) => medianOf(one) ?? Infinity);
  const best = Math.min(...times);
  const middle = medianOf(lane);
  const share = middle === null || best === Infinity ? 0 : (best / Math.max(middle, 1e-6)) * (lane.times.length / ROUNDS);
  fill.style.setProperty('--share', String(lane.state === 'failed' ? 0 : Math.min(share, 1)));
  item.dataset.state = lane.state;
  item.classList.toggle('best', lane.state === 'done' && isRight(lane) && middle === best);
  const words = { waiting: '', loading: 'loading…', running: 'ready', done: '', failed: 'failed', stopped: 'stopped' };
  time.textContent = lane.state !== 'failed' && middle !== null ? milliseconds(middle) : words[lane.state];
  if (tick.disabled) return;
  const { agreement, startMs } = lane;
  const verdict = agreement && `${agreement.ok ? '✓' : '✗ wrong result,'} difference ${scientific(agreement.difference)}`;
  const first = startMs === null ? null : `first result after ${milliseconds(startMs)}`;
  remark.textContent = lane.error ?? [verdict, first, size].filter(Boolean).join(' · ');
}
