/** The gallery: a card for each network, a map of accuracy against time or size, and the times of all on this device. */

import '../style/gallery.css';
import { sentence } from '../artifact/failure';
import type { Choice } from '../choice/choice';
import { TITLES } from '../runtime/backends';
import { RUNTIMES } from '../runtime/runtimes';
import { element, make } from '../ui/page';
import { addressOf, cardOf, type Card } from './card';
import type { Collection } from './door';
import { byQuantity, byScore, QUANTITIES, readListed, scoreText, type Listed, type Quantity, type QuantityName } from './listed';
import { mapOf } from './map';
import { measure } from './measure';
import { keepTime } from '../choice/times';

const page = new URL('.', location.href);
const details = element('gallery', HTMLDetailsElement);
const find = make('input', 'field');
const data = make('select');
const sort = make('select');
const where = make('select');
const axis = make('select');
const start = button('gallery-measure', 'Measure all', () => void measureAll());
const cancel = button('gallery-cancel', 'Cancel', () => measuring?.abort());
const status = make('p', 'help');
const plot = make('figure', 'map');
const caption = make('figcaption', 'help');
const list = make('ul', 'networks');

let cards: readonly Card[] = [];
let choices: readonly Choice[] = [];
/** What became of a measurement, by network. */
const notes = new Map<Listed, string>();
let measuring: AbortController | null = null;
/** Whether the visitor has chosen the axis of the map. */
let asked = false;
build();

export function showField(collection: Collection | null): void {
  if (!collection) return;
  const { entries, survey, now } = collection;
  choices = RUNTIMES.flatMap((runtime) =>
    survey
      .filter(({ backend, reason }) => reason === null && runtime.backends.includes(backend))
      .map(({ backend }) => ({ runtime, backend })),
  );
  cards = entries.map((entry) => cardOf(readListed(entry), page, open));
  // Only runtimes that read some network.
  choices = choices.filter(({ runtime }) => cards.some(({ listed }) => runtime.reads in listed.sizes));
  const { runtime, backend } = now();
  where.replaceChildren(...choices.map((one) => new Option(`${one.runtime.title} on ${TITLES[one.backend]}`)));
  where.selectedIndex = Math.max(0, choices.findIndex((one) => one.runtime === runtime && one.backend === backend));
  const names = [...new Set(cards.flatMap(({ listed }) => listed.data ?? []))].sort();
  data.replaceChildren(new Option('All data', ''), ...names.map((name) => new Option(name)));
  show();
}

/** Shows the networks that match, in the chosen order. */
function show(): void {
  const shown = matching();
  for (const card of shown) card.show(choice(), notes.get(card.listed));
  list.replaceChildren(...shown.map(({ item }) => item));
  const quantity = QUANTITIES[axisName(shown)];
  axis.value = axisName(shown);
  drawMap(shown.map(({ listed }) => listed), quantity);
  const queue = queueOf(shown);
  start.disabled = measuring !== null || queue.length === 0;
  start.textContent = queue.every(lacksTime) ? 'Measure all' : 'Measure again';
  cancel.disabled = measuring === null;
  if (!measuring) status.textContent = shown.length === cards.length ? `${cards.length} networks` : `${shown.length} of ${cards.length} networks`;
}

const choice = (): Choice => choices[where.selectedIndex]!;

function matching(): Card[] {
  const words = find.value.toLowerCase().split(/\s+/);
  const shown = cards.filter(({ listed: { entry, data: of } }) =>
    words.every((word) => entry.name.toLowerCase().includes(word)) && (data.value === '' || of === data.value));
  const quantity = (QUANTITIES as Record<string, Quantity>)[sort.value];
  if (quantity) {
    const order = byQuantity(quantity, choice());
    return shown.sort((one, other) => order(one.listed, other.listed));
  }
  return sort.value === 'score' ? shown.sort((one, other) => byScore(one.listed, other.listed)) : shown;
}

/** The axis of the map: as chosen, else the time once two networks have one. */
function axisName(shown: readonly Card[]): QuantityName {
  if (asked) return axis.value as QuantityName;
  const timed = shown.filter(({ listed }) => QUANTITIES.time.of(listed, choice()) !== null);
  return timed.length > 1 ? 'time' : 'download';
}

/** Scores on different data do not compare, so the map shows the data of the most networks. */
function drawMap(shown: readonly Listed[], quantity: Quantity): void {
  const scored = shown.filter(({ score }) => score !== null);
  const titleOf = ({ data: of, metric }: Listed) => `${metric} on ${of ?? 'unknown data'}`;
  const groups = [...new Set(scored.map(titleOf))].map((one) => scored.filter((listed) => titleOf(listed) === one));
  const group = groups.sort((one, other) => other.length - one.length)[0] ?? [];
  const title = group[0] ? titleOf(group[0]) : '';
  const points = group.flatMap(({ entry, score }, at) => {
    const x = quantity.of(group[at]!, choice());
    return x === null ? [] : [{ name: entry.name, x, y: score!, href: addressOf(entry.name) }];
  });
  const drawn = points.length > 0 && plot.clientWidth > 0;
  plot.querySelector('svg')?.remove();
  const { metric } = group[0] ?? { metric: null };
  if (drawn) {
    const y = { title: `Test ${title}`, text: (value: number) => scoreText(metric, value) };
    plot.append(mapOf(points, { x: quantity, y, lowIsBest: metric === 'perplexity', onOpen: open }, plot.clientWidth));
  }
  const others = scored.length - group.length;
  const left = group.length - points.length;
  caption.textContent = [
    points.length > 0 ? `Test ${title}, against ${quantity.title.toLowerCase()}.` : 'No network has both figures.',
    left > 0 && quantity === QUANTITIES.time ? `${left} without a time: press Measure all.` : '',
    others > 0 ? `${others} on other data ${others === 1 ? 'is' : 'are'} left out, because scores on different data do not compare.` : '',
  ].filter(Boolean).join(' ');
}

const lacksTime = ({ listed }: Card): boolean => QUANTITIES.time.of(listed, choice()) === null;

/** The networks to measure: those without a time, or all if each has one. */
function queueOf(shown: readonly Card[]): readonly Card[] {
  const able = shown.filter(({ listed }) => listed.shown && choice().runtime.reads in listed.sizes);
  return able.some(lacksTime) ? able.filter(lacksTime) : able;
}

/** Runs the networks shown one after another; times so far are kept. */
async function measureAll(): Promise<void> {
  measuring = new AbortController();
  const { signal } = measuring;
  const here = choice();
  const queue = queueOf(matching());
  where.disabled = true;
  show();
  cancel.focus();
  for (const [at, { listed }] of queue.entries()) {
    status.textContent = `Measuring ${at + 1} of ${queue.length}: ${listed.entry.name}`;
    try {
      keepTime(listed.entry, here, await measure(page, listed.entry, here, signal));
      notes.delete(listed);
    } catch (error) {
      if (signal.aborted) break;
      notes.set(listed, `failed: ${sentence(error)}`);
    }
    show();
  }
  measuring = null;
  where.disabled = false;
  const focused = document.activeElement === cancel;
  show();
  const failed = queue.filter(({ listed }) => notes.has(listed)).length;
  status.textContent = signal.aborted ? 'Canceled. The times so far are kept.' : failed ? `${failed} of ${queue.length} failed.` : 'All are measured.';
  if (focused) (start.disabled ? find : start).focus();
}

/** Opens a network on the page. */
function open(name: string): void {
  const picker = element('model', HTMLSelectElement);
  picker.selectedIndex = [...picker.options].findIndex(({ text }) => text === name || text.startsWith(`${name} (`));
  details.open = false;
  picker.focus();
  scrollTo({ top: 0 });
  picker.dispatchEvent(new Event('change'));
}

function build(): void {
  find.type = 'search';
  const orders = { name: 'Name', score: 'Accuracy', ...Object.fromEntries(Object.entries(QUANTITIES).map(([name, { title }]) => [name, title])) };
  sort.replaceChildren(...Object.entries(orders).map(([value, title]) => new Option(title, value)));
  axis.replaceChildren(...Object.entries(QUANTITIES).map(([value, { title }]) => new Option(title, value)));
  find.addEventListener('input', show);
  axis.addEventListener('change', () => (asked = true));
  for (const control of [data, sort, where, axis]) control.addEventListener('change', show);
  // The page may have measured a network since.
  details.addEventListener('toggle', () => details.open && show());
  let width = 0;
  new ResizeObserver(() => {
    if (plot.clientWidth !== width && (width = plot.clientWidth) > 0) show();
  }).observe(plot);
  status.setAttribute('role', 'status');
  plot.append(caption);
  const controls = make('div', 'controls');
  controls.append(labeled('Find', find), labeled('Data', data), labeled('Sort by', sort), labeled('Map across', axis), labeled('Runtime', where));
  const tools = make('div', 'tools');
  tools.append(start, cancel);
  element('gallery-panel', HTMLElement).replaceChildren(controls, tools, status, plot, list);
}

function labeled(text: string, control: HTMLElement): HTMLLabelElement {
  const label = make('label', '', text);
  label.append(control);
  return label;
}

function button(id: string, text: string, onClick: () => void): HTMLButtonElement {
  const made = make('button', '', text);
  Object.assign(made, { type: 'button', id });
  made.addEventListener('click', onClick);
  return made;
}
