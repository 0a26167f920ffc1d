/** The prediction: label, probability, bars of the top classes, and the network input. */

import { className, type Manifest } from '../artifact/manifest';
import { element, make, paint, percent } from './page';
import { cutAsImageNet, readsDigits } from '../image/picture';

const MOST_BARS = 5;

const label = element('verdict-label', HTMLElement);
const text = element('verdict-text', HTMLElement);
const spoken = element('spoken', HTMLElement);
const bars = element('bars', HTMLOListElement);
const badge = element('badge', HTMLElement);
const seen = element('seen', HTMLCanvasElement);
const seenText = element('seen-text', HTMLElement);

export function showAnswer(
  manifest: Manifest,
  pixels: Float32Array,
  probabilities: Float32Array,
  truth: string | null,
): void {
  const best = Array.from(probabilities, (share, i) => ({ share, name: className(manifest, i) }))
    .sort((a, b) => b.share - a.share)
    .slice(0, MOST_BARS);
  const { name, share } = best[0]!;
  label.textContent = name;
  label.className = name.length <= 2 ? 'short' : '';
  label.parentElement!.classList.remove('none');
  const right = truth === null ? '' : truth === name ? ': correct' : `: wrong, this is ${truth}`;
  text.textContent = `${percent(share)} probability${right}`;
  badge.textContent = `${name} · ${percent(share)}`;
  badge.hidden = false;
  speak(`${name}, ${percent(share)}${right}`, name);
  drawBars(best);
  const { width, height } = manifest.input;
  paint(seen, pixels, width, height);
  seen.setAttribute('aria-label', `What the network sees, ${width} by ${height} pixels`);
}

/** Marks the prediction as outdated for assistive technology. */
export function showBusy(busy: boolean): void {
  element('answer', HTMLElement).setAttribute('aria-busy', String(busy));
}

/** Clears the prediction and shows `reason`. */
export function showNothing(reason: string): void {
  label.textContent = '–';
  label.className = 'short';
  label.parentElement!.classList.add('none');
  text.textContent = reason;
  badge.hidden = true;
  speak(reason, reason);
  bars.replaceChildren();
  seen.getContext('2d')!.clearRect(0, 0, seen.width, seen.height);
}

/** Describes the preprocessing of this network. */
export function describeInput(manifest: Manifest): void {
  const { input } = manifest;
  let preprocessing = 'center crop, averaged over the area of each pixel';
  if (readsDigits(manifest)) preprocessing = 'stretched, deskewed and inked like the training scans';
  if (cutAsImageNet(manifest)) preprocessing = 'center crop, scaled as in ImageNet evaluation';
  seenText.textContent = `${input.width} × ${input.height} pixels, ${preprocessing}`;
}

let lastSpoken = '';

/** Speaks the next prediction even if it equals the last one, as after a manual choice. */
export function speakAgain(): void {
  lastSpoken = '';
}

/** Speaks only changes: a live camera would talk without end. */
function speak(sentence: string, answer: string): void {
  if (answer === lastSpoken) return;
  lastSpoken = answer;
  spoken.textContent = sentence;
}

function drawBars(best: readonly { name: string; share: number }[]): void {
  // Existing bars animate; new ones would flicker.
  while (bars.children.length > best.length) bars.lastElementChild!.remove();
  while (bars.children.length < best.length) bars.append(emptyBar());
  best.forEach(({ name, share }, i) => {
    const [nameCell, track, shareCell] = bars.children[i]!.children as unknown as [
      HTMLElement,
      HTMLElement,
      HTMLElement,
    ];
    nameCell.textContent = name;
    shareCell.textContent = percent(share);
    (track.firstElementChild as HTMLElement).style.setProperty('--share', String(share));
  });
}

function emptyBar(): HTMLLIElement {
  const item = make('li');
  const track = make('span', 'track');
  const fill = make('span', 'fill');
  track.append(fill);
  item.append(make('span', 'name'), track, make('span', 'share'));
  return item;
}
