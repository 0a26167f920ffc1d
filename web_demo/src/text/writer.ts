/** The language model at work: a prompt, a few settings, and the text that comes token by token. */

import { sentence } from '../artifact/failure';
import type { Artifact, StepManifest } from '../artifact/artifact';
import { element, make } from '../ui/page';
import { showFailure } from '../ui/status';
import { Reader, type LanguageModel } from './reader';
import { choose, mulberry32 } from './sampling';
import { Vocabulary } from './tokens';
import { downloadVocabulary } from './vocabulary';

/** Between two pictures of the page. */
const TURN_MS = 15;

/** Unknown words that are named; the others are counted. */
const MOST_NAMED = 4;

/** What the end of a text is read out of, by assistive technology. */
const MOST_SPOKEN = 400;

const prompt = element('prompt', HTMLTextAreaElement);
const temperature = element('temperature', HTMLInputElement);
const temperatureText = element('temperature-text', HTMLOutputElement);
const seed = element('seed', HTMLInputElement);
const length = element('length', HTMLInputElement);
const writeButton = element('write', HTMLButtonElement);
const stopButton = element('stop', HTMLButtonElement);
const written = element('written', HTMLElement);
const unknownText = element('unknown', HTMLElement);
const speed = element('speed', HTMLElement);
const spoken = element('written-spoken', HTMLElement);

let network: LanguageModel | null = null;
let vocabulary: Vocabulary | null = null;
let running: AbortController | null = null;

connect();

function connect(): void {
  writeButton.addEventListener('click', () => void write());
  stopButton.addEventListener('click', () => {
    running?.abort();
    writeButton.focus();
  });
  prompt.addEventListener('keydown', (event) => {
    if (event.key !== 'Enter' || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    if (!writeButton.disabled) void write();
  });
  prompt.addEventListener('input', nameUnknown);
  temperature.addEventListener('input', showTemperature);
  showTemperature();
}

/** Makes the writer that of another model. */
export async function describe(artifact: Artifact<StepManifest>, signal: AbortSignal): Promise<void> {
  const tokens = await downloadVocabulary(artifact, signal);
  signal.throwIfAborted();
  const words = new Vocabulary(tokens, artifact.manifest.input.unit ?? 'word');
  vocabulary = words;
  prompt.value = words.inWords ? 'the' : 'The ';
  length.value = words.inWords ? '100' : '500';
  element('length-text', HTMLElement).textContent = words.inWords ? 'Words' : 'Characters';
  element('prompt-help', HTMLElement).textContent = words.inWords
    ? 'Words and punctuation marks are parted by blanks, as in the text that the model has read.'
    : 'Any text of characters that the model knows; it goes on from the last one.';
  clearText();
  nameUnknown();
}

/** The network that writes; null while there is none. */
export function writeWith(ready: LanguageModel | null): void {
  running?.abort();
  network = ready;
  writeButton.disabled = ready === null;
}

async function write(): Promise<void> {
  if (!network || !vocabulary) return;
  running?.abort();
  running = new AbortController();
  const { signal } = running;
  showFailure(null);
  clearText();
  stopButton.disabled = false;
  written.setAttribute('aria-busy', 'true');
  spoken.textContent = 'Writing.';
  let end = 'Done';
  try {
    await writeOn(network, vocabulary, signal);
  } catch (error) {
    end = 'Stopped';
    if (!signal.aborted) showFailure(sentence(error));
  }
  // A newer text goes on where this one was.
  if (running?.signal !== signal) return;
  if (document.activeElement === stopButton) writeButton.focus();
  stopButton.disabled = true;
  written.setAttribute('aria-busy', 'false');
  const text = written.textContent ?? '';
  spoken.textContent = `${end}. ${text.slice(0, MOST_SPOKEN)}`;
}

/** From the zero state through the prompt, and on: each token chosen is the next one read. */
async function writeOn(model: LanguageModel, words: Vocabulary, signal: AbortSignal): Promise<void> {
  const random = mulberry32(wholeNumber(seed, 0));
  const heat = Number(temperature.value);
  const most = wholeNumber(length, 100);
  const { ids } = words.read(prompt.value);
  const tokens = ids.length > 0 ? [...ids] : [words.beginning];
  const text = document.createTextNode('');
  const given = make('span', 'given', ids.map((id) => words.write(id)).join(''));
  written.replaceChildren(given, text);
  const reader = new Reader(model);
  for (const token of tokens.slice(0, -1)) {
    await reader.take(token);
    signal.throwIfAborted();
  }
  let shown = performance.now();
  let token = tokens.at(-1)!;
  let fresh = '';
  const start = performance.now();
  for (let count = 1; count <= most; count++) {
    const logits = await reader.predict(token);
    signal.throwIfAborted();
    token = choose(logits, heat, random);
    fresh += words.write(token);
    if (count < most && performance.now() - shown < TURN_MS) continue;
    show(text, fresh, words, count, performance.now() - start);
    fresh = '';
    shown = performance.now();
  }
}

function show(text: Text, fresh: string, words: Vocabulary, count: number, ms: number): void {
  const following = written.scrollHeight - written.scrollTop - written.clientHeight < 40;
  text.appendData(fresh);
  if (following) written.scrollTop = written.scrollHeight;
  // A coarse clock may not have moved.
  const rate = (count / Math.max(ms, 1)) * 1000;
  speed.textContent = `${words.count(count)}, ${rate.toLocaleString('en', { maximumFractionDigits: rate < 10 ? 1 : 0 })} a second`;
}

function clearText(): void {
  written.replaceChildren();
  speed.textContent = '';
  spoken.textContent = '';
}

function nameUnknown(): void {
  if (!vocabulary) return;
  const { unknown } = vocabulary.read(prompt.value);
  const named = unknown.slice(0, MOST_NAMED).map((token) => JSON.stringify(token));
  const more = unknown.length > MOST_NAMED ? ` and ${unknown.length - MOST_NAMED} more` : '';
  const fate = vocabulary.hasUnknown ? 'read as <unk>' : 'left out';
  unknownText.textContent = unknown.length > 0 ? `Not in the vocabulary, and ${fate}: ${named.join(', ')}${more}.` : '';
}

function showTemperature(): void {
  const value = Number(temperature.value);
  temperatureText.textContent = value === 0 ? '0, always the likeliest' : value.toFixed(1);
}

/** What the field holds, which is brought within its bounds where everybody can see it. */
function wholeNumber(input: HTMLInputElement, otherwise: number): number {
  const value = Number.isFinite(input.valueAsNumber) ? Math.floor(input.valueAsNumber) : otherwise;
  input.valueAsNumber = Math.min(Math.max(value, Number(input.min)), Number(input.max));
  return input.valueAsNumber;
}
