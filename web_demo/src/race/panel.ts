/** The race on the page: networks, a row with a bar for each runtime and backend, and a table to copy. */

import { isImages, type Entry } from '../artifact/artifact';
import { sentence } from '../artifact/failure';
import { othersOf } from '../artifact/others';
import { TITLES } from '../runtime/backends';
import type { Tensors } from '../runtime/runtime';
import { element, make, milliseconds } from '../ui/page';
import type { Field } from './door';
import { readEntrant } from './entrants';
import { medianOf, race, ROUNDS, startOf, type Entrant, type Lane } from './race';
import { headingOf, isRight, rowsOf, show, type Row } from './rows';
import { tableText } from './table';
import '../style/race.css';

const page = new URL('.', location.href);

let field: Field | null = null;
/** The network of the page first. */
let entrants: Entrant[] = [];
let rows: readonly Row[] = [];
let running: AbortController | null = null;
/** Aborts with the network of the page. */
let leaving = new AbortController();

const root = element('race-panel', HTMLElement);
const table = make('table', 'lanes');
const start = button('race-start', 'Start', () => void run());
const cancel = button('race-cancel', 'Cancel', () => running?.abort());
const copy = button('race-copy', 'Copy table', () => void copyTable());
const picker = make('select');
const adding = make('label', 'race-add', 'Add a network ');
const status = make('p', 'help');
build();

/** Shows the runtimes and backends of a network. */
export function showField(next: Field | null): void {
  // Another backend on the page changes neither a race nor its results.
  const stays = next?.artifact === field?.artifact;
  const same = next && field && stays && sameOffers(next, field);
  field = next;
  if (same) return;
  running?.abort();
  running = null;
  leaving.abort();
  leaving = new AbortController();
  const others = stays && next ? entrants.slice(1).map((one) => ({ ...one, offers: next.offersOf(one.artifact.manifest.files) })) : [];
  enter(next ? [next, ...others] : []);
  status.textContent = '';
  void listOthers();
}

/** Sets the networks of the race; those that stay keep their rows. */
function enter(next: Entrant[]): void {
  const made: Row[] = [];
  let first: readonly Row[] | null = null;
  for (const body of [...table.tBodies]) body.remove();
  for (const entrant of next) {
    const leader: readonly Row[] | null = first;
    // A network that joins runs where the first does.
    const ticked = (key: string, emulated: boolean) =>
      leader ? leader.some(({ tick }) => tick.value === key && tick.checked) : !emulated;
    const kept = rows.filter(({ lane }) => lane.entrant === entrant);
    const own = kept.length > 0 ? kept : rowsOf(entrant, ticked, showReady);
    first ??= own;
    made.push(...own);
    const body = table.createTBody();
    if (next.length > 1) body.append(headingOf(entrant, leader && (() => leave(entrant))));
    body.append(...own.map(({ item }) => item));
  }
  entrants = next;
  rows = made;
  for (const row of rows) show(row, rows); // bars compare the networks that are there
  copy.disabled = !rows.some(({ lane }) => lane.times.length > 0);
  setRunning(running !== null); // a network may join while a race runs
}

function leave(entrant: Entrant): void {
  enter(entrants.filter((one) => one !== entrant));
  status.textContent = `${entrant.artifact.manifest.name} is removed.`;
  void listOthers().then(() => picker.focus());
}

/** Lists the networks that can join. */
async function listOthers(): Promise<void> {
  const here = field;
  adding.hidden = true;
  if (!here) return;
  try {
    const joined = new Set(entrants.map(({ artifact }) => artifact.folder.href));
    const others = (await othersOf(page, here.artifact)).filter(({ path }) => !joined.has(new URL(path, page).href));
    if (field !== here) return;
    picker.replaceChildren(new Option('Choose', ''), ...others.map(({ name, path }) => new Option(name, path)));
    adding.hidden = others.length === 0;
  } catch {
    // A page of opened files only has no index.
  }
}

async function join(entry: Pick<Entry, 'name' | 'path'>): Promise<void> {
  if (!field) return;
  const { signal } = leaving;
  picker.disabled = true;
  try {
    status.textContent = `Loading ${entry.name}…`;
    const entrant = await readEntrant(page, entry, field, signal);
    signal.throwIfAborted();
    enter([...entrants, entrant]);
    status.textContent = `${entry.name} takes part.`;
  } catch (error) {
    if (!signal.aborted) status.textContent = sentence(error);
  } finally {
    picker.disabled = running !== null;
  }
  if (!signal.aborted) await listOthers();
}

async function run(): Promise<void> {
  if (!field) return;
  const { artifact, pixels } = field;
  running = new AbortController();
  const { signal } = running;
  const entered = rows.filter(({ tick }) => tick.checked && !tick.disabled);
  for (const row of rows) {
    Object.assign(row.lane, startOf(row.lane.entrant, row.lane.choice));
    show(row, rows);
  }
  setRunning(true);
  cancel.focus();
  const picture = isImages(artifact) ? pixels() : null;
  const onChange = (lane: Lane) => {
    if (running?.signal !== signal) return; // another network
    if (lane.state === 'loading') status.textContent = `Loading ${titleOf(lane)}…`;
    if (lane.state === 'running' && lane.times.length === 0) status.textContent = `${titleOf(lane)} is ready.`;
    if (lane.times.length === 1) status.textContent = `Timing ${ROUNDS} rounds…`;
    for (const row of entered) show(row, rows); // the fastest may have changed
  };
  await race(entered.map(({ lane }) => lane), (entrant) => inputsOf(entrant, picture), onChange, signal);
  if (running?.signal !== signal) return; // another network
  running = null;
  const focused = document.activeElement === cancel;
  setRunning(false);
  if (focused) start.focus();
  copy.disabled = !entered.some(({ lane }) => lane.times.length > 0);
  status.textContent = outcome(entered.map(({ lane }) => lane), signal.aborted);
}

/** The picture on the page, or the first input of the fixture. */
function inputsOf({ artifact, reference }: Entrant, picture: Float32Array | null): Tensors {
  const { inputs } = reference.cases.each[0]!;
  if (!picture || !isImages(artifact)) return inputs;
  const { name, height, width, channels } = artifact.manifest.input;
  return { [name]: { data: picture, shape: [1, height, width, channels] } };
}

const sameOffers = (one: Field, other: Field): boolean => JSON.stringify(one.offers) === JSON.stringify(other.offers);

function titleOf({ entrant, choice: { runtime, backend } }: Lane): string {
  const where = `${runtime.title} on ${TITLES[backend]}`;
  return entrants.length > 1 ? `${entrant.artifact.manifest.name} in ${where}` : where;
}

function outcome(lanes: readonly Lane[], stopped: boolean): string {
  if (stopped) return 'Canceled. The times so far are kept.';
  const done = lanes.filter((lane) => lane.state === 'done' && isRight(lane)).sort((a, b) => medianOf(a)! - medianOf(b)!);
  const [first, second] = done;
  if (!first) return 'None finished with correct results.';
  const times = second ? medianOf(second)! / medianOf(first)! : 1;
  const next = second ? `, ${times < 1.05 ? '' : `${times.toFixed(1)}× `}as fast as ${titleOf(second)}` : '';
  return `Fastest: ${titleOf(first)}, ${milliseconds(medianOf(first)!)}${next} (median of ${ROUNDS}).`;
}

async function copyTable(): Promise<void> {
  const lanes = rows.map(({ lane }) => lane).filter(({ state }) => state !== 'waiting');
  const text = tableText(navigator.userAgent, lanes);
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
  picker.disabled = on;
  for (const leave of table.querySelectorAll('button')) leave.disabled = on;
  if (on) start.disabled = copy.disabled = true;
  else showReady();
}

/** At least one row must be checked. */
function showReady(): void {
  start.disabled = running !== null || !rows.some(({ tick }) => tick.checked && !tick.disabled);
}

function build(): void {
  const caption = make('caption', 'unseen', 'Time of each network, runtime and backend');
  const head = make('thead');
  const line = make('tr');
  for (const name of ['Runtime and backend', 'Time per run']) {
    const cell = make('th', '', name);
    cell.scope = 'col';
    line.append(cell);
  }
  head.append(line);
  table.append(caption, head);
  status.setAttribute('role', 'status');
  const tools = make('div', 'tools');
  tools.append(start, cancel, copy, adding);
  picker.addEventListener('change', () => picker.value && void join({ name: picker.selectedOptions[0]!.text, path: picker.value }));
  adding.append(picker);
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
