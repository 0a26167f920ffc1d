/** Two networks side by side: answers to the same picture, times, sizes, and cells with their differences marked. */

import '../style/compare.css';
import '../style/shares.css';
import { isImages, readArtifact, type Artifact, type Entry } from '../artifact/artifact';
import { sentence } from '../artifact/failure';
import { className, downloadBytes } from '../artifact/manifest';
import { downloadModel } from '../artifact/model';
import { othersOf, refusalOf } from '../artifact/others';
import { nameOf, readDrawing, type Drawing } from '../cell/drawing';
import { best, Shares } from '../cell/shares';
import { TITLES } from '../runtime/backends';
import { RUNTIMES } from '../runtime/runtimes';
import type { Field } from '../race/door';
import { amount, bytes, element, make, milliseconds, percent } from '../ui/page';
import { latest } from '../ui/latest';
import { asked } from '../ui/session';
import { onlyIn } from './differences';
import { Duel, type Side } from './duel';

const page = new URL('.', location.href);
const FORMATS = [...new Set(RUNTIMES.map(({ reads }) => reads))];

let field: Field | null = null;
let duel: Duel | null = null;
let sides: readonly [Side, Side] | null = null;
let leaving = new AbortController();

const section = element('compare', HTMLDetailsElement);
const root = element('compare-panel', HTMLElement);
const picker = make('select');
const status = make('p', 'help');
const facts = make('table', 'sides');
const body = make('tbody');
const heads = ['', '', ''].map((name) => make('th', '', name));
const shares = new Shares('Probabilities in both networks', '', '');
const cells = make('div', 'compare-cells');
build();

/** Shows the network to compare others with. */
export function showField(next: Field | null): void {
  const same = next && field && next.artifact === field.artifact && next.now === field.now;
  field = next;
  if (!same) void list();
}

/** Lists the other networks, and keeps the chosen one. */
async function list(): Promise<void> {
  clear();
  const here = field;
  if (!here) return;
  try {
    const others = await othersOf(page, here.artifact);
    if (field !== here) return;
    const before = picker.value;
    picker.replaceChildren(new Option('Choose a network', ''), ...others.map(({ name, path }) => new Option(name, path)));
    picker.disabled = others.length === 0;
    picker.value = others.some(({ path }) => path === before) ? before : '';
    await choose(others.find(({ path }) => path === picker.value));
    if (others.length === 0) status.textContent = 'There is no other image network here: export one, such as with "zoo build NASNet --export tfjs".';
  } catch (error) {
    status.textContent = sentence(error);
  }
}

async function choose(entry: Pick<Entry, 'path'> | undefined): Promise<void> {
  clear();
  const here = field;
  if (!entry || !here || !isImages(here.artifact)) return;
  const { signal } = leaving;
  try {
    status.textContent = 'Loading…';
    const other = await readArtifact(page, entry.path, ['image-classification'] as const, FORMATS, signal);
    signal.throwIfAborted();
    sides = [
      { artifact: here.artifact, model: here.model },
      { artifact: other, model: (reads, stop) => downloadModel(other, reads, stop) },
    ];
    showFacts();
    await showCells(signal);
    const refusal = refusalOf(here.artifact.manifest, other.manifest);
    if (refusal !== null) {
      status.textContent = refusal;
      return;
    }
    const opened = await Duel.open(sides, here.now, signal);
    if (signal.aborted) {
      opened.dispose();
      return;
    }
    duel = opened;
    const { runtime, backend } = duel.choice;
    status.textContent = `Both in ${runtime.title} on ${TITLES[backend]}.`;
    await ask();
    const times = await opened.times(here.pixels() ?? firstPixels(here));
    signal.throwIfAborted();
    fill('time', times.map((ms) => `${milliseconds(ms)}, median`));
    root.dataset.timed = 'yes';
  } catch (error) {
    if (!signal.aborted) status.textContent = sentence(error);
  }
}

function clear(): void {
  leaving.abort();
  leaving = new AbortController();
  duel?.dispose();
  duel = sides = null;
  status.textContent = '';
  facts.hidden = shares.root.hidden = true;
  cells.replaceChildren();
  delete root.dataset.timed;
}

/** What the manifests say, with rows for the answers and times. */
function showFacts(): void {
  const [one, other] = sides!.map(({ artifact }) => artifact.manifest) as [Artifact['manifest'], Artifact['manifest']];
  heads.forEach((head, i) => (head.textContent = ['', one.name, other.name][i]!));
  shares.name(one.name, other.name);
  const each = (show: (manifest: Artifact['manifest']) => string) => [show(one), show(other)] as const;
  const reads = RUNTIMES.find((runtime) => [one, other].every((each) => downloadBytes(each, runtime.reads) > 0))?.reads;
  const rows: [string, readonly [string, string], string?][] = [
    ['Answer', ['–', '–'], 'answer'],
    ['Time per picture', ['–', '–'], 'time'],
    ['Test accuracy', each(({ metrics }) => (metrics?.test_accuracy === undefined ? 'not measured' : percent(metrics.test_accuracy)))],
    ['Parameters', each(({ parameters }) => amount(parameters))],
    ['Multiply-adds', each(({ multiply_adds }) => (multiply_adds ? amount(multiply_adds) : 'not counted'))],
    ...(reads ? [['Download', each((manifest) => bytes(downloadBytes(manifest, reads)))] as [string, readonly [string, string]]] : []),
  ];
  body.replaceChildren(
    ...rows.map(([name, values, id]) => {
      const item = make('tr');
      const head = make('th', '', name);
      head.scope = 'row';
      if (id) item.dataset.row = id;
      item.append(head, ...values.map((value) => make('td', '', value)));
      return item;
    }),
  );
  facts.hidden = false;
}

function fill(row: string, values: readonly string[]): void {
  const found = body.querySelectorAll<HTMLElement>(`[data-row="${row}"] td`);
  found.forEach((cell, i) => (cell.textContent = values[i]!));
}

/** Each cell of both, with the edges marked that only one has. */
async function showCells(signal: AbortSignal): Promise<void> {
  const both = sides!.map(({ artifact }) => artifact) as [Artifact, Artifact];
  const lacking = both.find(({ manifest }) => !('cell.svg' in manifest.files));
  if (lacking) {
    cells.replaceChildren(make('p', 'help', `${lacking.manifest.name} has no cell to compare.`));
    return;
  }
  const drawn = await Promise.all(both.map((one) => readDrawing(one, signal)));
  signal.throwIfAborted();
  for (const kind of new Set(drawn.flatMap((one) => one.cells))) {
    drawn.forEach((drawing, i) => showCell(drawing.copy(), drawn[1 - i]!, kind, both[i]!, both[1 - i]!));
  }
}

function showCell(drawing: Drawing, other: Drawing, kind: string, own: Artifact, against: Artifact): void {
  const figure = make('figure');
  const title = `${own.manifest.name}, ${{ normal: 'normal cell', reduce: 'reduction cell' }[kind] ?? kind}`;
  const caption = make('figcaption');
  caption.append(make('b', '', title));
  figure.append(caption);
  cells.append(figure);
  if (!drawing.cells.includes(kind)) {
    caption.append(make('small', 'quiet', 'It has no such cell.'));
    return;
  }
  const only = onlyIn(drawing, other, kind);
  drawing.mark('marked', (part) => part.kind === 'edge' && only.has(part));
  drawing.mark('faded', (part) => part.kind === 'edge' && !only.has(part));
  const names = [...only].map(nameOf);
  caption.append(
    make(
      'small',
      'quiet',
      names.length === 0 ? `The same edges as in ${against.manifest.name}.` : `Only here (${names.length} of ${drawing.edges(kind).length}): ${names.join('; ')}.`,
    ),
  );
  const sheet = make('div', 'sheet-of-cell');
  sheet.tabIndex = 0;
  sheet.setAttribute('role', 'group');
  sheet.setAttribute('aria-label', title);
  sheet.append(drawing.host);
  figure.append(sheet);
  drawing.showOnly(kind);
}

/** Asks both about the picture on the page, and again if it has changed in the meantime. */
const ask = latest(section, showAnswers, (why) => {
  if (duel) status.textContent = why;
});

async function showAnswers(): Promise<void> {
  const here = duel;
  const pixels = field?.pixels() ?? null;
  shares.root.hidden = true;
  if (!here || !pixels || !sides) {
    if (sides) fill('answer', ['no picture yet', 'no picture yet']);
    return;
  }
  const answers = await here.answers(pixels);
  if (duel !== here) return;
  const manifests = sides.map(({ artifact }) => artifact.manifest);
  fill('answer', answers.map((one, i) => `${className(manifests[i]!, best(one))}, ${percent(one[best(one)]!)}`));
  const alike = answers[0].length === answers[1].length && manifests[0]!.labels.join() === manifests[1]!.labels.join();
  shares.root.hidden = !alike;
  if (alike) shares.show((index) => className(manifests[0]!, index), ...answers);
}

/** The first input of the fixture. */
const firstPixels = ({ reference }: Field): Float32Array =>
  Object.values(reference.cases.each[0]!.inputs)[0]!.data as Float32Array;

function build(): void {
  picker.id = 'compare-other';
  picker.addEventListener('change', () => void choose(picker.value ? { path: picker.value } : undefined));
  const label = make('label', 'compare-choice', 'Compare with ');
  label.append(picker);
  status.setAttribute('role', 'status');
  const top = make('thead');
  const head = make('tr');
  heads.forEach((cell) => (cell.scope = 'col'));
  head.append(make('td'), ...heads.slice(1));
  top.append(head);
  facts.append(make('caption', 'unseen', 'Both networks'), top, body);
  root.replaceChildren(label, status, facts, shares.root, cells);
  asked.addEventListener('change', () => void ask());
}
