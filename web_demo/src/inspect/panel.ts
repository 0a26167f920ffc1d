/** Inside the cell: what its operations do, its feature maps, the way of the picture, and the answer without edges. */

import '../style/inspect.css';
import '../style/shares.css';
import { isImages, type AnyArtifact, type Artifact } from '../artifact/artifact';
import { sentence } from '../artifact/failure';
import { buildCommand } from '../artifact/manifest';
import { nameOf, readDrawing, type Edge, type Part } from '../cell/drawing';
import { describe, describeNode } from '../cell/operations';
import type { Tensors } from '../runtime/runtime';
import { bytes, element, make } from '../ui/page';
import { latest } from '../ui/latest';
import { asked, currentPixels } from '../ui/session';
import { Answers } from './answers';
import { flow } from './flow';
import { hasInside, Inside } from './graph';
import { MovingKernel } from './kernel';
import { mapSheet } from './maps';
import { Removed } from './removed';
import { after, genotypeKind, into, isComputed, isStrided, outOf, picturesOf, sameIn, sheetsOf, type View } from './view';

const LEFT_OUT = 'No way over it leads from the input to the output, so the network leaves it out.';

let view: View | null = null;
let cell = 0;
let chosen: Part;
let leaving = new AbortController();
/** The pictures over the drawing. */
let pictures = new AbortController();
let playing = false;

const section = element('inside', HTMLDetailsElement);
const root = element('inside-panel', HTMLElement);
const status = make('p', 'help');
const slider = make('input');
const position = make('output');
const play = button('inside-play', 'Play', () => void toggle());
const restore = button('inside-restore', 'Restore all edges', () => change(() => view!.removed.clear()));
const sheet = make('div', 'inside-drawing');
const title = make('h3');
const text = make('p');
const kernel = new MovingKernel();
const enter = button('inside-enter', '', () => {
  go(into(view!, cell, chosen));
  leave.focus(); // the button that was pressed may be hidden now
});
const leave = button('inside-leave', '', () => {
  const { cell: outer, edge } = outOf(view!, cell)!;
  go(outer);
  choose(edge);
  enter.focus();
});
const removeHere = button('inside-remove', 'Remove from this cell', () => remove((removed, edge) => removed.toggle(cell, edge)));
const removeAll = button('inside-remove-all', '', () => remove((removed, edge, kind) => removed.toggleAll(kind, edge)));
const maps = make('div', 'inside-maps');
const answers = new Answers();
const controls = make('div', 'tools inside-tools');
const removals = make('div', 'tools');
const columns = make('div', 'inside-columns');
build();

/** Shows the cell of an artifact. */
export function showField(artifact: AnyArtifact | null): void {
  leaving.abort();
  leaving = new AbortController();
  halt();
  view?.inside?.dispose();
  view = null;
  columns.hidden = controls.hidden = answers.root.hidden = true;
  kernel.stop();
  status.textContent = '';
  if (artifact) void begin(artifact, leaving.signal);
}

async function begin(artifact: AnyArtifact, signal: AbortSignal): Promise<void> {
  try {
    const drawing = await readDrawing(artifact, signal);
    const graph = isImages(artifact) && hasInside(artifact) ? await open(artifact, signal) : null;
    if (signal.aborted) {
      graph?.dispose();
      return;
    }
    const cells = graph?.cells ?? drawing.cells;
    view = { artifact, drawing, inside: graph, cells, removed: new Removed(cells) };
    drawing.connect(choose);
    sheet.replaceChildren(drawing.host);
    status.textContent = graph || !isImages(artifact) ? '' : `For feature maps and for removing edges: ${buildCommand(artifact.manifest)} --inspect`;
    columns.hidden = controls.hidden = false;
    removals.hidden = restore.hidden = graph === null;
    leave.hidden = enter.hidden = true;
    slider.max = String(cells.length);
    slider.parentElement!.hidden = cells.length < 2;
    go(0);
  } catch (error) {
    if (!signal.aborted) status.textContent = sentence(error);
  }
}

async function open(artifact: Artifact, signal: AbortSignal): Promise<Inside> {
  const progress = ({ loaded, total }: { loaded: number; total: number }) => {
    status.textContent = `Loading the maps: ${bytes(loaded)} of ${bytes(total)}`;
  };
  return Inside.open(artifact, progress, signal);
}

/** Moves to a cell of the network. */
function go(to: number): void {
  const { cells, drawing } = view!;
  halt();
  cell = to;
  const kind = cells[cell]!;
  drawing.showOnly(kind);
  slider.value = String(cell + 1);
  const name = { normal: 'normal', reduce: 'reduction' }[kind] ?? kind;
  const outer = outOf(view!, cell);
  const where = outer ? `, node ${outer.edge.source} to ${outer.edge.target} of cell ${outer.cell + 1}` : '';
  position.textContent = view!.inside ? `${cell + 1} of ${cells.length}, ${name}${where}` : name;
  leave.hidden = outer === null;
  leave.textContent = outer ? `Back to cell ${outer.cell + 1}` : '';
  slider.setAttribute('aria-valuetext', position.textContent);
  const alike = drawing.parts.filter((part) => part.cell === kind);
  choose(alike.find((part) => chosen && sameIn(part, chosen)) ?? drawing.edges(kind)[0] ?? alike[0]!);
}

/** Shows a node or edge of the current cell. */
function choose(part: Part): void {
  chosen = part;
  title.textContent = nameOf(part);
  if (part.kind === 'edge') {
    const stride = isStrided(part) ? 2 : 1;
    const operation = describe(part.operation, genotypeKind(view!), stride > 1);
    text.textContent = operation.sentence;
    kernel.show(operation, stride);
  } else {
    const edges = view!.drawing.edges(part.cell).filter(({ target }) => target === part.name);
    text.textContent = describeNode(part.name, genotypeKind(view!), edges.length);
    kernel.show({ sentence: '', layers: [] }, 1);
  }
  if (!isComputed(view!, cell, part) && !(part.kind === 'edge' && part.operation === 'none')) text.textContent += ` ${LEFT_OUT}`;
  enter.hidden = into(view!, cell, part) < 0;
  enter.textContent = part.kind === 'edge' ? `Look inside ${part.operation}` : '';
  mark();
  void refresh();
}

function remove(how: (removed: Removed, edge: number, kind: string) => void): void {
  const { number, cell: kind } = chosen as Edge;
  change(() => how(view!.removed, number, kind));
}

/** Changes the removed edges, and shows what follows. */
function change(how: () => void): void {
  halt();
  how();
  mark();
  void refresh();
}

/** Shows what is chosen and what is removed. */
function mark(): void {
  const { drawing, removed } = view!;
  drawing.mark('chosen', (part) => part === chosen);
  drawing.mark('gone', (part) => part.kind === 'edge' && part.cell === chosen.cell && removed.has(cell, part.number));
  restore.disabled = removed.count === 0;
  const fixed = chosen.kind === 'node' || !isComputed(view!, cell, chosen);
  removeHere.disabled = removeAll.disabled = fixed;
  const alike = removed.alike(chosen.cell).length;
  const all = { normal: 'normal cells', reduce: 'reduction cells', cell: 'cells' }[chosen.cell] ?? `copies of ${chosen.cell}`;
  removeAll.textContent = `Remove from all ${alike} ${all}`;
  removeAll.hidden = alike < 2;
  const number = fixed ? -1 : (chosen as Edge).number;
  press(removeHere, removed.has(cell, number));
  press(removeAll, !fixed && removed.hasAll(chosen.cell, number));
}

function press(which: HTMLButtonElement, on: boolean): void {
  which.setAttribute('aria-pressed', String(on));
  which.classList.toggle('on', on);
}

/** Runs the graph for what is shown, and again if that has changed in the meantime. */
const refresh = latest(section, showMaps, (why) => {
  if (view) status.textContent = why;
});

async function showMaps(outdated: () => boolean): Promise<void> {
  const here = view;
  if (!here?.inside) return void maps.replaceChildren();
  const { artifact, inside, removed } = here;
  const pixels = currentPixels();
  answers.root.hidden = pixels === null;
  if (!pixels) {
    maps.replaceChildren(make('p', 'help', 'Draw something or choose a sample to see its feature maps.'));
    return;
  }
  const sheets = sheetsOf(here, cell, chosen);
  const keeps = (of: number, edge: number) => !removed.has(of, edge);
  const found = await inside.run(pixels, keeps, [...sheets.map(([, output]) => output), 'probabilities']);
  const { count } = removed;
  const whole = count === 0 ? found : await inside.run(pixels, () => true, ['probabilities']);
  if (view !== here || outdated() || !isImages(artifact)) return;
  maps.replaceChildren(...sheets.map(([name, output]) => mapSheet(name, found[output]!)));
  const shares = (of: Tensors) => of.probabilities!.data as Float32Array;
  answers.show(artifact.manifest, shares(whole), shares(found), count);
  root.dataset.shown = `${cell} ${nameOf(chosen)} ${count}`;
}

/** Starts the way of the picture from the current cell on, or stops it. */
async function toggle(): Promise<void> {
  if (playing) {
    halt();
    return;
  }
  const here = view!;
  if (after(here, cell) < 0) go(0);
  halt();
  setPlaying(true);
  const { signal } = leaving;
  try {
    for (;;) {
      const kind = here.cells[cell]!;
      const run = (pictures = new AbortController());
      const seen = await picturesOf(here, cell, currentPixels());
      if (run.signal.aborted) return;
      await flow(here.drawing, kind, (part) => seen.get(part) ?? null, (edge) => here.removed.has(cell, edge.number) || !isComputed(here, cell, edge), run.signal);
      if (run.signal.aborted || signal.aborted) return;
      const next = after(here, cell);
      if (next < 0 || matchMedia('(prefers-reduced-motion: reduce)').matches) break;
      go(next);
      setPlaying(true);
    }
    setPlaying(false); // the pictures of the last cell stay
  } catch (error) {
    if (view === here) status.textContent = sentence(error);
    halt();
  }
}

/** Removes the pictures over the drawing, and stops their way. */
function halt(): void {
  pictures.abort();
  setPlaying(false);
}

function setPlaying(on: boolean): void {
  playing = on;
  play.textContent = on ? 'Stop' : 'Play';
}

function build(): void {
  Object.assign(slider, { type: 'range', min: '1', max: '1', step: '1', value: '1', id: 'inside-cell' });
  slider.addEventListener('input', () => go(Number(slider.value) - 1));
  const label = make('label', 'inside-slider', 'Cell ');
  label.append(slider, position);
  controls.append(play, label, leave, restore);
  removals.append(enter, removeHere, removeAll);
  const part = make('div', 'inside-part');
  title.setAttribute('aria-live', 'polite');
  part.append(title, text, kernel.figure, removals, maps);
  sheet.tabIndex = 0;
  sheet.setAttribute('role', 'group');
  sheet.setAttribute('aria-label', 'Nodes and edges');
  columns.append(sheet, part, answers.root);
  status.setAttribute('role', 'status');
  root.replaceChildren(controls, status, columns);
  asked.addEventListener('change', () => {
    halt();
    void refresh();
  });
  section.addEventListener('toggle', halt);
}

function button(id: string, name: string, onClick: () => void): HTMLButtonElement {
  const made = make('button', id === 'inside-play' ? 'first' : '', name);
  made.type = 'button';
  made.id = id;
  made.addEventListener('click', onClick);
  return made;
}
