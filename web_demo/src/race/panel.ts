/** The race on the page: a row with a bar for each runtime and backend, and a table to copy. */

import { isImages } from '../artifact/artifact';
import { keyOf, type Choice } from '../choice/choice';
import { sizeNote } from '../choice/panel';
import { TITLES, type Availability } from '../runtime/backends';
import type { Tensors } from '../runtime/runtime';
import { element, make, milliseconds, scientific } from '../ui/page';
import type { Field } from './door';
import { medianOf, race, ROUNDS, startingGrid, type Lane } from './race';
import { tableText } from './table';
import '../style/race.css';

interface Row {
  readonly lane: Lane;
  /** Download size and caveats. */
  readonly size: string;
  readonly tick: HTMLInputElement;
  readonly item: HTMLTableRowElement;
  readonly fill: HTMLElement;
  readonly time: HTMLElement;
  readonly remark: HTMLElement;
}

let field: Field | null = null;
let rows: readonly Row[] = [];
let running: AbortController | null = null;

const root = element('race-panel', HTMLElement);
const table = make('table', 'lanes');
const body = make('tbody');
const start = button('race-start', 'Start', () => void run());
const cancel = button('race-cancel', 'Cancel', () => running?.abort());
const copy = button('race-copy', 'Copy table', () => void copyTable());
const status = make('p', 'help');
build();

/** Shows the runtimes and backends of a network. */
export function showField(next: Field | null): void {
  // Another backend on the page changes neither a race nor its results.
  const same = next && field && next.artifact === field.artifact && sameOffers(next, field);
  field = next;
  if (same) return;
  running?.abort();
  running = null;
  setRunning(false);
  status.textContent = '';
  copy.disabled = true;
  rows = next ? choicesOf(next).map(([choice, available]) => rowFor(choice, available)) : [];
  body.replaceChildren(...rows.map(({ item }) => item));
  showReady();
}

async function run(): Promise<void> {
  if (!field) return;
  running = new AbortController();
  const { signal } = running;
  const entered = rows.filter(({ tick }) => tick.checked && !tick.disabled);
  const by = new Map(entered.map((row) => [row.lane, row]));
  for (const row of rows) {
    Object.assign(row.lane, startingGrid([row.lane.choice])[0]);
    show(row);
  }
  setRunning(true);
  cancel.focus();
  const { reference, model } = field;
  const course = { reference, model, inputs: inputsOf(field), wanted: Object.keys(reference.cases.together.expected) };
  const onChange = (lane: Lane) => {
    if (running?.signal !== signal) return; // another network
    if (lane.state === 'loading') status.textContent = `Loading ${titleOf(lane.choice)}…`;
    if (lane.state === 'running' && lane.times.length === 0) status.textContent = `${titleOf(lane.choice)} is ready.`;
    if (lane.times.length === 1) status.textContent = `Timing ${ROUNDS} rounds…`;
    by.forEach(show); // the fastest may have changed
  };
  await race([...by.keys()], course, onChange, signal);
  if (running?.signal !== signal) return; // another network
  running = null;
  const focused = document.activeElement === cancel;
  setRunning(false);
  if (focused) start.focus();
  copy.disabled = !entered.some(({ lane }) => lane.times.length > 0);
  status.textContent = outcome(entered.map(({ lane }) => lane), signal.aborted);
}

/** The picture on the page, or the first input of the fixture. */
function inputsOf({ artifact, reference, pixels }: Field): Tensors {
  const { inputs } = reference.cases.each[0]!;
  const picture = pixels();
  if (!picture || !isImages(artifact)) return inputs;
  const { name, height, width, channels } = artifact.manifest.input;
  return { [name]: { data: picture, shape: [1, height, width, channels] } };
}

function choicesOf({ offers }: Field): [Choice, Availability][] {
  return offers.flatMap(({ runtime, backends }) =>
    backends.map((available): [Choice, Availability] => [{ runtime, backend: available.backend }, available]),
  );
}

const sameOffers = (one: Field, other: Field): boolean =>
  JSON.stringify(choicesOf(one)) === JSON.stringify(choicesOf(other));

const isRight = ({ agreement }: Lane): boolean => agreement?.ok === true;

const titleOf = ({ runtime, backend }: Choice): string => `${runtime.title} on ${TITLES[backend]}`;

function rowFor(choice: Choice, { reason, software }: Availability): Row {
  const item = make('tr');
  const head = make('th');
  head.scope = 'row';
  const label = make('label');
  const tick = make('input');
  Object.assign(tick, { type: 'checkbox', value: keyOf(choice), disabled: reason !== null, checked: reason === null && !software });
  tick.addEventListener('change', showReady);
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
  const size = sizeNote(choice, field!.artifact.manifest) + (software ? ' · emulated GPU, slow' : '');
  const remark = make('small', '', reason === null ? size : `Not available: ${reason}`);
  cell.append(track, time, remark);
  item.append(head, cell);
  return { lane: startingGrid([choice])[0]!, size, tick, item, fill, time, remark };
}

/** Bars grow with the rounds, to a length proportional to speed; wrong results cannot win. */
function show(row: Row): void {
  const { lane, size, fill, time, remark, tick } = row;
  const times = rows.filter(({ lane: one }) => isRight(one)).map(({ lane: one }) => medianOf(one) ?? Infinity);
  const best = Math.min(...times);
  const middle = medianOf(lane);
  const share = middle === null || best === Infinity ? 0 : (best / Math.max(middle, 1e-6)) * (lane.times.length / ROUNDS);
  fill.style.setProperty('--share', String(lane.state === 'failed' ? 0 : Math.min(share, 1)));
  row.item.dataset.state = lane.state;
  row.item.classList.toggle('best', lane.state === 'done' && isRight(lane) && middle === best);
  const words = { waiting: '', loading: 'loading…', running: 'ready', done: '', failed: 'failed', stopped: 'stopped' };
  time.textContent = lane.state !== 'failed' && middle !== null ? milliseconds(middle) : words[lane.state];
  if (tick.disabled) return;
  const { agreement, startMs } = lane;
  const verdict = agreement && `${agreement.ok ? '✓' : '✗ wrong result,'} difference ${scientific(agreement.difference)}`;
  const first = startMs === null ? null : `first result after ${milliseconds(startMs)}`;
  remark.textContent = lane.error ?? [verdict, first, size].filter(Boolean).join(' · ');
}

function outcome(lanes: readonly Lane[], stopped: boolean): string {
  if (stopped) return 'Canceled. The times so far are kept.';
  const done = lanes.filter((lane) => lane.state === 'done' && isRight(lane)).sort((a, b) => medianOf(a)! - medianOf(b)!);
  const [first, second] = done;
  if (!first) return 'None finished with correct results.';
  const times = second ? (medianOf(second)! / medianOf(first)!).toFixed(1) : '';
  const next = second ? `, ${times}× as fast as ${titleOf(second.choice)}` : '';
  return `Fastest: ${titleOf(first.choice)}, ${milliseconds(medianOf(first)!)}${next} (median of ${ROUNDS}).`;
}

async function copyTable(): Promise<void> {
  const manifest = field!.artifact.manifest;
  const lanes = rows.map(({ lane }) => lane).filter(({ state }) => state !== 'waiting');
  const text = tableText(`${manifest.name}: ${navigator.userAgent}`, lanes, ({ choice }) => sizeNote(choice, manifest));
  try {
    await navigator.clipboard.writeText(text);
    status.textContent = 'Copied as a Markdown table.';
  } catch {
    getSelection()?.selectAllChildren(table);
    status.textContent = 'The browser denied access to the clipboard: the table is selected, copy it by hand.';
  }
}

function setRunning(on: boolean): void {
  cancel.disabled = !on;
  if (on) start.disabled = copy.disabled = true;
  else showReady();
}

/** At least one row must be checked. */
function showReady(): void {
  start.disabled = running !== null || !rows.some(({ tick }) => tick.checked && !tick.disabled);
}

function build(): void {
  const caption = make('caption', 'unseen', 'Time of each runtime and backend');
  const head = make('thead');
  const line = make('tr');
  for (const name of ['Runtime and backend', 'Time per run']) {
    const cell = make('th', '', name);
    cell.scope = 'col';
    line.append(cell);
  }
  head.append(line);
  table.append(caption, head, body);
  status.setAttribute('role', 'status');
  const tools = make('div', 'tools');
  tools.append(start, cancel, copy);
  cancel.disabled = copy.disabled = true;
  root.replaceChildren(tools, table, status);
}

function button(id: string, text: string, onClick: () => void): HTMLButtonElement {
  const made = make('button', id === 'race-start' ? 'first' : '', text);
  made.type = 'button';
  made.id = id;
  made.addEventListener('click', onClick);
  return made;
}
