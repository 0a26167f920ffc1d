/** The section where the visitor teaches the network on the page new classes, and takes it home. */

import '../style/teach.css';
import { isImages, type Artifact } from '../artifact/artifact';
import { Failure, sentence } from '../artifact/failure';
import type { Field } from '../race/door';
import { cameraRuns } from '../ui/inputs';
import { latest } from '../ui/latest';
import { counted, element, make, percent } from '../ui/page';
import { asked } from '../ui/session';
import { Chart, confusionTable, sharesOf } from './chart';
import { ClassCard, namesOf, type Acts } from './classes';
import { fit, split } from './fit';
import { accuracyOf, confusionOf, STEPS } from './head';
import type { Lesson } from './packed';
import { read, record, refuseTooMany, switchCamera, take } from './pictures';
import { Saving } from './saving';
import { Seen } from './seen';
import { Taught, Trunk } from './taught';

const [FEWEST_CLASSES, MOST_CLASSES] = [2, 20];

const section = element('teach', HTMLDetailsElement);
const root = element('teach-panel', HTMLElement);
const status = make('p', 'help');
const cards = make('div', 'teach-classes');
const add = button('Add class', addClass);
const train = button('Train', () => void teach());
const seen = new Seen(() => void work(startCamera));
const reset = button('Start again', () => begin());
const chart = new Chart(STEPS);
const result = make('div', 'teach-result');
const answer = make('ol', 'bars');
const saving = new Saving(() => void work(save));
build();

let field: Field | null = null;
let trunk: Promise<Trunk> | null = null;
let taught: Taught | null = null;
let lesson: Omit<Lesson, 'name' | 'labels'> | null = null;
let classes: ClassCard[] = [];
let made = 0;
let leaving = new AbortController();
/** The card whose record button is held. */
let held: ClassCard | null = null;

const acts: Acts = {
  take: (to) => void work(() => take(to, field?.pixels() ?? null, keep)),
  open: (to, files) => void work(() => read(field!.artifact as Artifact, to, files, keep)),
  hold: (to, on) => {
    held = on ? to : null;
    if (on) void work(() => hold(to));
  },
  remove: removeClass,
  change: settle,
};

/** Shows the network to teach; its classes stay while the runtime or backend changes. */
export function showField(next: Field | null): void {
  const same = next !== null && next.artifact === field?.artifact;
  field = next;
  if (!same) begin();
}

/** Starts with two empty classes. */
function begin(): void {
  leaving.abort();
  leaving = new AbortController();
  held = null;
  forget();
  void trunk?.then((one) => one.dispose(), () => {});
  trunk = null;
  classes = [];
  made = 0;
  status.textContent = '';
  cards.replaceChildren();
  const here = field;
  for (const one of [add, train, seen.camera, reset]) one.disabled = !here;
  if (!here || !isImages(here.artifact)) return;
  saving.name = `${here.artifact.manifest.name}-taught`;
  for (let i = 0; i < FEWEST_CLASSES; i++) addClass();
  showNow();
  const { signal } = leaving;
  trunk = Trunk.open(here, signal);
  trunk.catch((error: unknown) => {
    if (signal.aborted) return;
    status.textContent = sentence(error);
    cards.replaceChildren();
    for (const one of [add, train, seen.camera, reset]) one.disabled = true;
  });
}

/** Runs a task of the visitor, and reports why it failed. */
async function work(task: () => Promise<void>): Promise<void> {
  const { signal } = leaving;
  try {
    status.textContent = '';
    await task();
  } catch (error) {
    if (!signal.aborted) status.textContent = sentence(error);
  }
}

function addClass(): void {
  if (!field || !isImages(field.artifact)) return;
  if (classes.length >= MOST_CLASSES) {
    status.textContent = `This page teaches at most ${MOST_CLASSES} classes.`;
    return;
  }
  const card = new ClassCard(++made, field.artifact.manifest.input, acts);
  classes.push(card);
  cards.append(card.root);
  forget();
}

function removeClass(card: ClassCard): void {
  classes = classes.filter((one) => one !== card);
  card.root.remove();
  forget();
  add.focus();
}

/** Forgets what was taught, since the classes are others now. */
function forget(): void {
  taught?.dispose();
  taught = lesson = null;
  chart.clear();
  result.replaceChildren();
  answer.replaceChildren();
  saving.root.hidden = true;
  delete root.dataset.taught;
  settle();
}

function settle(): void {
  for (const card of classes) card.removal.hidden = classes.length <= FEWEST_CLASSES;
  if (taught) void tell();
}

/** Adds a picture to a class. */
async function keep(to: ClassCard, pixels: Float32Array): Promise<void> {
  const one = trunk;
  if (!one) return;
  refuseTooMany(classes, pixels);
  const features = await (await one).features(pixels);
  if (trunk === one && classes.includes(to)) to.add({ pixels: pixels.slice(), features });
}

/** Records while the button is held; turns the camera on first. */
async function hold(to: ClassCard): Promise<void> {
  if (cameraRuns()) {
    await record(to, () => field?.pixels() ?? null, () => held === to, keep);
    return;
  }
  await startCamera();
  if (cameraRuns()) status.textContent = 'The camera is on: hold the button again to record.';
}

async function startCamera(): Promise<void> {
  try {
    await switchCamera(leaving.signal);
  } finally {
    seen.showCamera();
  }
}

/** Trains a head on the pictures, and loads the network with it. */
async function teach(): Promise<void> {
  const { signal } = leaving;
  await work(async () => {
    const one = await trunk;
    if (!one) return;
    const labels = namesOf(classes);
    const empty = classes.find(({ examples }) => examples.length === 0);
    if (empty) throw new Failure(`${empty.name} has no pictures: add some, or remove the class.`);
    forget();
    const focused = document.activeElement;
    for (const card of classes) card.freeze(true);
    train.disabled = add.disabled = true;
    try {
      const start = performance.now();
      const { pictures, out } = split(classes.map(({ examples }) => examples));
      const head = await fit(pictures, out, labels.length, chart, signal);
      const seconds = ((performance.now() - start) / 1000).toFixed(1);
      const next = await one.teach(head, saving.name, labels, signal);
      if (signal.aborted) {
        next.dispose();
        return;
      }
      taught = next;
      lesson = { pictures: pictures.length, proofs: classes.map(({ examples }, truth) => ({ pixels: examples[0]!.pixels, truth })) };
      status.textContent = `Trained on ${counted(pictures.length, 'picture')} in ${seconds} s. ${measured(accuracyOf(confusionOf(head, out)), out.length)}`;
      if (out.length > 0) result.replaceChildren(confusionTable(labels, confusionOf(head, out)));
      saving.root.hidden = false;
      await tell();
      root.dataset.taught = 'yes';
    } finally {
      for (const card of classes) card.freeze(false);
      if (!signal.aborted) train.disabled = add.disabled = false;
      if (focused === train) train.focus(); // lost while it was disabled
    }
  });
}

const measured = (share: number | null, count: number): string =>
  share === null ? 'Give a class five pictures to measure the accuracy on one that is held out.' : `Held-out accuracy: ${percent(share)} of ${counted(count, 'picture')}.`;

/** Answers with the new classes for the picture on the page. */
const tell = latest(section, showAnswer, (why) => {
  status.textContent = why;
});

async function showAnswer(): Promise<void> {
  const one = taught;
  const pixels = field?.pixels() ?? null;
  const shares = one && pixels && (await one.probabilities(pixels).catch((error: unknown) => {
    if (taught === one) throw error;
    return null; // unloaded in the meantime
  }));
  if (one && taught === one) answer.replaceChildren(...sharesOf(classes.map((card) => card.name), shares));
}

function showNow(): void {
  seen.show(field?.artifact as Artifact | undefined, field?.pixels() ?? null);
}

/** Downloads the zip. */
async function save(): Promise<void> {
  if (taught && lesson) status.textContent = await saving.save(taught, { ...lesson, labels: namesOf(classes) }, leaving.signal);
}

function button(text: string, act: () => void): HTMLButtonElement {
  const one = make('button', '', text);
  one.type = 'button';
  one.addEventListener('click', act);
  return one;
}

function build(): void {
  status.setAttribute('role', 'status');
  train.classList.add('first');
  const tools = make('div', 'tools');
  tools.append(add, train, reset);
  answer.setAttribute('aria-label', 'Answer of the taught network');
  const lead = make('p', 'help', 'Name the classes, give each some pictures, and train a new last layer. Pictures and network stay on this device.');
  root.replaceChildren(lead, seen.root, cards, tools, status, chart.root, result, answer, saving.root);
  asked.addEventListener('change', () => {
    if (!section.open) return;
    showNow();
    if (taught) void tell();
  });
  section.addEventListener('toggle', () => section.open && (showNow(), taught && void tell()));
}
