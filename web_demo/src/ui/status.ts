/** Progress, failures, times, and agreement with the reference. */

import { downloadBytes, referenceOf, type AnyManifest } from '../artifact/manifest';
import type { Progress } from '../artifact/files';
import type { Choice } from '../choice/choice';
import { TITLES } from '../runtime/backends';
import type { Checked, Timing } from '../runtime/check';
import { bytes, counted, element, make, milliseconds, row, scientific } from './page';

const loading = element('loading', HTMLElement);
const loadingText = element('loading-text', HTMLElement);
const bar = element('progress', HTMLProgressElement);
const times = element('times', HTMLDListElement);
const agreementLine = element('parity', HTMLElement);
const failure = element('failure', HTMLElement);

/** Shows the current step of loading; null hides it. */
export function showStep(text: string | null): void {
  loading.hidden = text === null;
  loadingText.textContent = text ?? '';
  // Without a value the bar is indeterminate.
  bar.removeAttribute('value');
}

export function showProgress(name: string, { loaded, total }: Progress): void {
  showStep(`Downloading ${name}: ${bytes(loaded)} of ${bytes(total)}`);
  bar.value = total > 0 ? loaded / total : 1;
}

export function showFailure(sentence: string | null): void {
  failure.hidden = sentence === null;
  failure.textContent = sentence ?? '';
  if (sentence !== null) failure.scrollIntoView({ block: 'nearest' }); // it may be off screen on a phone
}

export function showTimes({ runtime }: Choice, downloadMs: number, manifest: AnyManifest, timing: Timing | null): void {
  const tile = (name: string, value: string, note: string) => row(name, value, make('small', '', note));
  times.replaceChildren(
    tile('Download', milliseconds(downloadMs), bytes(downloadBytes(manifest, runtime.reads))),
    tile('First run', timing ? milliseconds(timing.first) : '…', 'includes warm-up'),
    tile('Next runs', timing ? milliseconds(timing.steady) : '…', timing ? `median of ${timing.runs}` : ''),
  );
}

export function forgetMeasures(): void {
  times.replaceChildren();
  agreementLine.className = 'parity';
  agreementLine.textContent = '';
}

/** Name of a fixture case, by task. */
const CASES: Readonly<Record<string, string>> = {
  'image-classification': 'image',
  'language-model-step': 'step',
  tensors: 'input',
};

export function showCheck({ agreement, cases }: Checked, { runtime, backend }: Choice, manifest: AnyManifest): void {
  const { ok, difference, limit, output } = agreement;
  const rounded = isRounded(manifest, runtime.reads, difference);
  const relative = manifest.parity.some((one) => one.relative);
  const tensors = manifest.task === 'tensors';
  const reference = referenceOf(manifest);
  const found =
    `largest difference ${scientific(difference)}${relative ? ' of the largest value' : ''}` +
    `${tensors && cases > 0 ? `, in ${output}` : ''}, over ${counted(cases, CASES[manifest.task] ?? 'input')}, ` +
    `limit ${scientific(limit)}`;
  const graphics = backend === 'webgl' || backend === 'webgpu';
  const why =
    graphics && !rounded
      ? `. GPUs round differently, so the limit is 0.1 % of the largest ${tensors ? 'value' : 'logit'}`
      : '';
  const what = tensors ? 'outputs' : 'logits';
  const same = rounded
    ? `Matches ${reference} within ${manifest.precision} precision`
    : `Same ${what} as ${reference}`;
  agreementLine.className = `parity ${ok ? 'good' : 'bad'}`;
  agreementLine.textContent = ok
    ? `✓ ${same}: ${found}${why}.`
    : `✗ Wrong ${what}, compared with ${reference}: ${found}${why}. Choose another backend than ${TITLES[backend]}.`;
}

/** Whether reduced-precision weights explain the difference. */
function isRounded({ parity, precision }: AnyManifest, reads: string, difference: number): boolean {
  const exact = Math.min(...parity.map(({ limit }) => limit));
  const own = parity.find(({ hop }) => hop === reads)?.limit ?? exact;
  return precision != null && precision !== 'float32' && own > exact && difference > exact;
}
