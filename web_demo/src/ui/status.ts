/** Where the network runs: progress of the download, choice of backend, times, parity. */

import { TITLES, type Availability, type Backend } from '../runtime/backends';
import type { Progress } from '../artifact/files';
import { bytes, element, make, milliseconds, row } from './page';
import type { Parity, Timing } from '../runtime/parity';

const loading = element('loading', HTMLElement);
const loadingText = element('loading-text', HTMLElement);
const bar = element('progress', HTMLProgressElement);
const choices = element('backends', HTMLFieldSetElement);
const times = element('times', HTMLDListElement);
const parityLine = element('parity', HTMLElement);
const failure = element('failure', HTMLElement);

export interface Download {
  readonly bytes: number;
  readonly ms: number;
}

/** A step that takes a while; null when all are done. */
export function showStep(text: string | null): void {
  loading.hidden = text === null;
  loadingText.textContent = text ?? '';
  // Without a value the bar shows that something goes on, not how far it is.
  bar.removeAttribute('value');
}

export function showProgress(name: string, { loaded, total }: Progress): void {
  showStep(`Downloading ${name}: ${bytes(loaded)} of ${bytes(total)}`);
  bar.value = total > 0 ? loaded / total : 1;
}

export function showFailure(sentence: string | null): void {
  failure.hidden = sentence === null;
  failure.textContent = sentence ?? '';
  if (sentence !== null) failure.scrollIntoView({ block: 'nearest' }); // a phone may be far below it
}

export function isFailureShown(): boolean {
  return !failure.hidden;
}

/** The picker, with `chosen` marked: an unavailable backend stays in the list, and says why. */
export function showBackends(
  survey: readonly Availability[],
  chosen: Backend,
  onChoose: (backend: Backend) => void,
): void {
  const focused = choices.contains(document.activeElement);
  const labels = survey.map(({ backend, reason, note }) => {
    const label = make('label');
    const radio = make('input');
    radio.type = 'radio';
    radio.name = 'backend';
    radio.value = backend;
    radio.disabled = reason !== null;
    radio.addEventListener('change', () => onChoose(backend));
    label.append(
      radio,
      make('span', '', TITLES[backend]),
      make('small', '', reason === null ? note : `Not available: ${reason}`),
    );
    return label;
  });
  choices.replaceChildren(choices.querySelector('legend')!, ...labels);
  markBackend(chosen);
  if (focused) radio(chosen).focus();
}

export function markBackend(backend: Backend): void {
  radio(backend).checked = true;
}

function radio(backend: Backend): HTMLInputElement {
  return choices.querySelector<HTMLInputElement>(`input[value=${backend}]`)!;
}

export function showTimes(download: Download, timing: Timing | null): void {
  const tile = (name: string, value: string, note: string) => row(name, value, make('small', '', note));
  times.replaceChildren(
    tile('Download', milliseconds(download.ms), bytes(download.bytes)),
    tile('First run', timing ? milliseconds(timing.warmUp) : '…', 'warm-up'),
    tile('Then', timing ? milliseconds(timing.steady) : '…', timing ? `median of ${timing.runs}` : ''),
  );
}

export function forgetMeasures(): void {
  times.replaceChildren();
  forgetParity();
}

export function forgetParity(): void {
  parityLine.className = 'parity';
  parityLine.textContent = '';
}

export function showParity(parity: Parity, backend: Backend, inputs: string): void {
  parityLine.className = `parity ${parity.ok ? 'good' : 'bad'}`;
  const exact = parity.precision === 'float32' || parity.maxDifference <= parity.strict;
  const limit = scientific(exact ? parity.strict : parity.limit);
  const found = `largest difference ${scientific(parity.maxDifference)} in ${parity.images} ${inputs}, limit ${limit}`;
  const graphics = backend === 'webgl' || backend === 'webgpu';
  const why =
    exact && graphics
      ? '. Graphics processors round in their own way, so the limit is a thousandth of the largest logit'
      : '';
  const same = exact ? 'Same logits as PyTorch' : `As near to PyTorch as ${parity.precision} weights can be expected`;
  parityLine.textContent = parity.ok
    ? `✓ ${same}: ${found}${why}.`
    : `✗ Other logits than PyTorch: ${found}${why}. Do not trust ${TITLES[backend]} here: choose another backend.`;
}

function scientific(value: number): string {
  return Number.isFinite(value) ? value.toExponential(1) : 'not a number';
}
