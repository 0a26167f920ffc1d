/** Text generation: prompt, settings, and the streamed text. */

import { sentence } from '../artifact/failure';
import type { Artifact } from '../artifact/artifact';
import type { StepManifest } from '../artifact/manifest';
import { element, make } from '../ui/page';
import { showFailure } from '../ui/status';
import { Reader, type LanguageModel } from './reader';
import { choose, mulberry32 } from './sampling';
import { Vocabulary } from './tokens';
import { downloadVocabulary } from './vocabulary';
import '../style/writer.css';

/** Milliseconds between updates of the page. */
const TURN_MS = 15;

/** Longer lists of unknown tokens are cut after this many. */
const MOST_NAMED = 4;

/** Number of characters that screen readers announce at the end. */
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

/** Sets the language model, and resets prompt and settings. */
export async function describe(artifact: Artifact<StepManifest>, signal: AbortSignal): Promise<void> {
  const tokens = await downloadVocabulary(artifact, signal);
  signal.throwIfAborted();
  const words = new Vocabulary(tokens, artifact.manifest.input.unit ?? 'word');
  vocabulary = words;
  prompt.value = words.inWords ? 'the' : 'The ';
  length.value = words.inWords ? '100' : '500';
  element('length-text', HTMLElement).textContent = words.inWords ? 'Words' : 'Characters';
  element('prompt-help', HTMLElement).textContent = words.inWords
    ? 'Separate words and punctuation with spaces, as in the training text.'
    : 'The model continues this text character by character.';
  clearText();
  nameUnknown();
}

/** Sets the loaded network; null while none is loaded. */
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
  spoken.textContent = 'Generating.';
  let end = 'Done';
  try {
    await writeOn(network, vocabulary, signal);
  } catch (error) {
    end = 'Stopped';
    if (!signal.aborted) showFailure(sentence(error));
  }
  // A newer text has replaced this one.
  if (running?.signal !== signal) return;
  if (document.activeElement === stopButton) writeButton.focus();
  stopButton.disabled = true;
  written.setAttribute('aria-busy', 'false');
  const text = written.textContent ?? '';
  spoken.textContent = `${end}. ${text.slice(0, MOST_SPOKEN)}`;
}

/** Reads the prompt, then feeds each sampled token back to the model. */
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
  // A coarse clock may report 0 ms.
  const rate = (count / Math.max(ms, 1)) * 1000;
  speed.textContent = `${words.count(count)}, ${rate.toLocaleString('en', { maximumFractionDigits: rate < 10 ? 1 : 0 })} per second`;
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
  const treatment = vocabulary.hasUnknown ? 'read as <unk>' : 'ignored';
  unknownText.textContent = unknown.length > 0 ? `Not in the vocabulary, ${treatment}: ${named.join(', ')}${more}.` : '';
}

function showTemperature(): void {
  const value = Number(temperature.value);
  temperatureText.textContent = value === 0 ? '0, most likely token' : value.toFixed(1);
}

/** The value of a field, rounded down and clamped to its bounds; also updates the field. */
function wholeNumber(input: HTMLInputElement, otherwise: number): number {
  const value = Number.isFinite(input.valueAsNumber) ? Math.floor(input.valueAsNumber) : otherwise;
  input.valueAsNumber = Math.min(Math.max(value, Number(input.min)), Number(input.max));
  return input.valueAsNumber;
}
